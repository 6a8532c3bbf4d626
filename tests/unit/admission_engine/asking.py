"""Requests as a real engine 20.10 described them to its plugin."""

import base64
import json
from collections.abc import Mapping

from signer.admission.engine.request import EngineRequest

JSON_TYPE = {"Content-Type": "application/json"}
EMPTY = {"Content-Length": "0", "Content-Type": "text/plain"}


def described(
    method: str, uri: str, body: object = None, headers: Mapping[str, str] = EMPTY
) -> EngineRequest:
    """Return a request; a body is JSON unless it is bytes."""
    content: dict[str, object] = {
        "RequestMethod": method,
        "RequestUri": uri,
        "RequestHeaders": dict(headers),
    }
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        content["RequestBody"] = base64.b64encode(data).decode()
        content["RequestHeaders"] = dict(JSON_TYPE)
    return EngineRequest.read(json.dumps(content).encode())
