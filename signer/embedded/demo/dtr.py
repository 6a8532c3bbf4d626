"""The demonstration's view of its DTR: what a build job and an admin do there."""

import base64
import hashlib
import json
from typing import Any, Final

from signer.constants import MAX_MANIFEST_SIZE
from signer.errors import SignerError
from signer.transport.http import HttpPool

_CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"


class DtrAdmin:
    """Calls of the account ``admin``.

    Args:
        pool: connections that trust the DTR's CA.
        url: of the DTR, ``https://HOST:PORT``.
        password: of the account.
    """

    def __init__(self, pool: HttpPool, url: str, *, password: str) -> None:
        self.url = url
        self._pool = pool
        pair = base64.b64encode(f"admin:{password}".encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {pair}"}

    def call(self, method: str, path: str, content: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call the API; return the decoded answer.

        Raises:
            SignerError: the DTR refuses.
        """
        body = None if content is None else json.dumps(content).encode("utf-8")
        answer = self._ask(method, path, body, media_type="application/json")
        return json.loads(answer) if answer else None

    def push(self, repository: str, tag: str, *, content: bytes) -> str:
        """Push a tiny image, as a build would; return its digest, ``sha256:HEX``."""
        config = json.dumps(
            {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        ).encode("ascii")
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "config": self._blob(repository, config, _CONFIG_TYPE),
            "layers": [self._blob(repository, content, _LAYER_TYPE)],
        }
        wire = json.dumps(manifest).encode("ascii")
        self._ask("PUT", f"/v2/{repository}/manifests/{tag}", wire, media_type=_MANIFEST_TYPE)
        return _digest(wire)

    def _blob(self, repository: str, content: bytes, media_type: str) -> dict[str, object]:
        started = self._pool.request(
            "POST",
            f"{self.url}/v2/{repository}/blobs/uploads/",
            headers=self._headers,
            max_bytes=MAX_MANIFEST_SIZE,
        )
        location = started.headers.get("Location", "")
        path = location.removeprefix(self.url)
        mark = "&" if "?" in path else "?"
        self._ask("PUT", f"{path}{mark}digest={_digest(content)}", content)
        return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}

    def _ask(
        self,
        method: str,
        path: str,
        content: bytes | None,
        *,
        media_type: str = "application/octet-stream",
    ) -> bytes:
        answer = self._pool.request(
            method,
            f"{self.url}{path}",
            headers=self._headers | {"Content-Type": media_type},
            content=content,
            max_bytes=MAX_MANIFEST_SIZE,
        )
        if answer.status >= 400:
            said = answer.content.decode("utf-8", "replace")[:300]
            raise SignerError(f"{method} {path}: HTTP {answer.status}: {said}")
        return answer.content


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
