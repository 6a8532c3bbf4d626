"""The registry's protocol: uploads, manifests, tags, ranges, refusals."""

import hashlib
import json
from typing import Any, Final

import httpx
import pytest

from signer.embedded.errors import ApiError
from signer.embedded.events import (
    Event,
    ManifestDeleted,
    ManifestPulled,
    ManifestPushed,
    RepositoryCreated,
    TagDeleted,
    TagPulled,
    TagPushed,
)
from tests.unit.embedded.inprocess import HOST, InProcess

DOCKER: Final = "application/vnd.docker.distribution.manifest.v2+json"
LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI: Final = "application/vnd.oci.image.manifest.v1+json"
LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FOREIGN: Final = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
APP: Final = "/v2/admin/app"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def error_code(answer: httpx.Response) -> str:
    code: str = answer.json()["errors"][0]["code"]
    return code


@pytest.fixture
def client(embedded_dtr: InProcess) -> httpx.Client:
    return embedded_dtr.bearer(
        *(f"repository:admin/{name}:pull,push,delete" for name in ("app", "other")),
        "registry:catalog:*",
    )


def push_blob(client: httpx.Client, content: bytes, path: str = APP) -> str:
    begun = client.post(f"{path}/blobs/uploads/")
    assert begun.status_code == 202
    digest = digest_of(content)
    done = client.put(begun.headers["Location"], params={"digest": digest}, content=content)
    assert done.status_code == 201
    assert done.headers["Docker-Content-Digest"] == digest
    assert done.headers["Location"] == f"{path}/blobs/{digest}"
    return digest


def manifest_of(config: str, *layers: str, **changes: Any) -> bytes:  # noqa: ANN401 - JSON
    content = {
        "schemaVersion": 2,
        "mediaType": DOCKER,
        "config": {"mediaType": "application/json", "size": 2, "digest": config},
        "layers": [{"mediaType": LAYER, "size": 5, "digest": layer} for layer in layers],
    }
    return json.dumps(content | changes, indent=3).encode()


def put_manifest(
    client: httpx.Client, reference: str, content: bytes, *, kind: str = DOCKER, path: str = APP
) -> httpx.Response:
    return client.put(
        f"{path}/manifests/{reference}", content=content, headers={"Content-Type": kind}
    )


def push(client: httpx.Client, tag: str, content: bytes = b"layer", path: str = APP) -> str:
    manifest = manifest_of(push_blob(client, b"{}", path), push_blob(client, content, path))
    done = put_manifest(client, tag, manifest, path=path)
    assert done.status_code == 201, done.text
    assert done.headers["Location"] == f"{path}/manifests/{digest_of(manifest)}"
    return done.headers["Docker-Content-Digest"]


def test_what_was_pushed_is_pulled_byte_for_byte_by_tag_and_digest(client: httpx.Client) -> None:
    manifest = manifest_of(push_blob(client, b"{}"), push_blob(client, b"layer"))
    assert put_manifest(client, "1", manifest).status_code == 201
    for reference in ("1", digest_of(manifest)):
        answer = client.get(f"{APP}/manifests/{reference}")
        assert answer.content == manifest
        assert answer.headers["Content-Type"] == DOCKER
        assert answer.headers["Docker-Content-Digest"] == digest_of(manifest)
        head = client.head(f"{APP}/manifests/{reference}")
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(manifest)))
    assert client.get(f"{APP}/blobs/{digest_of(b'layer')}").content == b"layer"


def test_a_conditional_request_for_a_manifest_is_not_modified(client: httpx.Client) -> None:
    digest = push(client, "1")
    answer = client.get(f"{APP}/manifests/1", headers={"If-None-Match": f'"{digest}"'})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_blob_is_read_in_ranges(client: httpx.Client) -> None:
    digest = push_blob(client, b"0123456789")
    whole = client.head(f"{APP}/blobs/{digest}")
    assert whole.headers["Content-Length"] == "10"
    assert whole.headers["Docker-Content-Digest"] == digest
    part = client.get(f"{APP}/blobs/{digest}", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["Content-Range"] == "bytes 2-4/10"
    rest = client.get(f"{APP}/blobs/{digest}", headers={"Range": "bytes=7-"})
    assert rest.content == b"789"
    beyond = client.get(f"{APP}/blobs/{digest}", headers={"Range": "bytes=20-30"})
    assert beyond.status_code == 416


def test_an_upload_in_parts_says_where_it_is_and_goes_on_there(client: httpx.Client) -> None:
    location = client.post(f"{APP}/blobs/uploads/").headers["Location"]
    first = client.patch(location, content=b"01234", headers={"Content-Range": "0-4"})
    assert (first.status_code, first.headers["Range"]) == (202, "0-4")
    status = client.get(location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-4")
    assert status.headers["Location"] == location
    for wrong in ("0-4", "4-8", "6-9", "x"):
        answer = client.patch(location, content=b"56789", headers={"Content-Range": wrong})
        assert (answer.status_code, answer.headers["Range"]) == (416, "0-4")
    second = client.patch(location, content=b"567", headers={"Content-Range": "5-7"})
    assert second.headers["Range"] == "0-7"
    digest = digest_of(b"0123456789")
    done = client.put(location, params={"digest": digest}, content=b"89")
    assert done.status_code == 201
    assert client.get(f"{APP}/blobs/{digest}").content == b"0123456789"
    assert error_code(client.get(location)) == "BLOB_UPLOAD_UNKNOWN"


def test_an_upload_survives_the_end_of_the_server(embedded_dtr: InProcess) -> None:
    scope = "repository:admin/app:pull,push"
    location = embedded_dtr.bearer(scope).post(f"{APP}/blobs/uploads/").headers["Location"]
    embedded_dtr.bearer(scope).patch(location, content=b"half and ")
    embedded_dtr.dtr.close()
    again = InProcess(embedded_dtr.dtr.directory, embedded_dtr.clock)
    client = again.bearer(scope)
    assert client.get(location).headers["Range"] == "0-8"
    done = client.put(location, params={"digest": digest_of(b"half and half")}, content=b"half")
    assert done.status_code == 201
    again.dtr.close()


def test_an_upload_in_one_request(client: httpx.Client) -> None:
    digest = digest_of(b"content")
    answer = client.post(f"{APP}/blobs/uploads/", params={"digest": digest}, content=b"content")
    assert answer.status_code == 201
    assert client.head(f"{APP}/blobs/{digest}").status_code == 200


def test_a_cancelled_upload_is_gone(client: httpx.Client) -> None:
    location = client.post(f"{APP}/blobs/uploads/").headers["Location"]
    assert client.delete(location).status_code == 204
    assert error_code(client.patch(location, content=b"x")) == "BLOB_UPLOAD_UNKNOWN"


def test_an_upload_belongs_to_its_repository(client: httpx.Client) -> None:
    push(client, "1", path="/v2/admin/other")
    location = client.post(f"{APP}/blobs/uploads/").headers["Location"]
    elsewhere = location.replace("/app/", "/other/")
    assert error_code(client.patch(elsewhere, content=b"x")) == "BLOB_UPLOAD_UNKNOWN"


@pytest.mark.parametrize(
    "digest", [digest_of(b"other"), "sha256:x", "md5:" + "0" * 32, "../../etc/passwd", ""]
)
def test_bytes_that_do_not_hash_to_the_digest_are_no_blob(
    client: httpx.Client, digest: str
) -> None:
    location = client.post(f"{APP}/blobs/uploads/").headers["Location"]
    answer = client.put(location, params={"digest": digest}, content=b"content")
    assert (answer.status_code, error_code(answer)) == (400, "DIGEST_INVALID")
    assert client.get(f"{APP}/blobs/{digest_of(b'other')}").status_code == 404


def test_a_blob_of_another_repository_is_mounted_only_with_the_right_to_pull_it(
    embedded_dtr: InProcess, client: httpx.Client
) -> None:
    digest = push_blob(client, b"shared", "/v2/admin/other")
    assert client.head(f"{APP}/blobs/{digest}").status_code == 404
    query = {"mount": digest, "from": "admin/other"}
    narrow = embedded_dtr.bearer("repository:admin/app:pull,push")
    assert narrow.post(f"{APP}/blobs/uploads/", params=query).status_code == 202
    assert client.head(f"{APP}/blobs/{digest}").status_code == 404
    mounted = client.post(f"{APP}/blobs/uploads/", params=query)
    assert (mounted.status_code, mounted.headers["Location"]) == (201, f"{APP}/blobs/{digest}")
    assert client.get(f"{APP}/blobs/{digest}").content == b"shared"
    missing = client.post(f"{APP}/blobs/uploads/", params=query | {"mount": digest_of(b"none")})
    assert missing.status_code == 202


def test_a_manifest_needs_its_blobs_and_an_index_its_manifests(client: httpx.Client) -> None:
    config = push_blob(client, b"{}")
    lacking = manifest_of(config, digest_of(b"not there"))
    answer = put_manifest(client, "1", lacking)
    assert (answer.status_code, error_code(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json()["errors"][0]["detail"] == {"digest": digest_of(b"not there")}
    entry = {"mediaType": DOCKER, "size": 1, "digest": digest_of(b"no manifest")}
    index = json.dumps({"schemaVersion": 2, "mediaType": LIST, "manifests": [entry]}).encode()
    assert error_code(put_manifest(client, "1", index, kind=LIST)) == "MANIFEST_BLOB_UNKNOWN"
    assert client.get(f"{APP}/tags/list").json()["tags"] == []


def test_an_index_of_stored_manifests_and_foreign_layers_are_taken(client: httpx.Client) -> None:
    config = push_blob(client, b"{}")
    foreign = {"mediaType": FOREIGN, "size": 1, "digest": digest_of(b"elsewhere")}
    image = manifest_of(config, layers=[foreign])
    assert put_manifest(client, digest_of(image), image).status_code == 201
    entry = {
        "mediaType": DOCKER,
        "size": len(image),
        "digest": digest_of(image),
        "platform": {"architecture": "amd64", "os": "linux"},
    }
    index = json.dumps({"schemaVersion": 2, "mediaType": LIST, "manifests": [entry]}).encode()
    assert put_manifest(client, "1", index, kind=LIST).status_code == 201
    assert client.get(f"{APP}/manifests/1").headers["Content-Type"] == LIST


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"no json", DOCKER),
        (b"[]", DOCKER),
        (b"\xff", DOCKER),
        (b"[" * 100_000, DOCKER),
        (b'{"schemaVersion": 1, "fsLayers": []}', DOCKER),
        (b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        (b'{"schemaVersion": 2, "mediaType": "%s"}' % LIST.encode(), DOCKER),
        (b'{"schemaVersion": 2, "manifests": []}', DOCKER),
        (b'{"schemaVersion": 2, "manifests": [], "layers": []}', LIST),
        (b'{"schemaVersion": 2, "layers": []}', OCI),
        (b'{"schemaVersion": 2}', OCI),
        (b'{"schemaVersion": 2, "manifests": []}', "application/json"),
        (b'{"schemaVersion": 2, "manifests": []}', ""),
    ],
)
def test_what_is_no_manifest_of_its_kind_is_refused(
    client: httpx.Client, content: bytes, kind: str
) -> None:
    answer = put_manifest(client, "1", content, kind=kind)
    assert (answer.status_code, error_code(answer)) == (400, "MANIFEST_INVALID")


def test_a_manifest_under_another_digest_or_an_impossible_tag_is_refused(
    client: httpx.Client,
) -> None:
    manifest = manifest_of(push_blob(client, b"{}"))
    assert error_code(put_manifest(client, digest_of(b"x"), manifest)) == "DIGEST_INVALID"
    for tag in ("-a", "a" * 129, "a b"):
        assert error_code(put_manifest(client, tag, manifest)) == "TAG_INVALID"


def test_a_manifest_of_more_than_4_mib_is_refused(client: httpx.Client) -> None:
    answer = put_manifest(client, "1", b" " * (4 * 2**20 + 1))
    assert (answer.status_code, error_code(answer)) == (413, "SIZE_INVALID")


def test_tags_are_listed_in_pages(client: httpx.Client) -> None:
    for tag in ("c", "a", "b"):
        push(client, tag)
    assert client.get(f"{APP}/tags/list").json() == {"name": "admin/app", "tags": ["a", "b", "c"]}
    page = client.get(f"{APP}/tags/list", params={"n": 2})
    assert page.json()["tags"] == ["a", "b"]
    following = page.links["next"]["url"]
    last = client.get(following)
    assert last.json()["tags"] == ["c"]
    assert "Link" not in last.headers
    assert client.get(f"{APP}/tags/list", params={"n": "x"}).status_code == 400


def test_the_catalogue_is_the_admins(embedded_dtr: InProcess, client: httpx.Client) -> None:
    push(client, "1")
    push(client, "1", path="/v2/admin/other")
    names = client.get("/v2/_catalog").json()["repositories"]
    assert names == ["admin/app", "admin/other"]
    embedded_dtr.dtr.accounts.create("anna", password="worthless-user-password")
    user = embedded_dtr.client("anna", "worthless-user-password")
    assert user.get("/v2/_catalog").status_code == 403


def test_a_deleted_tag_leaves_its_manifest_and_a_deleted_manifest_takes_its_tags(
    client: httpx.Client,
) -> None:
    digest = push(client, "1")
    push(client, "2")
    assert client.delete(f"{APP}/manifests/1").status_code == 202
    assert client.get(f"{APP}/manifests/1").status_code == 404
    assert client.get(f"{APP}/manifests/{digest}").status_code == 200
    assert client.delete(f"{APP}/manifests/{digest}").status_code == 202
    assert client.get(f"{APP}/tags/list").json()["tags"] == []
    assert error_code(client.get(f"{APP}/manifests/{digest}")) == "MANIFEST_UNKNOWN"
    assert error_code(client.delete(f"{APP}/manifests/{digest}")) == "MANIFEST_UNKNOWN"
    blob = digest_of(b"layer")
    assert client.delete(f"{APP}/blobs/{blob}").status_code == 202
    assert error_code(client.get(f"{APP}/blobs/{blob}")) == "BLOB_UNKNOWN"


def test_an_immutable_repositorys_tag_keeps_its_digest(
    embedded_dtr: InProcess, client: httpx.Client
) -> None:
    before = push(client, "1")
    embedded_dtr.dtr.repositories.update("admin", "app", author="admin", immutable_tags=True)
    assert push(client, "1") == before  # the same again is no change
    manifest = manifest_of(push_blob(client, b"{}"), push_blob(client, b"changed"))
    refused = put_manifest(client, "1", manifest)
    assert refused.status_code == 403
    assert refused.json()["errors"][0] == {
        "code": "UNKNOWN",
        "message": f"tag=1 cannot be overwritten because {HOST}/admin/app is an immutable "
        "repository",
        "detail": None,
    }
    assert client.get(f"{APP}/manifests/1").headers["Docker-Content-Digest"] == before
    changed = push(client, "2", b"changed")
    images, repository = embedded_dtr.dtr.images, embedded_dtr.dtr.repositories.get("admin", "app")
    with pytest.raises(ApiError, match="immutable repository"):  # promotion, too
        images.set_tag(repository, "1", changed, author="admin")


def test_the_first_push_makes_a_private_repository(
    embedded_dtr: InProcess, client: httpx.Client
) -> None:
    assert error_code(client.get(f"{APP}/tags/list")) == "NAME_UNKNOWN"
    push(client, "1")
    made = embedded_dtr.dtr.repositories.get("admin", "app")
    assert (made.visibility, made.immutable_tags, made.scan_on_push) == ("private", False, False)


def test_a_user_pushes_to_its_own_namespace_alone(embedded_dtr: InProcess) -> None:
    embedded_dtr.dtr.accounts.create("anna", password="worthless-user-password")
    user = embedded_dtr.client("anna", "worthless-user-password")
    assert user.post("/v2/anna/app/blobs/uploads/").status_code == 202
    assert user.post("/v2/admin/app/blobs/uploads/").status_code == 403
    assert embedded_dtr.dtr.repositories.find("admin", "app") is None


@pytest.mark.parametrize("name", ["app", "a/b/c", "admin/App", "admin/..", "_catalog/x"])
def test_a_name_that_is_no_repository_is_refused(embedded_dtr: InProcess, name: str) -> None:
    answer = embedded_dtr.client().post(f"/v2/{name}/blobs/uploads/")
    assert answer.status_code in {400, 403, 404}
    assert embedded_dtr.dtr.repositories.find_all() == []


@pytest.mark.parametrize(
    "path",
    ['/v2/a"b/c/tags/list', "/v2/a%0D%0Ab/c/tags/list", "/v2/%E2%82%AC/c/_trust/tuf/root.json"],
)
def test_a_name_with_anything_in_it_breaks_no_header(embedded_dtr: InProcess, path: str) -> None:
    answer = embedded_dtr.client(user="").get(path)
    assert answer.status_code in {400, 401, 404}
    assert answer.headers.get("WWW-Authenticate", "").count('"') in {0, 6}


def test_everything_that_happens_is_told_once_it_is_on_disk(
    embedded_dtr: InProcess, client: httpx.Client
) -> None:
    events: list[Event] = []
    embedded_dtr.dtr.repositories.on_event(events.append)
    digest = push(client, "1")
    push(client, "1")
    client.get(f"{APP}/manifests/1")
    client.head(f"{APP}/manifests/1")
    client.delete(f"{APP}/manifests/{digest}")
    at = "2026-11-22T01:55:20.000000Z"
    who = ("admin", "app", "admin", at)
    assert events == [
        RepositoryCreated(*who),
        ManifestPushed(*who, digest, DOCKER),
        TagPushed(*who, "1", digest, ""),
        TagPushed(*who, "1", digest, digest),
        ManifestPulled(*who, digest),
        TagPulled(*who, "1", digest),
        TagDeleted(*who, "1", digest),
        ManifestDeleted(*who, digest),
    ]
    repository = embedded_dtr.dtr.repositories.get("admin", "app")
    assert (repository.pushes, repository.pulls) == (2, 1)


def test_a_listener_that_fails_harms_nobody_and_a_participant_undoes_the_push(
    embedded_dtr: InProcess, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_event: Event) -> None:
        raise ValueError("a listener's own fault")

    def refuse(event: Event) -> None:
        if isinstance(event, TagPushed) and event.tag == "2":
            raise ApiError(400, "UNKNOWN", "not this one")

    embedded_dtr.dtr.repositories.on_event(fail)
    embedded_dtr.dtr.repositories.in_transaction(refuse)
    push(client, "1")
    assert "a listener failed on TagPushed" in caplog.text
    manifest = manifest_of(push_blob(client, b"{}"), push_blob(client, b"second"))
    assert put_manifest(client, "2", manifest).status_code == 400
    assert client.get(f"{APP}/tags/list").json()["tags"] == ["1"]
    assert client.get(f"{APP}/manifests/{digest_of(manifest)}").status_code == 404


def test_a_guard_forbids_deletion(embedded_dtr: InProcess, client: httpx.Client) -> None:
    def guard(_repository: object, tag: str) -> None:
        if tag in {"signed", ""}:
            raise ApiError(409, "TAG_SIGNED", "it is signed")

    embedded_dtr.dtr.repositories.guard_deletion(guard)
    digest = push(client, "signed")
    push(client, "plain")
    assert client.delete(f"{APP}/manifests/signed").status_code == 409
    assert client.delete(f"{APP}/manifests/{digest}").status_code == 409
    assert client.get(f"{APP}/tags/list").json()["tags"] == ["plain", "signed"]
    assert client.delete(f"{APP}/manifests/plain").status_code == 202
    with pytest.raises(ApiError, match="it is signed"):
        embedded_dtr.dtr.repositories.delete("admin", "app", author="admin")


def test_unknown_paths_and_methods_are_errors_in_json(embedded_dtr: InProcess) -> None:
    client = embedded_dtr.client()
    assert error_code(client.get("/nothing")) == "NOT_FOUND"
    assert error_code(client.put("/v2/_catalog")) == "UNSUPPORTED"


def test_the_ca_is_there_for_everybody(embedded_dtr: InProcess) -> None:
    answer = embedded_dtr.client(user="").get("/ca")
    assert answer.text == (embedded_dtr.dtr.directory / "ca.pem").read_text()
