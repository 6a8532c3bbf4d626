"""Small but real images, put into a registry over its HTTP API."""

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any, Final, Literal

import httpx

from tests.components.web import WebService

Kind = Literal["docker", "oci", "index"]
_Json = dict[str, Any]

_DOCKER: Final = {
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_OCI: Final = {
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
}
_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
_INDEXES: Final = (_INDEX, "application/vnd.oci.image.index.v1+json")
ARCHITECTURES: Final = ("amd64", "arm64")


def push_image(
    registry: WebService,
    path: str,
    tag: str,
    *,
    kind: Kind = "docker",
    content: bytes = b"worthless example",
    auth: tuple[str, str] | None = None,
) -> tuple[str, int]:
    """Put an image with one layer, which has ``content`` in the file ``/content``, under a tag.

    ``kind`` is ``docker`` (schema 2), ``oci``, or ``index`` (a manifest list of two platforms).

    Returns:
        The manifest's digest (``sha256:HEX``) as the registry reports it, and its length in bytes.
    """
    with registry.client(auth) as client:
        if kind == "index":
            return _push_index(client, path, tag, content)
        media = _OCI if kind == "oci" else _DOCKER
        manifest = _upload_image(client, path, media, content, architecture=ARCHITECTURES[0])
        return _put_manifest(client, path, tag, manifest, media_type=media["manifest"])


def get_manifest(registry: WebService, path: str, reference: str) -> bytes:
    """Return the bytes of a manifest by tag or digest.

    Every type is named in ``Accept``: for ``*/*`` registry 2.8 answers 404 where it has an OCI
    manifest.
    """
    accept = ", ".join((_DOCKER["manifest"], _OCI["manifest"], *_INDEXES))
    with registry.client() as client:
        answer = client.get(f"/v2/{path}/manifests/{reference}", headers={"Accept": accept})
        return answer.raise_for_status().content


def copy_image(registry: WebService, source: str, target: str, tag: str) -> str:
    """Copy an image with its blobs to another repository, as a promotion does; return its digest.

    It is asked for as Docker's schema 2, and the copy is byte for byte.
    """
    with registry.client() as client:
        headers = {"Accept": _DOCKER["manifest"]}
        answer = client.get(f"/v2/{source}/manifests/{tag}", headers=headers).raise_for_status()
        content = answer.json()
        for blob in (content["config"], *content["layers"]):
            mount = {"mount": blob["digest"], "from": source}
            client.post(f"/v2/{target}/blobs/uploads/", params=mount).raise_for_status()
        media_type = answer.headers["Content-Type"]
        return _put_manifest(client, target, tag, answer.content, media_type=media_type)[0]


def delete_image(registry: WebService, path: str, digest: str) -> None:
    """Delete a manifest by its digest, and with it every tag of it."""
    with registry.client() as client:
        client.delete(f"/v2/{path}/manifests/{digest}").raise_for_status()


def root_file_system(content: bytes) -> bytes:
    """Return the tar archive of a file system with the one file ``/content``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("content")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _push_index(client: httpx.Client, path: str, tag: str, content: bytes) -> tuple[str, int]:
    entries = []
    for architecture in ARCHITECTURES:
        manifest = _upload_image(client, path, _DOCKER, content, architecture=architecture)
        digest, size = _put_manifest(
            client, path, _sha256(manifest), manifest, media_type=_DOCKER["manifest"]
        )
        entries.append(
            {
                "mediaType": _DOCKER["manifest"],
                "digest": digest,
                "size": size,
                "platform": {"architecture": architecture, "os": "linux"},
            }
        )
    index = _encode({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries})
    return _put_manifest(client, path, tag, index, media_type=_INDEX)


def _upload_image(
    client: httpx.Client, path: str, media: dict[str, str], content: bytes, *, architecture: str
) -> bytes:
    """Upload layer and configuration, and return the manifest."""
    archive = root_file_system(content)
    layer = gzip.compress(archive, mtime=0)
    config = _encode(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/content"]},
            "rootfs": {"type": "layers", "diff_ids": [_sha256(archive)]},
        }
    )
    return _encode(
        {
            "schemaVersion": 2,
            "mediaType": media["manifest"],
            "config": _upload_blob(client, path, config, media_type=media["config"]),
            "layers": [_upload_blob(client, path, layer, media_type=media["layer"])],
        }
    )


def _upload_blob(client: httpx.Client, path: str, data: bytes, *, media_type: str) -> _Json:
    begun = client.post(f"/v2/{path}/blobs/uploads/").raise_for_status()
    location = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": _sha256(data)})
    client.put(location, content=data).raise_for_status()
    return {"mediaType": media_type, "digest": _sha256(data), "size": len(data)}


def _put_manifest(
    client: httpx.Client, path: str, reference: str, manifest: bytes, *, media_type: str
) -> tuple[str, int]:
    answer = client.put(
        f"/v2/{path}/manifests/{reference}",
        content=manifest,
        headers={"Content-Type": media_type},
    ).raise_for_status()
    return answer.headers["Docker-Content-Digest"], len(manifest)


def _encode(value: _Json) -> bytes:
    return json.dumps(value, indent=3).encode()


def _sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
