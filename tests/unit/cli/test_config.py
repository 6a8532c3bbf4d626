from pathlib import Path

import pytest

from signer.cli.config import read_configuration
from signer.cli.configuration import Configuration, find_configuration
from signer.cli.globals import GlobalOptions
from signer.errors import UsageError


def _write(directory: Path, text: str) -> Path:
    path = directory / "signer.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file_and_ids_and_uris_are_not_paths(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        """
[registry]
host = "dtr.test"
ca = "ca.pem"
[signing]
signer = "gitlab"
key = "keys/key.pem"
allow = ["admin/*"]
[trust]
root_key_ids = ["ab"]
root_certs = ["root.pem", "/abs/root.pem"]
root_ca = "authority.pem"
trust_on_first_use = true
""",
    )
    read = read_configuration(path)
    assert (read.path, read.host, read.signer) == (path, "dtr.test", "gitlab")
    assert read.ca_files == (tmp_path / "ca.pem",)
    assert read.key == str(tmp_path / "keys/key.pem")
    assert read.allow == ("admin/*",)
    assert read.pins.key_ids == ("ab",)
    assert read.pins.certificates == (tmp_path / "root.pem", Path("/abs/root.pem"))
    assert read.pins.authorities == (tmp_path / "authority.pem",)
    assert read.pins.trust_on_first_use


@pytest.mark.parametrize(
    "key", ["0123456", "ab" * 32, "hsm:2?label=x", "env:KEY", "awskms:alias/x"]
)
def test_a_key_id_or_uri_stays_as_it_is(tmp_path: Path, key: str) -> None:
    assert read_configuration(_write(tmp_path, f'[signing]\nkey = "{key}"\n')).key == key


@pytest.mark.parametrize(
    ("text", "has_gate", "has_audit"),
    [
        ("", False, False),
        ("[signing]\nsigner = 'gitlab'\n", False, False),
        ("[signing.gate]\n", True, False),
        ("[audit]\nfile = 'audit.jsonl'\n", False, True),
    ],
)
def test_sections_that_a_command_may_not_heed_are_known(
    tmp_path: Path, text: str, *, has_gate: bool, has_audit: bool
) -> None:
    read = read_configuration(_write(tmp_path, text))
    assert (read.has_gate, read.has_audit) == (has_gate, has_audit)


def test_the_record_is_beside_the_file_that_names_it(tmp_path: Path) -> None:
    path = _write(tmp_path, "[audit]\nfile = 'record/audit.jsonl'\n")
    assert read_configuration(path).audit_file == tmp_path / "record/audit.jsonl"
    assert read_configuration(_write(tmp_path, "")).audit_file is None


def test_a_record_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no file"):
        read_configuration(_write(tmp_path, "[audit]\n"))


def test_the_server_follows_from_the_host_unless_it_is_named(tmp_path: Path) -> None:
    host = '[registry]\nhost = "dtr.test"\n'
    assert read_configuration(_write(tmp_path, host)).server == "https://dtr.test"
    named = host + '[notary]\nserver = "https://notary.test"\n'
    assert read_configuration(_write(tmp_path, named)).server == "https://notary.test"
    assert read_configuration(_write(tmp_path, "")).server == ""


def test_several_authorities_may_be_given(tmp_path: Path) -> None:
    read = read_configuration(_write(tmp_path, '[trust]\nroot_ca = ["a.pem", "b.pem"]\n'))
    assert read.pins.authorities == (tmp_path / "a.pem", tmp_path / "b.pem")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[registry]\nhots = "x"\n', "line 2: unknown key 'hots'; did you mean 'host'?"),
        ("[signin]\n", "line 1: unknown key 'signin'; did you mean 'signing'?"),
        ("\n\n[signing]\n\nmax_criticl = 1\n", "line 5: unknown key 'max_criticl'"),
        ("xyzzy = 1\n", "line 1: unknown key 'xyzzy'"),
        ("[signing]\nallow = []\n", "allow is empty"),
        ("[signing]\nallow = [1]\n", "signing.allow"),
        ("[signing.gate]\npromoted = false\npolicies = ['a']\n", "policies would not be asked"),
        ("[signing.gate]\nmax_critical = -1\n", "max_critical"),
        ("[registry]\nhost = 1\n", "registry.host"),
        ("a = = 1\n", "no TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read_configuration(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.code == "bad-configuration"


def test_a_given_file_must_be_there_and_the_defaults_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_configuration(None) == Configuration()
    with pytest.raises(UsageError, match="No such file"):
        find_configuration(tmp_path / "none.toml")
    in_home = clean_environment / ".config/signer"
    in_home.mkdir(parents=True)
    _write(in_home, '[registry]\nhost = "home.test"\n')
    assert find_configuration(None).host == "home.test"
    _write(tmp_path, '[registry]\nhost = "here.test"\n')
    assert find_configuration(None).host == "here.test", "the working directory's wins"


def test_options_after_the_name_win_over_those_before_it() -> None:
    outer = GlobalOptions(server="https://a", timeout=1.0, ca=(Path("a"),), quiet=True)
    inner = GlobalOptions(server="https://b", as_json=True)
    merged = inner.over(outer)
    assert merged.server == "https://b"
    assert (merged.timeout, merged.ca) == (1.0, (Path("a"),))
    assert merged.quiet
    assert merged.as_json


def test_where_the_file_names_a_host_no_variable_changes_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNER_SERVER", "https://elsewhere.test")
    monkeypatch.setenv("DOCKER_CONTENT_TRUST_SERVER", "https://elsewhere.test")
    path = _write(tmp_path, '[registry]\nhost = "dtr.test"\n')
    with GlobalOptions(config=path).session() as session:
        assert session.settings.server == "https://dtr.test"
    with GlobalOptions(config=path, server="https://option.test").session() as session:
        assert session.settings.server == "https://option.test"
    path.write_text("")
    with GlobalOptions(config=path).session() as session:
        assert session.settings.server == "https://elsewhere.test"
