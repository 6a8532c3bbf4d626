import base64
import json
import os
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from signer.errors import AuthError, UsageError
from signer.transport.credentials import Credential, Credentials, run_helper

HOST = "dtr.example.com"
SECRET = "hunter2secret"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def docker(directory: Path, config: object) -> Path:
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def answering(
    stdout: str = "", *, status: int = 0, stderr: str = ""
) -> Callable[[str, str], "subprocess.CompletedProcess[str]"]:
    def run(program: str, host: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess([program, host], status, stdout, stderr)

    return run


def helper_json(username: str, secret: str) -> str:
    return json.dumps({"ServerURL": HOST, "Username": username, "Secret": secret})


def whole_story(error: BaseException) -> str:
    """Everything that a traceback would show, hints included."""
    hint = getattr(error, "hint", "")
    return "".join(traceback.format_exception(error)) + hint + repr(error)


def test_no_secret_is_in_a_repr() -> None:
    shown = repr(Credential("ci", SECRET, SECRET)) + repr(
        Credentials({"DTR_PASSWORD": SECRET}, Path("x"))
    )
    assert SECRET not in shown
    assert "ci" in shown


def test_without_any_source_there_are_none(tmp_path: Path) -> None:
    assert Credentials({}, tmp_path).for_host(HOST) is None


# Variables.


def test_dtr_variables_hold_for_any_host_but_docker_hub(tmp_path: Path) -> None:
    found = Credentials({"DTR_USERNAME": "ci", "DTR_PASSWORD": SECRET}, tmp_path)
    for host in (HOST, "other:4443"):
        assert found.for_host(host) == Credential("ci", SECRET)
    for host in ("docker.io", "registry-1.docker.io", "notary.docker.io", "index.docker.io"):
        assert found.for_host(host) is None


@pytest.mark.parametrize("server", [HOST, f"https://{HOST}", f"https://{HOST}/", f"{HOST}:443"])
def test_dtr_server_narrows_them_to_its_host(tmp_path: Path, server: str) -> None:
    environment = {"DTR_USERNAME": "ci", "DTR_PASSWORD": SECRET, "DTR_SERVER": server}
    found = Credentials(environment, tmp_path)
    assert found.for_host(HOST) == Credential("ci", SECRET)
    assert found.for_host("evil.example.com") is None
    assert found.for_host(f"{HOST}:4443") is None


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"DTR_USERNAME": "ci"}, "DTR_PASSWORD is unset"),
        ({"DTR_USERNAME": "ci", "DTR_PASSWORD": ""}, "DTR_PASSWORD is unset"),
        ({"DTR_PASSWORD": SECRET}, "DTR_USERNAME is unset"),
        ({"DTR_USERNAME": "", "DTR_PASSWORD": ""}, "DTR_USERNAME and DTR_PASSWORD are unset"),
        (
            {"DTR_USERNAME": "ci", "DTR_PASSWORD": SECRET, "DTR_SERVER": ""},
            "DTR_SERVER is unset",
        ),
    ],
)
def test_a_half_set_account_is_an_error_that_names_the_variable(
    tmp_path: Path, environment: dict[str, str], named: str
) -> None:
    with pytest.raises(AuthError) as caught:
        Credentials(environment, tmp_path).for_host(HOST)
    assert named in str(caught.value)
    assert caught.value.code == "credentials-incomplete"
    assert SECRET not in whole_story(caught.value)


def test_notary_auth_is_for_notary_servers_alone(tmp_path: Path) -> None:
    found = Credentials({"NOTARY_AUTH": encoded(f"ci:{SECRET}:with:colons")}, tmp_path)
    assert found.for_host(HOST, notary=True) == Credential("ci", f"{SECRET}:with:colons")
    assert found.for_host(HOST) is None


@pytest.mark.parametrize("value", ["", f"ci:{SECRET}", encoded(SECRET), encoded(":x"), "####"])
def test_a_malformed_notary_auth_is_an_error_without_its_value(tmp_path: Path, value: str) -> None:
    with pytest.raises(AuthError) as caught:
        Credentials({"NOTARY_AUTH": value}, tmp_path).for_host(HOST, notary=True)
    assert caught.value.code == "credentials-incomplete"
    assert SECRET not in whole_story(caught.value)
    assert not value or value not in whole_story(caught.value)


def test_variables_win_over_dockers_configuration(tmp_path: Path) -> None:
    docker(tmp_path, {"auths": {HOST: {"auth": encoded("docker:x")}}})
    notary = encoded("notary:x")
    dtr = {"DTR_USERNAME": "dtr", "DTR_PASSWORD": "x", "NOTARY_AUTH": notary}
    for environment, name in ((dtr, "dtr"), ({"NOTARY_AUTH": notary}, "notary"), ({}, "docker")):
        found = Credentials(environment, tmp_path).for_host(HOST, notary=True)
        assert found is not None
        assert found.username == name


# Docker's configuration.


@pytest.mark.parametrize(
    ("key", "host"),
    [
        (HOST, HOST),
        (f"https://{HOST}", HOST),
        (f"https://{HOST}/v1/", HOST),
        (f"http://{HOST}/v2", HOST),
        (f"{HOST}:443", HOST),
        (HOST, "DTR.example.com"),
        (f"{HOST}:4443", f"{HOST}:4443"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("https://index.docker.io/v1/", "notary.docker.io"),
    ],
)
def test_an_entry_of_auths_is_found_by_its_host(tmp_path: Path, key: str, host: str) -> None:
    docker(tmp_path, {"auths": {"other": {}, key: {"auth": encoded(f"ci:{SECRET}")}}})
    assert Credentials({}, tmp_path).for_host(host) == Credential("ci", SECRET)


@pytest.mark.parametrize("host", ["example.com", f"{HOST}:4443", "dtr.example.com.evil.example"])
def test_an_entry_of_another_host_is_not_used(tmp_path: Path, host: str) -> None:
    docker(tmp_path, {"auths": {HOST: {"auth": encoded(f"ci:{SECRET}")}}})
    assert Credentials({}, tmp_path).for_host(host) is None


def test_the_exact_entry_wins_over_one_with_a_scheme(tmp_path: Path) -> None:
    entries = {f"https://{HOST}/v1/": {"auth": encoded("old:x")}, HOST: {"auth": encoded("new:x")}}
    docker(tmp_path, {"auths": entries})
    assert Credentials({}, tmp_path).for_host(HOST) == Credential("new", "x")


def test_an_identity_token_is_preferred_to_a_password(tmp_path: Path) -> None:
    docker(tmp_path, {"auths": {HOST: {"auth": encoded("ci:x"), "identitytoken": SECRET}}})
    assert Credentials({}, tmp_path).for_host(HOST) == Credential("ci", "", SECRET)


def test_an_empty_entry_means_none(tmp_path: Path) -> None:
    docker(tmp_path, {"auths": {HOST: {}}, "credsStore": ""})
    assert Credentials({}, tmp_path).for_host(HOST) is None


@pytest.mark.parametrize(
    "text",
    [
        f'{{"auths": {{"{HOST}": {{"auth": "{SECRET}"}}',
        f'["{SECRET}"]',
        f'{{"auths": "{SECRET}"}}',
        f'{{"auths": {{"{HOST}": "{SECRET}"}}}}',
        f'{{"auths": {{"{HOST}": {{"auth": ["{SECRET}"]}}}}}}',
        f'{{"auths": {{"{HOST}": {{"auth": "{SECRET}!"}}}}}}',
        f'{{"auths": {{"{HOST}": {{"identitytoken": {{"a": "{SECRET}"}}}}}}}}',
        f'{{"credHelpers": "{SECRET}"}}',
        f'{{"credsStore": ["{SECRET}"]}}',
        f'{{"credsStore": "../../{SECRET}"}}'.replace(SECRET, "x"),
        "[" * 100_000,
        "",
        "\udcff",
    ],
)
def test_a_malformed_file_is_named_and_none_of_its_secrets(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    with pytest.raises(UsageError) as caught:
        Credentials({}, tmp_path).for_host(HOST)
    assert caught.value.code == "bad-docker-config"
    assert str(path) in str(caught.value)
    assert SECRET not in whole_story(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(UsageError) as caught:
        Credentials({}, tmp_path).for_host(HOST)
    assert str(tmp_path / "config.json") in str(caught.value)


# Helpers.


def test_the_hosts_helper_wins_over_the_store_and_the_file(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def run(program: str, host: str) -> "subprocess.CompletedProcess[str]":
        asked.append((program, host))
        return subprocess.CompletedProcess([], 0, helper_json("helped", SECRET), "")

    config = {
        "credHelpers": {HOST: "ours"},
        "credsStore": "theirs",
        "auths": {HOST: {"auth": encoded("file:x")}},
    }
    found = Credentials({}, docker(tmp_path, config), run)
    assert found.for_host(HOST) == Credential("helped", SECRET)
    assert found.for_host("other.example.com") == Credential("helped", SECRET)
    assert found.for_host("docker.io") == Credential("helped", SECRET)
    assert asked == [
        ("docker-credential-ours", HOST),
        ("docker-credential-theirs", "other.example.com"),
        ("docker-credential-theirs", "https://index.docker.io/v1/"),
    ]


def test_a_helper_is_asked_once_per_host(tmp_path: Path) -> None:
    asked: list[str] = []

    def run(program: str, _host: str) -> "subprocess.CompletedProcess[str]":
        asked.append(program)
        raise subprocess.TimeoutExpired(program, 30)

    found = Credentials({}, docker(tmp_path, {"credsStore": "slow"}), run)
    for _ in range(3):
        with pytest.raises(AuthError):
            found.for_host(HOST)
    assert len(asked) == 1


def test_the_username_token_means_an_identity_token(tmp_path: Path) -> None:
    run = answering(helper_json("<token>", SECRET))
    found = Credentials({}, docker(tmp_path, {"credsStore": "x"}), run).for_host(HOST)
    assert found == Credential("", "", SECRET)
    assert found.identity == "an identity token"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_credentials_not_found_means_none_or_the_file(tmp_path: Path, stream: str) -> None:
    message = "credentials not found in native keychain\n"
    run = answering(status=1, **{stream: message})
    config: dict[str, object] = {"credsStore": "x"}
    assert Credentials({}, docker(tmp_path, config), run).for_host(HOST) is None
    config["auths"] = {HOST: {"auth": encoded("file:x")}}
    assert Credentials({}, docker(tmp_path, config), run).for_host(HOST) == Credential("file", "x")


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (answering("pass not initialised\nmore", status=1), "status 1: pass not initialised"),
        (answering(stderr="boom\x1b[31m", status=3), "status 3: boom\\x1b[31m"),
        (answering(helper_json("ci", SECRET), status=1), "status 1"),
        (answering(SECRET), "not JSON"),
        (answering(json.dumps([SECRET])), "lacks"),
        (answering(json.dumps({"Username": "ci", "Secret": [SECRET]})), "lacks"),
        (answering("[" * 100_000), "not JSON"),
    ],
)
def test_a_failing_helper_is_named_with_the_reason(
    tmp_path: Path, run: Callable[[str, str], "subprocess.CompletedProcess[str]"], why: str
) -> None:
    found = Credentials({}, docker(tmp_path, {"credsStore": "mine"}), run)
    with pytest.raises(AuthError) as caught:
        found.for_host(HOST)
    assert "docker-credential-mine" in str(caught.value)
    assert why in str(caught.value)
    assert caught.value.code == "credential-helper"
    assert SECRET not in whole_story(caught.value)


def test_a_helper_that_hangs_is_named_without_its_output(tmp_path: Path) -> None:
    def run(program: str, _host: str) -> "subprocess.CompletedProcess[str]":
        raise subprocess.TimeoutExpired(program, 30, output=SECRET)

    with pytest.raises(AuthError) as caught:
        Credentials({}, docker(tmp_path, {"credsStore": "mine"}), run).for_host(HOST)
    assert "30 seconds" in str(caught.value)
    assert SECRET not in whole_story(caught.value)


# Real helper programs.


def install(directory: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = directory / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


def test_a_real_helper_gets_the_host_on_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'read host; printf \'{"Username":"%s %s","Secret":"x"}\' "$1" "$host"'
    install(tmp_path, "real", script, monkeypatch)
    found = Credentials({}, docker(tmp_path, {"credsStore": "real"}))
    assert found.for_host(HOST) == Credential(f"get {HOST}", "x")


def test_a_missing_helper_is_named(tmp_path: Path) -> None:
    found = Credentials({}, docker(tmp_path, {"credsStore": "surely-not-installed"}))
    with pytest.raises(AuthError) as caught:
        found.for_host(HOST)
    assert "docker-credential-surely-not-installed" in str(caught.value)
    assert "no such program" in str(caught.value)


def test_a_helper_that_cannot_be_started_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "broken", "", monkeypatch)
    (tmp_path / "docker-credential-broken").write_bytes(b"\x7fELF no program")
    with pytest.raises(AuthError) as caught:
        Credentials({}, docker(tmp_path, {"credsStore": "broken"})).for_host(HOST)
    assert "docker-credential-broken" in str(caught.value)


def test_a_real_helper_that_does_not_answer_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "silent", "exec sleep 60", monkeypatch)
    monkeypatch.setattr("signer.transport.credentials.HELPER_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        run_helper("docker-credential-silent", HOST)


def test_where_credentials_were_looked_for_is_said(tmp_path: Path) -> None:
    found = Credentials({}, tmp_path)
    assert "DTR_USERNAME" in found.searched()
    assert str(tmp_path / "config.json") in found.searched()
    assert "NOTARY_AUTH" not in found.searched()
    assert "NOTARY_AUTH" in found.searched(notary=True)
