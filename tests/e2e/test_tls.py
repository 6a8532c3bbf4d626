"""Certificates: private CAs, docker's directories, client certificates, ``signer ca``."""

import hashlib
import json
import shutil
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.components.certificates import Authority
from tests.components.fixtures import installed
from tests.components.notary_server import NotaryServer
from tests.components.peers import trust_server_ca
from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.story import Collection, WatchedSigner, directory_content


class MutualNotaryServer(NotaryServer):
    """A notary-server that wants client certificates of its authority."""

    def configure(self) -> Sequence[str | Path]:
        command = super().configure()
        file = self.directory / "notary-server.json"
        config = json.loads(file.read_text())
        config["server"]["client_ca_file"] = str(self.authority.ca_file)
        file.write_text(json.dumps(config))
        return command

    def is_ready(self) -> bool:
        """Without a certificate the handshake alone shows that it is there."""
        import socket

        with socket.create_connection(("127.0.0.1", self.port), timeout=2):
            return True


def test_a_ca_in_dockers_directory_is_enough(collection: Collection, tmp_path: Path) -> None:
    signer = WatchedSigner(tmp_path / "plain")
    server = ("--server", collection.server.url)
    command = ("delegation", "list", collection.gun, *collection.pinned(), *server)
    error = signer.json(*command, expect=6)
    assert error["code"] == "tls-unverified"
    assert "--ca FILE" in error["hint"]
    assert f"signer ca {collection.server.host}" in error["hint"]
    trust_server_ca(signer.config, collection.server.host, collection.server.authority)
    signer(*command)


def test_a_wrong_ca_is_refused_on_localhost_too(collection: Collection, tmp_path: Path) -> None:
    """Trap T5: docker does not look there."""
    other = Authority(tmp_path / "other")
    signer = WatchedSigner(tmp_path / "plain", authority=other)
    trust_server_ca(signer.config, collection.server.host, other)
    server = ("--server", collection.server.url)
    for command in (
        ("verify", collection.image("1"), *collection.pinned()),
        ("init", f"{collection.gun}-new"),
    ):
        assert signer.json(*command, *server, expect=6)["code"] == "tls-unverified"
    assert not list(signer.trust_directory.rglob("*.key"))


@pytest.mark.parametrize("content", [b"no certificate", b"", None])
def test_a_ca_file_that_is_none_is_named(tmp_path: Path, content: bytes | None) -> None:
    signer = WatchedSigner(tmp_path / "signer")
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    command = ("verify", "localhost:1/a/b:1", "--trust-on-first-use")
    error = signer.json(*command, "--ca", file, expect=2)
    assert error["code"] == "bad-ca"
    assert str(file) in error["message"]


def test_a_client_certificate_of_dockers_directory_is_shown(
    authority: Authority, tmp_path: Path
) -> None:
    server = MutualNotaryServer(tmp_path / "server", authority)
    with installed(server.start):
        signer = WatchedSigner(tmp_path / "signer", server)
        error = signer.json("init", "dtr.test/admin/flask", expect=6)
        assert error["code"] in {"tls-failed", "connection-lost"}
        directory = signer.config / "tls" / server.host
        directory.mkdir(parents=True)
        shutil.copy(authority.client.certificate, directory / "client.cert")
        error = signer.json("init", "dtr.test/admin/flask", expect=2)
        assert error["code"] == "bad-client-certificate"
        shutil.copy(authority.client.key, directory / "client.key")
        assert signer.json("init", "dtr.test/admin/flask")["status"] == "initialised"


@pytest.fixture
def dtr(authority: Authority) -> Iterator[FaultyServer]:
    """What a DTR shows at ``/ca``: the certificate of the CA that signed its own."""

    def behaviour(exchange: Exchange) -> None:
        if exchange.path == "/ca":
            exchange.reply(200, authority.ca_file.read_bytes(), media_type="text/plain")
        else:
            exchange.reply(404, b"{}")

    with FaultyServer(authority, behaviour) as server:
        yield server


@pytest.fixture
def fingerprint(authority: Authority) -> str:
    der = ssl.PEM_cert_to_DER_cert(authority.ca_file.read_text())
    return hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("form", ["plain", "colons", "labelled"])
def test_the_ca_is_stored_for_the_right_fingerprint(
    dtr: FaultyServer, authority: Authority, fingerprint: str, tmp_path: Path, form: str
) -> None:
    signer = WatchedSigner(tmp_path / "signer")
    upper = ":".join(fingerprint[at : at + 2] for at in range(0, 64, 2)).upper()
    given = {"plain": fingerprint, "colons": upper, "labelled": f"SHA256:{fingerprint}"}[form]
    answer = signer.json("ca", dtr.host, "--sha256", given)
    path = signer.config / "tls" / dtr.host / "ca.crt"
    assert list(answer) == ["schema", "host", "path", "certificates"]
    assert (answer["host"], answer["path"]) == (dtr.host, str(path))
    assert answer["certificates"][0]["sha256"] == upper
    stored = ssl.PEM_cert_to_DER_cert(path.read_text())
    assert stored == ssl.PEM_cert_to_DER_cert(authority.ca_file.read_text())
    text = signer("ca", dtr.host, "--sha256", given).stdout
    assert f"fingerprint  {upper}\n" in text
    assert f"stored       {path}\n" in text
    error = signer.json("init", f"{dtr.host}/admin/flask", expect=None)
    assert error["code"] != "tls-unverified", "the stored CA is used"


def test_a_wrong_fingerprint_stores_nothing_and_is_an_attack(
    dtr: FaultyServer, fingerprint: str, tmp_path: Path
) -> None:
    signer = WatchedSigner(tmp_path / "signer")
    error = signer.json("ca", dtr.host, "--sha256", "0" * 64, expect=4)
    assert error["code"] == "fingerprint-mismatch"
    assert fingerprint[:2].upper() in error["message"]
    for given in ("123", "x" * 64, ""):
        assert signer.json("ca", dtr.host, "--sha256", given, expect=2)["code"] == "bad-fingerprint"
    assert not directory_content(signer.config)


def test_without_a_fingerprint_and_a_terminal_nothing_is_stored(
    dtr: FaultyServer, tmp_path: Path
) -> None:
    signer = WatchedSigner(tmp_path / "signer")
    for options in ((), ("--json",), ("-q",)):
        done = signer("ca", dtr.host, *options, expect=2)
        assert "--sha256" in done.stdout + done.stderr
    assert not directory_content(signer.config)


@pytest.mark.parametrize(
    ("host", "status"), [("localhost:1", 6), ("https://x/y", 2), ("bad host", 2), ("", 2)]
)
def test_a_host_that_is_none(tmp_path: Path, host: str, status: int) -> None:
    WatchedSigner(tmp_path / "signer").json("ca", host, "--sha256", "0" * 64, expect=status)


def test_a_server_that_is_no_dtr_is_said(authority: Authority, tmp_path: Path) -> None:
    def behaviour(exchange: Exchange) -> None:
        exchange.reply(200, b"<html>hello</html>", media_type="text/html")

    with FaultyServer(authority, behaviour) as server:
        signer = WatchedSigner(tmp_path / "signer")
        error = signer.json("ca", server.host, "--sha256", "0" * 64, expect=6)
    assert error["code"] == "not-a-ca"
