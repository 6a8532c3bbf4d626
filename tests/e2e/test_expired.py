"""What has expired: refused with a code of its own, shown, and mended where the key is at hand.

The past is made by the library's own clock. The real server takes no file that has expired, so the
files expire a few seconds after they are uploaded; the stories begin at that moment.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from signer.keys.signers import FileSigner
from signer.names import Gun
from signer.signing.initialise import init_collection
from signer.signing.sign import sign_images
from tests.components.images import push_image
from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.e2e.material import certificate_of, ec_key, pem_of, write_key
from tests.e2e.story import WatchedSigner, server_files
from tests.unit.keys.material import openssl

LIFETIME = timedelta(days=1095)
UPLOAD_SECONDS = 4
"""Enough to upload two collections before their files expire."""


@dataclass(frozen=True)
class Past:
    """A collection that was signed in the past, and its tag 1.0."""

    signer: WatchedSigner
    gun: Gun
    key: Path

    @property
    def image(self) -> str:
        return f"{self.gun}:1.0"


def _make(
    signer: WatchedSigner, registry: Registry, gun: Gun, *, made: datetime, signed: datetime
) -> Past:
    key = ec_key()
    file = write_key(signer.home / "key.pem", pem_of(key))
    begins = datetime.now(tz=UTC) - timedelta(days=2000)
    certificate = certificate_of(key, begins=begins, days=4000)
    push_image(registry, gun.partition("/")[2], "1.0")
    with signer.session(clock=lambda: made) as session:
        init_collection(session, gun, signers={"gitlab": [certificate]})
    with signer.session(clock=lambda: signed) as session:
        loaded = load_pem_private_key(file.read_bytes(), None)
        assert isinstance(loaded, EllipticCurvePrivateKey)
        (result,) = sign_images(session, [f"{gun}:1.0"], signers=[FileSigner(loaded)])
    assert result.status == "signed", result.error
    return Past(signer, gun, file)


@pytest.fixture(scope="module")
def expired(
    notary_server: NotaryServer, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Past, Past]]:
    """Two collections: the targets of one have expired, and the delegations of the other."""
    directory = tmp_path_factory.mktemp("expired")
    end = datetime.now(tz=UTC) + timedelta(seconds=UPLOAD_SECONDS)
    born = end - LIFETIME
    targets = _make(
        WatchedSigner(directory / "targets", notary_server),
        registry,
        Gun(f"{registry.host}/expired/targets"),
        made=born,
        signed=born,
    )
    delegations = _make(
        WatchedSigner(directory / "delegations", notary_server),
        registry,
        Gun(f"{registry.host}/expired/delegations"),
        made=born + timedelta(hours=12),
        signed=born,
    )
    remaining = (end - datetime.now(tz=UTC)).total_seconds() + 1  # files tell whole seconds
    threading.Event().wait(max(0, remaining))
    yield targets, delegations


def test_expired_targets_refuse_and_are_shown(
    expired: tuple[Past, Past], registry: Registry, notary_server: NotaryServer
) -> None:
    past = expired[0]
    before = server_files(notary_server, past.gun)
    answer = past.signer.json("verify", past.image, expect=5)
    (image,) = answer["images"]
    assert (answer["verdict"], image["verdict"], image["digest"]) == ("reject", "reject", "")
    assert "targets" in image["reason"]["message"]
    assert image["checks"][7]["status"] == "fail"
    assert "  hint     " in past.signer("verify", past.image, expect=5).stdout
    push_image(registry, "expired/targets", "1.0", content=b"moved")
    error = past.signer.json("sign", past.image, "--key", past.key, expect=5)
    assert "expired" in error["message"]
    roles = {role["name"]: role for role in past.signer.json("inspect", past.gun)["roles"]}
    assert roles["targets"]["status"] == "expired"
    assert "expired" in roles["targets"]["problem"]
    assert roles["root"]["status"] == "valid"
    assert server_files(notary_server, past.gun) == before


def test_the_worst_of_expired_and_unsigned_is_expired(expired: tuple[Past, Past]) -> None:
    past = expired[0]
    answer = past.signer.json("verify", f"{past.gun}-none:1", past.image, expect=5)
    assert answer["images"][0]["reason"]["code"] == "no-trust-data"


def test_an_expired_delegation_is_refused_and_signing_anew_mends_it(
    expired: tuple[Past, Past], registry: Registry
) -> None:
    past = expired[1]
    answer = past.signer.json("verify", past.image, expect=5)
    assert "targets/releases" in answer["images"][0]["reason"]["message"]
    listed = past.signer.json("delegation", "list", past.gun)["delegations"]
    assert [role["status"] for role in listed] == ["expired", "expired"]
    push_image(registry, "expired/delegations", "1.0", content=b"moved")
    (result,) = past.signer.json("sign", past.image, "--key", past.key)["results"]
    assert result["status"] == "signed"
    past.signer("verify", past.image, "--signer", "gitlab")


@pytest.mark.parametrize(
    ("case", "status"), [("expired", 5), ("future", 5), ("sha1", 8), ("rsa1024", 8)]
)
def test_a_signers_certificate_must_be_good(
    signer: WatchedSigner, notary_server: NotaryServer, fresh_gun: Gun, case: str, status: int
) -> None:
    file = signer.home / "cert.pem"
    now = datetime.now(tz=UTC)
    match case:
        case "expired":
            file.write_bytes(certificate_of(ec_key(), begins=now - timedelta(days=10), days=9))
        case "future":
            file.write_bytes(certificate_of(ec_key(), begins=now + timedelta(days=9)))
        case _:
            key = signer.home / "key.pem"
            key.write_bytes(openssl("genrsa", "1024" if case == "rsa1024" else "2048"))
            digest = "-sha1" if case == "sha1" else "-sha256"
            file.write_bytes(
                openssl("req", "-x509", "-new", "-key", str(key), "-subj", "/CN=gitlab", digest)
            )
    error = signer.json("init", fresh_gun, "--signer", f"gitlab={file}", expect=status)
    assert "signer gitlab" in error["message"]
    assert not server_files(notary_server, fresh_gun)
