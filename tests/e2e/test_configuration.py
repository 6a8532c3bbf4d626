"""``signer.toml``: what the file allows, no variable and no event can widen."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.material import write_bundle
from tests.e2e.story import Collection, WatchedSigner


def _configure(signer: WatchedSigner, text: str, *, user: bool = False) -> Path:
    path = signer.home / (".config/signer/signer.toml" if user else "signer.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _job(collection: Collection, directory: Path) -> WatchedSigner:
    """A CI job: its working directory holds the configuration, the CA and the key."""
    job = WatchedSigner(directory, passphrase=None)
    shutil.copy(collection.server.authority.ca_file, job.home / "ca.pem")
    shutil.copy(collection.key, job.home / "key.pem")
    return job


def _settings(collection: Collection, allow: str = '["admin/*"]') -> str:
    return f"""
[registry]
host = "{collection.registry.host}"
ca = "ca.pem"
[notary]
server = "{collection.server.url}"
[signing]
signer = "gitlab"
key = "key.pem"
allow = {allow}
[trust]
root_key_ids = ["{collection.root_key_id}"]
"""


@pytest.mark.parametrize("user", [False, True])
def test_a_job_needs_nothing_but_the_file_and_the_image(
    collection: Collection, tmp_path: Path, *, user: bool
) -> None:
    digest = collection.push("1.0")
    job = _job(collection, tmp_path / "job")
    path = _configure(job, _settings(collection), user=user)
    if user:
        for name in ("ca.pem", "key.pem"):
            shutil.move(job.home / name, path.parent / name)
    (result,) = job.json("sign", collection.image("1.0"))["results"]
    assert (result["status"], result["digest"]) == ("signed", digest)
    job("verify", collection.image("1.0"))
    elsewhere = WatchedSigner(tmp_path / "elsewhere", passphrase=None)
    elsewhere("--config", path, "verify", collection.image("1.0"))


def test_variables_do_not_change_the_server_where_the_file_names_a_host(
    collection: Collection, tmp_path: Path
) -> None:
    collection.push("1.0")
    job = _job(collection, tmp_path / "job")
    _configure(job, _settings(collection))
    nowhere = {"SIGNER_SERVER": "https://localhost:1"}
    nowhere["DOCKER_CONTENT_TRUST_SERVER"] = "https://localhost:1"
    job("sign", collection.image("1.0"), env=nowhere)


def test_other_hosts_and_repositories_are_refused_by_the_gate(
    collection: Collection, tmp_path: Path
) -> None:
    collection.push("1.0")
    job = _job(collection, tmp_path / "job")
    _configure(job, _settings(collection))
    error = job.json("sign", "dtr.test/admin/flask:1.0", expect=10)
    assert error["code"] == "not-allowed"
    assert collection.registry.host in error["message"]
    for path in ("other/flask", "admin/a/b", "xadmin/flask", "admin"):
        error = job.json("sign", f"{collection.registry.host}/{path}:1.0", expect=10)
        assert error["code"] == "not-allowed"
    _configure(job, _settings(collection, '["other/*", "admin/**"]'))
    job("sign", collection.image("1.0"))


def test_one_refused_image_stops_the_command_before_any_is_signed(
    collection: Collection, tmp_path: Path
) -> None:
    collection.push("1.0")
    before = collection.files()
    job = _job(collection, tmp_path / "job")
    _configure(job, _settings(collection))
    images = (collection.image("1.0"), f"{collection.registry.host}/other/flask:1.0")
    assert job.json("sign", *images, expect=10)["code"] == "not-allowed"
    assert collection.files() == before


def test_the_files_signer_must_be_the_keys(collection: Collection, tmp_path: Path) -> None:
    collection.push("1.0")
    jenkins = write_bundle(tmp_path / "jenkins", name="jenkins")
    collection.admin("delegation", "add", collection.gun, "jenkins", jenkins / "cert.pem")
    job = _job(collection, tmp_path / "job")
    _configure(job, _settings(collection))
    env = {"SIGNER_KEY": (jenkins / "key.pem").read_text()}
    error = job.json("sign", collection.image("1.0"), env=env, expect=8)
    assert error["code"] == "no-role-for-key"
    assert "'gitlab'" in error["message"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[registry]\nhots = 'x'\n", ["line 2", "'hots'", "'host'"]),
        ("[signin]\n", ["line 1", "'signin'", "'signing'"]),
        ("[registry\n", ["no TOML"]),
        ("[signing]\nallow = 'admin/*'\n", ["signing.allow"]),
        ("[signing]\nallow = []\n", ["allow is empty"]),
        ("[signing.gate]\nmax_critical = 'none'\n", ["max_critical"]),
        ("[trust]\ntrust_on_first_use = 1\n", ["trust_on_first_use"]),
        ("\xff\xfe", ["TOML"]),
    ],
)
def test_a_wrong_file_is_named_with_its_key_and_line(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    signer = WatchedSigner(tmp_path / "signer")
    path = signer.home / "signer.toml"
    path.write_bytes(text.encode("latin-1"))
    for command in (["sign", "localhost:1/a/b:1"], ["verify", "localhost:1/a/b:1"]):
        error = signer.json(*command, expect=2)
        assert error["code"] == "bad-configuration"
        assert all(part in error["message"] for part in ["signer.toml", *said]), error


def test_a_missing_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    signer = WatchedSigner(tmp_path / "signer")
    error = signer.json("--config", "none.toml", "verify", "localhost:1/a/b:1", expect=2)
    assert "none.toml" in error["message"]
