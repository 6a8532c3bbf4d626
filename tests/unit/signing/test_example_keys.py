"""The worthless example keys sign nothing and are trusted nowhere but on loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from signer.errors import KeyUnusableError
from signer.keys.certificates import load_signer_certificate
from signer.names import parse_gun
from signer.publish.signing import Keyring
from signer.signing.delegations import add_signer
from signer.signing.initialise import init_collection
from signer.signing.session import Session, Settings
from signer.signing.sign import sign_images

_EXAMPLE: Final = Path(__file__).parents[3] / "keys-example"
_CERTIFICATE: Final = (_EXAMPLE / "cert.pem").read_bytes()
_GUN: Final = "dtr.test/admin/flask"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(Settings(tmp_path / "trust", tmp_path / "docker")) as opened:
        yield opened


def test_a_publisher_takes_them_for_loopback_alone(session: Session) -> None:
    keyring = Keyring(session.load_signers(str(_EXAMPLE)))
    session.publisher(parse_gun("localhost:5000/admin/flask"), keyring)
    with pytest.raises(KeyUnusableError, match=r"dtr\.test") as caught:
        session.publisher(parse_gun(_GUN), keyring)
    assert caught.value.code == "example-key"


def test_a_notary_server_elsewhere_gets_none_for_a_collection_of_loopback(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "trust", tmp_path / "docker", server="https://notary.test")
    local = parse_gun("localhost:5000/admin/flask")
    with Session(settings) as session:
        key = load_signer_certificate(_CERTIFICATE, now=session.clock(), origin="cert.pem")
        keyring = Keyring(session.load_signers(str(_EXAMPLE)))
        with pytest.raises(KeyUnusableError, match=r"notary\.test"):
            session.publisher(local, keyring)
        with pytest.raises(KeyUnusableError, match=r"notary\.test"):
            add_signer(session, local, name="gitlab", keys=[key], signers=[])
        with pytest.raises(KeyUnusableError, match=r"notary\.test"):
            init_collection(session, local, signers={"gitlab": [_CERTIFICATE]})


@pytest.mark.parametrize("dry_run", [False, True])
def test_signing_refuses_them_before_any_server_is_asked(
    session: Session, *, dry_run: bool
) -> None:
    signers = session.load_signers(str(_EXAMPLE))
    [result] = sign_images(session, [f"{_GUN}:1"], signers=signers, dry_run=dry_run)
    assert result.error is not None
    assert (result.status, result.error.code) == ("failed", "example-key")


def test_they_become_nobodys_signer_and_nobodys_root(session: Session) -> None:
    key = load_signer_certificate(_CERTIFICATE, now=session.clock(), origin="cert.pem")
    with pytest.raises(KeyUnusableError, match="worthless example"):
        add_signer(session, _GUN, name="gitlab", keys=[key], signers=[])
    with pytest.raises(KeyUnusableError, match="worthless example"):
        init_collection(session, _GUN, signers={"gitlab": [_CERTIFICATE]})
    [root_key] = session.load_signers(str(_EXAMPLE))
    with pytest.raises(KeyUnusableError, match="worthless example"):
        init_collection(session, _GUN, signers={}, root_key=root_key)
