"""A Notary server's API for one collection.

Rules:

- what comes back is bytes, checked only for being a Notary answer at all: trust is decided above;
- 404 is "no such thing", a version conflict is a conflict, a refusal carries the server's words,
  and anything that is no Notary answer says so, with the question whether the URL is right;
- a 200 to a publish is an acknowledgement, nothing more: the server takes files that make the
  collection unreadable (NP 0).

Source: NP 5 (routes, statuses, error codes), NP 4.3 (the upload).
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from signer.constants import BASE_ROLES, MAX_ERROR_SIZE, MAX_KEY_SIZE
from signer.errors import ConflictError, NetworkError, NotFoundError, SignerError, TrustDataError
from signer.names import Gun, RoleName, parse_role, printable
from signer.transport.answers import Response, server_errors, status_error
from signer.transport.changefeed import MAX_PAGE_SIZE, PAGE_RECORDS, Change, read_page
from signer.transport.origin import Origin

if TYPE_CHECKING:
    from signer.transport.auth import RegistryAuth
    from signer.transport.credentials import Credential, Credentials
    from signer.transport.http import HttpPool

PULL: Final = "pull"
PUSH: Final = "push,pull"
ADMIN: Final = "*"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONFLICT_CODES: Final = frozenset({"VERSION", "UPDATING"})
_WRONG_SERVER: Final = "Is this a Notary server? Name it with --server URL."
_PART_TYPE: Final = "application/octet-stream"

OnUpload = Callable[[Gun, Mapping[RoleName, bytes], bool], None]
"""Is told of files that went to the server: False where it is not known whether it took them."""


class NotaryServer:
    """One collection on one Notary server; safe to use from several threads at once.

    Args:
        pool: the connections.
        base_url: the server, ``https://HOST[:PORT][/PREFIX]``.
        gun: the collection.
        credentials: looked up for the server's host, then for the GUN's, as docker does.
        on_upload: is told of every publish that the server took, or may have taken.
    """

    def __init__(
        self,
        pool: "HttpPool",
        base_url: str,
        gun: Gun,
        *,
        credentials: "Credentials",
        on_upload: OnUpload | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.gun = gun
        self._host = Origin.of(self.base_url).authority
        self._pool = pool
        self._credentials = credentials
        self._on_upload = on_upload
        self._auths: dict[str, RegistryAuth] = {}

    def get_metadata(
        self, role: str, *, max_bytes: int, sha256: str = "", version: int = 0
    ) -> bytes:
        """Fetch a role's file: the current one, or that with a hash (hex) or version.

        Raises:
            NotFoundError: the server has no such file (HTTP 404).
            TrustDataError: the file is larger than ``max_bytes`` (``too-large``).
            AuthError: the server wants other credentials.
            NetworkError: no answer, a fault of the server's, or no Notary answer
                (``not-a-notary-server``).

        Source: NP 5, "GET .../{role}.json" and its two variants.
        """
        name = parse_role(role)
        if sha256 and version:
            raise ValueError("a file is named by its hash or its version, not both")
        if sha256 and not _SHA256.fullmatch(sha256):
            raise TrustDataError(
                f"The hash of {self.gun} {role} is no SHA-256: {printable(sha256)!r}.",
                code="bad-hash",
            )
        if version:
            file = f"{version}.{name}.json"
        else:
            file = f"{name}.{sha256}.json" if sha256 else f"{name}.json"
        return self._get(file, actions=PULL, max_bytes=max_bytes)

    def get_key(self, role: str) -> bytes:
        """Fetch the public key (JSON) that the server holds, or makes, for ``role``.

        For a collection that is not published yet, every call may return another key (NP 5).

        Raises:
            SignerError: as ``get_metadata``.
        """
        return self._get(f"{parse_role(role)}.key", actions=PUSH, max_bytes=MAX_KEY_SIZE)

    def rotate_key(self, role: str) -> bytes:
        """Have the server make a new key for ``role``, and return its public half (JSON).

        Raises:
            SignerError: as ``get_metadata``.

        Source: NP 4.7, NP 5 "POST .../{snapshot|timestamp}.key".
        """
        file = f"{parse_role(role)}.key"
        answer = self._ask("POST", file, actions=ADMIN, max_bytes=MAX_KEY_SIZE)
        return self._json_body(answer, file)

    def publish(self, files: Mapping[RoleName, bytes]) -> None:
        """Upload the files of several roles in one request: the server takes all or none.

        Raises:
            ConflictError: another publisher was faster (codes VERSION and UPDATING).
            SignerError: the server refuses the files (``server-rejected``), in its own words.
            AuthError, NetworkError: as ``get_metadata``.

        Source: NP 4.3 step 7, NP 5.1.
        """
        parts = [
            ("files", (str(parse_role(role)), files[role], _PART_TYPE))
            for role in sorted(files, key=_upload_order)
        ]
        try:
            answer = self._pool.request(
                "POST",
                self._url(""),
                auth=self._auth(PUSH),
                files=parts,
                max_bytes=MAX_ERROR_SIZE,
            )
        except NetworkError:
            self._tell(files, answered=False)
            raise
        if answer.status == 200 or answer.status >= 500:
            self._tell(files, answered=answer.status == 200)
        if answer.status != 200:
            raise self._publish_error(answer)
        if answer.content.strip() and not answer.looks_like_json_object:
            raise self._not_notary(answer)

    def delete(self) -> None:
        """Delete the collection from the server; the server answers the same where there is none.

        Raises:
            SignerError: as ``get_metadata``.

        Source: NP 5, "DELETE".
        """
        answer = self._ask("DELETE", "", actions=ADMIN, max_bytes=MAX_ERROR_SIZE)
        if answer.content.strip() and not answer.looks_like_json_object:
            raise self._not_notary(answer)

    def changefeed(self) -> list[Change]:
        """Fetch every publish and deletion of the collection, oldest first.

        Raises:
            NotFoundError: the server has no changefeed (``no-changefeed``).
            SignerError: as ``get_metadata``.

        Source: NP 5, "changefeed".
        """
        found: list[Change] = []
        while True:
            page = self._changes(after=found[-1].id if found else 0)
            found += page
            if len(page) < PAGE_RECORDS:
                return found

    def _changes(self, *, after: int) -> list[Change]:
        answer = self._pool.request(
            "GET",
            f"{self.base_url}/v2/{self.gun}/_trust/changefeed"
            f"?records={PAGE_RECORDS}&change_id={after}",
            auth=self._auth(PULL),
            max_bytes=MAX_PAGE_SIZE,
        )
        if answer.status == 404:
            raise NotFoundError(
                f"{self._host} serves no changefeed of {self.gun}.", code="no-changefeed"
            )
        if answer.status != 200:
            raise self._error(answer, "changefeed")
        try:
            return read_page(answer.content, gun=self.gun, after=after)
        except ValueError as error:
            raise NetworkError(
                f"{self._host} gave no changefeed of {self.gun}: {error}.",
                hint=_WRONG_SERVER,
                code="not-a-notary-server",
            ) from error

    def _tell(self, files: Mapping[RoleName, bytes], *, answered: bool) -> None:
        if self._on_upload is not None:
            self._on_upload(self.gun, files, answered)

    def _get(self, file: str, *, actions: str, max_bytes: int) -> bytes:
        answer = self._ask("GET", file, actions=actions, max_bytes=max_bytes)
        return self._json_body(answer, file)

    def _ask(self, method: str, file: str, *, actions: str, max_bytes: int) -> Response:
        answer = self._pool.request(
            method, self._url(file), auth=self._auth(actions), max_bytes=max_bytes
        )
        if answer.status != 200:
            raise self._error(answer, file)
        return answer

    def _json_body(self, answer: Response, file: str) -> bytes:
        if not answer.looks_like_json_object:
            raise self._not_notary(answer, file)
        return answer.content

    def _url(self, file: str) -> str:
        return f"{self.base_url}/v2/{self.gun}/_trust/tuf/{file}"

    def _auth(self, actions: str) -> "RegistryAuth":
        # One for each kind of action; a second one made by another thread does no harm.
        if actions not in self._auths:
            from signer.transport.auth import RegistryAuth

            self._auths[actions] = RegistryAuth(
                self._credential,
                actions=actions,
                scope_name=self.gun,
                tokens=self._pool.tokens,
                plain_http=self._pool.plain_http,
                searched=self._credentials.searched(notary=True),
            )
        return self._auths[actions]

    def _credential(self, host: str) -> "Credential | None":
        found = self._credentials.for_host(host, notary=True)
        if found is not None:
            return found
        registry = self.gun.partition("/")[0]
        return self._credentials.for_host(registry) if registry != host else None

    def _error(self, answer: Response, file: str) -> SignerError:
        what = f"{file} of {self.gun}" if file else f"the collection {self.gun}"
        errors = server_errors(answer)
        if answer.status == 404:
            return NotFoundError(
                f"{self._host} does not have {what}.",
                hint="Was the collection initialised? An admin does it with 'signer init'."
                if errors
                else _WRONG_SERVER,
            )
        redirected, limited = 300 <= answer.status < 400, answer.status == 429
        if not errors and answer.status < 500 and not redirected and not limited:
            return self._not_notary(answer, file)
        return status_error(answer, what=what, hint="" if errors else _WRONG_SERVER)

    def _publish_error(self, answer: Response) -> SignerError:
        errors = server_errors(answer)
        if any(error.code in _CONFLICT_CODES for error in errors):
            return ConflictError(
                f"{self._host} has newer trust data of {self.gun} than this update was made from.",
                hint="Another publisher was faster: fetch the collection and redo the change.",
            )
        if answer.status == 400 and errors:
            return SignerError(
                f"{self._host} rejected the trust data of {self.gun}: "
                f"{'; '.join(str(error) for error in errors)}.",
                hint="Nothing was changed on the server.",
                code="server-rejected",
            )
        if answer.status == 413:
            return SignerError(
                f"{self._host} rejected the trust data of {self.gun} as too large.",
                hint="A proxy before the server may limit the size of requests.",
                code="server-rejected",
            )
        return self._error(answer, "")

    def _not_notary(self, answer: Response, file: str = "") -> NetworkError:
        kind = f" ({printable(answer.media_type)})" if answer.media_type else ""
        return NetworkError(
            f"{self._host} gave no Notary server's answer for {file or 'the collection'} of "
            f"{self.gun}: HTTP {answer.status}{kind}.",
            hint=_WRONG_SERVER,
            code="not-a-notary-server",
        )


def _upload_order(role: str) -> tuple[int, str]:
    """Order base roles first, then delegations by name: any order will do, a fixed one is clear."""
    return (BASE_ROLES.index(role) if role in BASE_ROLES else len(BASE_ROLES), role)
