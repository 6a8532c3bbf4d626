"""Token authentication: ``/auth/token``, and the check of what clients then bring.

Rules:

- a token is a JWT (ES256) with the signing certificate in its header (``x5c``): servers of docker
  distribution and Notary accept it with the embedded CA as ``rootcertbundle``;
- a token has what was asked for and may be had, so a client gets one even without rights; the
  server that is then asked refuses it;
- a scope must match exactly: the same type and name, and every action (``*`` has them all);
- an account that is gone or inactive is refused with whatever token it still has;
- refresh tokens are kept as hashes, and end with a change of the password.

Source: the registry's token authentication specification (token, oauth, jwt, scope).
"""

import base64
import binascii
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from signer.embedded.access import Access
from signer.embedded.accounts import Accounts
from signer.embedded.certificates import KeyPair
from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.identity import ANONYMOUS, EVERYTHING, Identity, Scope
from signer.embedded.repositories import utc_now
