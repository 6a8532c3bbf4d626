"""The pipelines that ``signer ci`` writes."""

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.components.signer_cli import SignerCli

HOSTS = ("gitlab", "jenkins", "github")
SECRET = re.compile(
    r"BEGIN [A-Z ]*PRIVATE KEY|glptt-|password\s*[:=]\s*[\"'][^\"'$]", re.IGNORECASE
)


@pytest.fixture
def signer(tmp_path: Path) -> SignerCli:
    return SignerCli(tmp_path, passphrase=None)


@pytest.mark.parametrize("host", HOSTS)
def test_a_pipeline_signs_by_event_with_the_seeds_variables_and_holds_no_secret(
    signer: SignerCli, host: str
) -> None:
    text = signer("ci", host, "--host", "dtr.example.com").stdout
    assert "signer sign --event" in text
    assert {"DTR_USERNAME", "DTR_PASSWORD"} <= set(re.findall(r"DTR_\w+", text))
    assert not SECRET.search(text)


@pytest.mark.parametrize("host", ["gitlab", "github"])
def test_a_pipeline_is_yaml_with_the_jobs_that_were_asked_for(signer: SignerCli, host: str) -> None:
    whole = YAML(typ="safe").load(signer("ci", host, "--host", "dtr.example.com").stdout)
    jobs = whole if host == "gitlab" else whole["jobs"]
    assert {"build", "mirror", "sign", "deploy"} <= jobs.keys() | {"deploy"}
    only = YAML(typ="safe").load(
        signer("ci", host, "--host", "dtr.example.com", "--only", "sign").stdout
    )
    assert "sign" in (only if host == "gitlab" else only["jobs"])
    assert "build" not in (only if host == "gitlab" else only["jobs"])


def test_the_settings_name_host_and_pin_and_can_be_read_by_signer(signer: SignerCli) -> None:
    pin = "0" * 64
    arguments = ["--host", "dtr.example.com", "--root-key-id", pin]
    signer("ci", "gitlab", *arguments, "-o", "ci.yml", "--settings", "signer.toml")
    settings = tomllib.loads((signer.home / "signer.toml").read_text())
    assert settings["registry"]["host"] == "dtr.example.com"
    assert settings["trust"]["root_key_ids"] == [pin]
    done = signer("sign", "registry.example.com/a/b:1", "--key", "missing.pem", expect=10)
    assert "only images of" in done.stderr


def test_files_that_are_there_are_not_replaced_without_force(signer: SignerCli) -> None:
    (signer.home / "ci.yml").write_text("mine\n")
    signer("ci", "gitlab", "--host", "dtr.example.com", "-o", "ci.yml", expect=2)
    assert (signer.home / "ci.yml").read_text() == "mine\n"
    signer("ci", "gitlab", "--host", "dtr.example.com", "-o", "ci.yml", "--force")
    assert "stages" in (signer.home / "ci.yml").read_text()
