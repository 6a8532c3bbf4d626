import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from signer.errors import AuthError, NetworkError, NotFoundError, SignerError, TrustDataError
from signer.transport.registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    Registry,
)
from tests.unit.transport.simulated import (
    Chunks,
    TokenWorld,
    docker_login,
    make_pool,
    no_credentials,
)

HOST = "dtr.example.com"
PATH = "admin/flask"
IMAGE = f"{HOST}/{PATH}"

# The digest was made with sha256sum.
BYTES = b'{"schemaVersion":2,"layers":[],"config":{}}\n'
DIGEST = "sha256:990134df4d301954cb53f8c7471efe350877007451bbba728b8119c6414f544f"
SHA512 = (
    "sha512:8cdcd70c472ba6d1ad388f8ac52afffccf127b7db6f30ed8b39418e320435fef"
    "093455c60962ee3e0ab38ccf9594ef7f6b78bbd112dc5e8be4099ccc7b28fdea"
)
OTHER = f"sha256:{'0' * 64}"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"

Answer = Callable[[], httpx.Response]


def manifest_answer(
    content: bytes = BYTES, media_type: str = DOCKER_MANIFEST, **headers: str
) -> Answer:
    fields = {"Content-Type": media_type} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return lambda: httpx.Response(200, content=content, headers=fields)


def fetch(
    directory: Path,
    answer: Answer,
    reference: str = "1",
    *,
    seen: list[httpx.Request] | None = None,
) -> Manifest:
    def handler(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return answer()

    with make_pool(handler) as pool:
        registry = Registry(pool, HOST, credentials=no_credentials(directory))
        return registry.manifest(PATH, reference)


def fault(directory: Path, answer: Answer, reference: str = "1") -> SignerError:
    with pytest.raises(SignerError) as caught:
        fetch(directory, answer, reference)
    assert IMAGE in str(caught.value)
    return caught.value


def text(**members: object) -> bytes:
    return json.dumps(members).encode()


def test_digest_and_length_are_those_of_the_bytes(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []
    manifest = fetch(tmp_path, manifest_answer(), seen=seen)
    assert manifest == Manifest(DOCKER_MANIFEST, BYTES, DIGEST, 44)
    assert not manifest.is_index
    assert str(seen[0].url) == f"https://{HOST}/v2/{PATH}/manifests/1"
    accepted = seen[0].headers["Accept"]
    assert [part.strip() for part in accepted.split(",")] == [
        DOCKER_MANIFEST,
        DOCKER_LIST,
        OCI_MANIFEST,
        OCI_INDEX,
    ]


@pytest.mark.parametrize(
    ("media_type", "content", "index"),
    [
        (DOCKER_LIST, text(schemaVersion=2, mediaType=DOCKER_LIST, manifests=[]), True),
        (OCI_MANIFEST, text(schemaVersion=2, config={}, layers=[]), False),
        (OCI_INDEX, text(schemaVersion=2, mediaType=OCI_INDEX, manifests=[]), True),
    ],
)
@pytest.mark.parametrize("suffix", ["", "; charset=utf-8"])
def test_every_kind_that_is_addressed_by_digest_is_taken(
    tmp_path: Path,
    media_type: str,
    content: bytes,
    index: bool,
    suffix: str,
) -> None:
    manifest = fetch(tmp_path, manifest_answer(content, media_type + suffix))
    assert manifest.media_type == media_type
    assert manifest.is_index is index


def test_the_contents_own_type_counts_where_the_header_has_none(tmp_path: Path) -> None:
    content = text(schemaVersion=2, mediaType=OCI_MANIFEST, config={}, layers=[])
    manifest = fetch(tmp_path, manifest_answer(content, "application/json"))
    assert manifest.media_type == OCI_MANIFEST


def test_a_digest_that_was_asked_for_must_be_that_of_the_bytes(tmp_path: Path) -> None:
    assert fetch(tmp_path, manifest_answer(), DIGEST).digest == DIGEST
    error = fault(tmp_path, manifest_answer(), OTHER)
    assert isinstance(error, TrustDataError)
    assert error.code == "digest-mismatch"
    assert DIGEST in str(error)
    assert OTHER in str(error)


@pytest.mark.parametrize("announced", [DIGEST, SHA512])
def test_a_digest_that_is_announced_rightly_is_accepted(tmp_path: Path, announced: str) -> None:
    answer = manifest_answer(Docker_Content_Digest=announced)
    assert fetch(tmp_path, answer).digest == DIGEST


@pytest.mark.parametrize("announced", [OTHER, SHA512[:-1] + "!", "md5:00", "garbage"])
def test_a_digest_that_is_announced_wrongly_is_refused(tmp_path: Path, announced: str) -> None:
    error = fault(tmp_path, manifest_answer(Docker_Content_Digest=announced))
    assert isinstance(error, TrustDataError)
    assert error.code == "digest-mismatch"


@pytest.mark.parametrize(
    "answer",
    [
        manifest_answer(b'{"schemaVersion":1}', SCHEMA1),
        manifest_answer(b'{"schemaVersion":1}', SCHEMA1.replace("prettyjws", "json")),
        manifest_answer(b'{"schemaVersion":1}', "application/json"),
        manifest_answer(b'{"schemaVersion":1}', DOCKER_MANIFEST),
        manifest_answer(BYTES, SCHEMA1),
    ],
)
def test_schema_1_cannot_be_signed(tmp_path: Path, answer: Answer) -> None:
    error = fault(tmp_path, answer)
    assert error.code == "schema1-manifest"
    assert error.exit_code == 1


@pytest.mark.parametrize(
    "answer",
    [
        manifest_answer(text(schemaVersion=2, manifests=[], layers=[]), OCI_INDEX),
        manifest_answer(text(schemaVersion=2, manifests=None, config={}), OCI_MANIFEST),
        manifest_answer(text(schemaVersion=2, manifests=[]), OCI_MANIFEST),
        manifest_answer(text(schemaVersion=2, layers=[]), OCI_INDEX),
        manifest_answer(text(schemaVersion=2, mediaType=OCI_INDEX, manifests=[]), DOCKER_LIST),
        manifest_answer(text(schemaVersion=2, mediaType=OCI_INDEX, layers=[]), "text/plain"),
    ],
)
def test_a_manifest_of_two_kinds_is_refused(tmp_path: Path, answer: Answer) -> None:
    error = fault(tmp_path, answer)
    assert isinstance(error, TrustDataError)
    assert error.code == "ambiguous-manifest"


@pytest.mark.parametrize(
    "answer",
    [
        manifest_answer(b"<html>Sign in</html>", "text/html"),
        manifest_answer(b"<html>Sign in</html>", DOCKER_MANIFEST),
        manifest_answer(b"", DOCKER_MANIFEST),
        manifest_answer(b"\xff\xfe garbage", DOCKER_MANIFEST),
        manifest_answer(b"[2]", DOCKER_MANIFEST),
        manifest_answer(b'{"schemaVersion":"2"}', DOCKER_MANIFEST),
        manifest_answer(b'{"schemaVersion":3}', DOCKER_MANIFEST),
        manifest_answer(b"{}", DOCKER_MANIFEST),
        manifest_answer(BYTES + b"x", DOCKER_MANIFEST),
        manifest_answer(BYTES, "application/json"),
        manifest_answer(BYTES, "application/vnd.oci.image.config.v1+json"),
        manifest_answer(b'{"a":' * 100_000, DOCKER_MANIFEST),
    ],
)
def test_what_is_no_manifest_is_a_network_error(tmp_path: Path, answer: Answer) -> None:
    error = fault(tmp_path, answer)
    assert isinstance(error, NetworkError)
    assert error.code == "not-a-registry"


def test_a_manifest_over_four_mebibytes_is_not_read(tmp_path: Path) -> None:
    body = Chunks(b"{" * 2**20 for _ in range(100))
    headers = {"Content-Type": DOCKER_MANIFEST}
    with pytest.raises(TrustDataError) as caught:
        fetch(tmp_path, lambda: httpx.Response(200, stream=body, headers=headers))
    assert caught.value.code == "too-large"
    assert f"/v2/{PATH}/manifests/1" in str(caught.value)
    assert body.taken == 5 * 2**20


def test_a_missing_tag_is_not_found_in_the_registrys_words(tmp_path: Path) -> None:
    body = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
    error = fault(tmp_path, lambda: httpx.Response(404, json=body))
    assert isinstance(error, NotFoundError)
    assert f"{IMAGE}:1" in str(error)
    assert "MANIFEST_UNKNOWN" in str(error)
    assert f"{IMAGE}@{OTHER}" in str(fault(tmp_path, lambda: httpx.Response(404), OTHER))


@pytest.mark.parametrize("status", [500, 503, 429, 301, 400])
def test_a_fault_of_the_registrys_is_a_network_error(tmp_path: Path, status: int) -> None:
    error = fault(tmp_path, lambda: httpx.Response(status, content=b"<html>"))
    assert isinstance(error, NetworkError)
    assert str(status) in str(error)


def test_the_scope_names_the_repository_without_the_host(tmp_path: Path) -> None:
    world = TokenWorld(accounts={"ci": "x"}, scope="")
    with make_pool(world) as pool:
        registry = Registry(pool, HOST, credentials=docker_login(tmp_path, HOST, "ci:x"))
        with pytest.raises(NetworkError):  # the world's answer is no manifest
            registry.manifest(PATH, "1")
    assert world.asked[0].url.params["scope"] == f"repository:{PATH}:pull"
    assert world.asked[0].url.params["account"] == "ci"


def test_a_refusal_is_an_auth_error(tmp_path: Path) -> None:
    with make_pool(TokenWorld()) as pool, pytest.raises(AuthError):
        Registry(pool, HOST, credentials=no_credentials(tmp_path)).manifest(PATH, "1")


def test_plain_http_is_for_loopback_hosts_that_the_user_named(tmp_path: Path) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return manifest_answer()()

    with make_pool(handler, insecure_http_hosts=frozenset({"localhost:5000"})) as pool:
        for host in ("localhost:5000", "localhost:5001"):
            Registry(pool, host, credentials=no_credentials(tmp_path)).manifest("a/b", "1")
    assert [url.partition("/v2/")[0] for url in seen] == [
        "http://localhost:5000",
        "https://localhost:5001",
    ]


# The digest alone.


def digest_by(directory: Path, handler: Callable[[httpx.Request], httpx.Response]) -> str:
    with make_pool(handler) as pool:
        return Registry(pool, HOST, credentials=no_credentials(directory)).digest(PATH, "1")


def test_the_digest_alone_is_asked_for_by_head(tmp_path: Path) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.method == "HEAD"
        return httpx.Response(
            200, headers={"Docker-Content-Digest": DIGEST, "Content-Length": "99999999"}
        )

    assert digest_by(tmp_path, handler) == DIGEST


@pytest.mark.parametrize("announced", ["", "garbage", SHA512])
def test_a_registry_that_announces_no_usable_digest_is_asked_for_the_bytes(
    tmp_path: Path, announced: str
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(200, headers={"Docker-Content-Digest": announced})
        return manifest_answer()()

    assert digest_by(tmp_path, handler) == DIGEST


def test_a_registry_without_head_is_asked_for_the_bytes(tmp_path: Path) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(405) if request.method == "HEAD" else manifest_answer()()

    assert digest_by(tmp_path, handler) == DIGEST


def test_the_digest_of_a_missing_tag_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        digest_by(tmp_path, lambda _: httpx.Response(404))


def test_the_digest_of_a_schema_1_manifest_is_not_given(tmp_path: Path) -> None:
    fields = {"Docker-Content-Digest": DIGEST, "Content-Type": SCHEMA1}
    with pytest.raises(SignerError) as caught:
        digest_by(tmp_path, lambda _: httpx.Response(200, headers=fields))
    assert caught.value.code == "schema1-manifest"
