"""``signer init`` where something is in its way: nothing precious is lost, and it can go on."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from signer.names import Gun
from tests.components.certificates import Authority
from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.components.service import free_port
from tests.components.signer_cli import SignerCli
from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.material import write_bundle
from tests.e2e.story import WatchedSigner, check_output, directory_content, server_files, uploads


def _keys(signer: SignerCli) -> dict[str, bytes]:
    return directory_content(signer.trust_directory / "private")


@pytest.mark.parametrize("how", ["option", "variable", "reference"])
def test_a_server_that_is_down_is_said_and_leaves_nothing(
    tmp_path: Path, authority: Authority, how: str
) -> None:
    port = free_port()
    signer = WatchedSigner(tmp_path / "signer", authority=authority)
    gun = f"localhost:{port}/admin/flask" if how == "reference" else "dtr.test/admin/flask"
    options = ("--server", f"https://localhost:{port}") if how == "option" else ()
    env = {"SIGNER_SERVER": f"https://localhost:{port}"} if how == "variable" else {}
    error = signer.json("init", gun, *options, env=env, expect=6)
    assert error["code"] == "connection-refused"
    assert f"localhost:{port}" in error["message"]
    assert not directory_content(signer.trust_directory)


def test_a_connection_lost_before_the_upload_leaves_no_key(
    tmp_path: Path, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    def behaviour(exchange: Exchange) -> None:
        if exchange.path.endswith(".key"):
            exchange.reply(500, b"oops", media_type="text/plain")
        else:
            exchange.forward(notary_server)

    with FaultyServer(notary_server.authority, behaviour) as proxy:
        signer = WatchedSigner(tmp_path / "signer", authority=notary_server.authority)
        signer.json("init", fresh_gun, "--server", proxy.url, expect=6)
    assert not _keys(signer)
    assert not server_files(notary_server, fresh_gun)


@pytest.mark.parametrize("taken", [True, False])
def test_an_answer_lost_at_the_upload_keeps_the_keys_and_init_goes_on(
    tmp_path: Path, notary_server: NotaryServer, fresh_gun: Gun, *, taken: bool
) -> None:
    def behaviour(exchange: Exchange) -> None:
        if exchange.method != "POST":
            exchange.forward(notary_server)
            return
        if taken:
            exchange.ask(notary_server)
        exchange.drop()

    bundle = write_bundle(tmp_path / "bundle")
    arguments = ("init", fresh_gun, "--signer", f"gitlab={bundle / 'cert.pem'}")
    authority = notary_server.authority
    signer = WatchedSigner(tmp_path / "signer", authority=authority)
    with FaultyServer(authority, behaviour) as proxy:
        first = signer.json(*arguments, "--server", proxy.url, expect=None)
    keys = _keys(signer)
    assert len(keys) == 2
    if taken:
        assert first["status"] == "initialised", first
    else:
        assert first["exit_code"] == 6
        assert "Keys that were made are kept" in first["hint"]
    again = signer.json(*arguments, "--server", notary_server.url)
    assert again["status"] in {"initialised", "up-to-date"}
    assert _keys(signer) == keys
    assert uploads(notary_server, fresh_gun) == 1
    signer("delegation", "list", fresh_gun, "--server", notary_server.url)


def test_two_inits_at_once_make_one_collection_and_the_other_says_so(
    tmp_path: Path, notary_server: NotaryServer, registry: Registry, fresh_gun: Gun
) -> None:
    """A barrier holds both uploads until both are there."""
    barrier = threading.Barrier(2, timeout=60)

    def behaviour(exchange: Exchange) -> None:
        if exchange.method == "POST":
            barrier.wait()
        exchange.forward(notary_server)

    authority = notary_server.authority
    signers = [WatchedSigner(tmp_path / name, authority=authority) for name in ("one", "two")]
    with FaultyServer(authority, behaviour) as proxy:
        running = [
            signer.start("init", fresh_gun, "--server", proxy.url, "--json") for signer in signers
        ]
        ended = [run.wait(expect=None) for run in running]
    for done in ended:
        check_output(done, [], as_json=True)
    assert sorted(done.status for done in ended) == [0, 1]
    loser = next(index for index, done in enumerate(ended) if done.status)
    assert ended[loser].json["code"] == "already-initialised", ended[loser]
    assert not _keys(signers[loser]), "keys of a collection that never was"
    winner = ended[1 - loser].json
    root = json.loads(notary_server.metadata(fresh_gun, "root.json"))["signed"]
    assert root["roles"]["root"]["keyids"] == winner["root_key_ids"]


def test_two_inits_at_once_with_one_trust_directory_end_with_a_usable_collection(
    signer: WatchedSigner, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    running = [signer.start("init", fresh_gun, "--json") for _ in range(2)]
    ended = [run.wait(expect=None) for run in running]
    for done in ended:
        check_output(done, [], as_json=True)
    assert 0 in {done.status for done in ended}, ended
    made = signer.json("keys", "list")["keys"]
    targets = json.loads(notary_server.metadata(fresh_gun, "targets.json"))["signed"]
    assert targets["version"] == 1
    assert {key["role"] for key in made} == {"root", "targets"}
    bundle = write_bundle(signer.home / "bundle")
    signer("delegation", "add", fresh_gun, "gitlab", bundle / "cert.pem")


@pytest.mark.parametrize("moment", ["keys", "upload", "answer", "read-back"])
def test_a_killed_init_leaves_keys_and_collection_usable(
    tmp_path: Path, notary_server: NotaryServer, fresh_gun: Gun, moment: str
) -> None:
    """Killed while it waits: for keys, to upload, for the answer to the upload, to read back."""
    reached = threading.Event()
    uploaded = threading.Event()

    def behaviour(exchange: Exchange) -> None:
        at = {
            "keys": exchange.path.endswith(".key"),
            "upload": exchange.method == "POST",
            "answer": False,
            "read-back": uploaded.is_set(),
        }[moment]
        if moment == "answer" and exchange.method == "POST":
            exchange.ask(notary_server)
            at = True
        if at:
            reached.set()
            exchange.hang()
            return
        exchange.forward(notary_server)
        if exchange.method == "POST":
            uploaded.set()

    authority = notary_server.authority
    signer = WatchedSigner(tmp_path / "signer", authority=authority)
    with FaultyServer(authority, behaviour) as proxy:
        running = signer.start("init", fresh_gun, "--server", proxy.url)
        assert reached.wait(60)
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait(expect=-signal.SIGKILL).stdout == ""
    keys = _keys(signer)
    assert len(keys) == (0 if moment == "keys" else 2)
    again = signer.json("init", fresh_gun, "--server", notary_server.url)
    assert again["status"] == ("up-to-date" if moment in {"answer", "read-back"} else "initialised")
    assert uploads(notary_server, fresh_gun) == 1
    assert keys.items() <= _keys(signer).items()
    assert {key["role"] for key in signer.json("keys", "list")["keys"]} == {"root", "targets"}


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "passphrase-missing"),
        ({"DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": ""}, "passphrase-missing"),
        ({"DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "7 chars"}, "passphrase-too-short"),
        ({"NOTARY_ROOT_PASSPHRASE_FILE": "missing.txt"}, "passphrase-file"),
    ],
    ids=["unset", "empty", "short", "file"],
)
def test_init_without_a_usable_passphrase_names_the_variable(
    tmp_path: Path,
    notary_server: NotaryServer,
    fresh_gun: Gun,
    variables: dict[str, str],
    code: str,
) -> None:
    signer = WatchedSigner(tmp_path / "signer", notary_server, passphrase=None)
    error = signer.json("init", fresh_gun, env=variables, expect=8)
    assert error["code"] == code
    name = next(iter(variables), "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE")
    assert name in error["message"] + error["hint"]
    assert not _keys(signer)
    assert not server_files(notary_server, fresh_gun)


def test_init_without_the_targets_passphrase_takes_the_root_key_back(
    tmp_path: Path, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    signer = WatchedSigner(tmp_path / "signer", notary_server, passphrase=None)
    env = {"NOTARY_ROOT_PASSPHRASE": "worthless example"}
    error = signer.json("init", fresh_gun, env=env, expect=8)
    assert error["code"] == "passphrase-missing"
    assert "NOTARY_TARGETS_PASSPHRASE" in error["hint"]
    assert not _keys(signer)
    assert not server_files(notary_server, fresh_gun)


def test_init_with_a_wrong_passphrase_for_the_stored_root_key_changes_nothing(
    tmp_path: Path, signer: WatchedSigner, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    signer("init", fresh_gun)
    keys = _keys(signer)
    wrong = {"DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "not the passphrase"}
    error = signer.json("init", f"{fresh_gun}-second", env=wrong, expect=8)
    assert error["code"] == "passphrase-rejected"
    assert "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE" in error["message"]
    assert _keys(signer) == keys
    assert not server_files(notary_server, f"{fresh_gun}-second")
