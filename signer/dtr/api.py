"""DTR's API: what the gate asks before a signature, and what is looked up after one.

Rules:

- every name is checked before it becomes a part of a URL;
- nothing here decides: an absent thing is a NotFoundError, and an answer that cannot be read is a
  fault of the server's, never "no promotion" or "no findings";
- the password goes to the configured host alone, by Basic, as DTR's API wants it.

Source: dtr-ucp-ci reference, B.2, B.3, B.5.
"""

import urllib.parse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from signer.dtr.answers import PromotionPolicy, Repository, Scan, Tag
from signer.dtr.promotion import is_policy_id, is_tag, split_repository
from signer.errors import AuthError, NetworkError, TrustDataError, UsageError
from signer.names import printable
from signer.transport.answers import Response, status_error
from signer.transport.origin import Origin

if TYPE_CHECKING:
    from signer.transport._httpx import httpx
    from signer.transport.credentials import Credentials
    from signer.transport.http import HttpPool

_Answer = TypeVar("_Answer")

MAX_ANSWER_SIZE: Final = 32 * 2**20
"""A page of tags with long manifests fits."""

PAGE_SIZE: Final = 100
MAX_PAGES: Final = 10_000
_NEXT_PAGE: Final = "X-Next-Page-Start"
_NOT_DTR: Final = "Is this host a DTR? Is a proxy or login page in between?"

# Made here, for threads: see signer.transport.answers.
_REPOSITORY: Final = msgspec.json.Decoder(Repository)
_TAG: Final[msgspec.json.Decoder[Tag | list[Tag]]] = msgspec.json.Decoder(Tag | list[Tag])
_POLICY: Final = msgspec.json.Decoder(PromotionPolicy)
# Go writes an empty list as null.
_TAGS: Final[msgspec.json.Decoder[list[Tag] | None]] = msgspec.json.Decoder(list[Tag] | None)
_SCANS: Final[msgspec.json.Decoder[list[Scan] | None]] = msgspec.json.Decoder(list[Scan] | None)
_POLICIES: Final[msgspec.json.Decoder[list[PromotionPolicy] | None]] = msgspec.json.Decoder(
    list[PromotionPolicy] | None
)


class DtrApi:
    """The API of one DTR; safe to use from several threads at once.

    Args:
        pool: the connections.
        host: ``HOST[:PORT]``, from the configuration.
        credentials: looked up for ``host``.

    All methods raise:
        NotFoundError: DTR has no such thing (HTTP 404).
        AuthError: no, wrong or insufficient credentials (401, 403).
        NetworkError: no answer, a fault of DTR's (5xx), or no answer of a DTR's (``not-a-dtr``).
        UsageError: a name is none (``bad-repository``, ``bad-reference``).
    """

    def __init__(self, pool: "HttpPool", host: str, *, credentials: "Credentials") -> None:
        self.base_url = f"{pool.base_url(host)}/api/v0"
        self.host = Origin.of(self.base_url).authority
        self._pool = pool
        self._credentials = credentials

    def repository(self, repository: str) -> Repository:
        """Fetch a repository's settings.

        Source: dtr-ucp-ci reference, B.2.
        """
        path = _repository_path(repository)
        answer = self._get(path, what=f"the repository {repository}", repository=repository)
        return self._read(answer, _REPOSITORY)

    def tag(self, repository: str, tag: str) -> Tag:
        """Fetch one tag.

        Source: dtr-ucp-ci reference, B.2 (one object, or an array of it).
        """
        path = f"{_repository_path(repository)}/tags/{_tag_part(tag)}"
        answer = self._get(path, what=f"the tag {repository}:{tag}", repository=repository)
        found = self._read(answer, _TAG)
        tags: list[Tag] = found if isinstance(found, list) else [found]
        named = [entry for entry in tags if entry.name == tag]
        if not named or any(entry != named[0] for entry in named):
            raise _not_dtr(answer.url, f"it does not describe the one tag {tag}")
        return named[0]

    def tags(self, repository: str) -> Iterator[Tag]:
        """Yield all tags of a repository, page by page.

        Source: dtr-ucp-ci reference, B.2 (paging by ``X-Next-Page-Start``).
        """
        path = f"{_repository_path(repository)}/tags"
        query = {"pageSize": str(PAGE_SIZE), "count": "false", "includeManifests": "false"}
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            answer = self._get(
                path, what=f"the tags of {repository}", repository=repository, query=query
            )
            yield from self._read(answer, _TAGS) or ()
            cursor = answer.headers.get(_NEXT_PAGE, "")
            if not cursor:
                return
            if cursor in seen:
                raise _not_dtr(answer.url, "its pages go in a circle")
            seen.add(cursor)
            query["pageStart"] = cursor
        raise _not_dtr(answer.url, f"it has more than {MAX_PAGES} pages")

    def scan_summary(self, repository: str, tag: str) -> tuple[Scan, ...]:
        """Fetch the scans of a tag, one for each platform.

        Source: dtr-ucp-ci reference, B.3.
        """
        path = f"/imagescan/scansummary{_repository_path(repository)}/{_tag_part(tag)}"
        answer = self._get(path, what=f"the scan of {repository}:{tag}", repository=repository)
        scans = self._read(answer, _SCANS)
        return tuple(scans or ())

    def promotion_policies(self, repository: str) -> tuple[PromotionPolicy, ...]:
        """Fetch the promotion policies of a source repository.

        Source: dtr-ucp-ci reference, B.5.
        """
        path = f"{_repository_path(repository)}/promotionPolicies"
        answer = self._get(path, what=f"the policies of {repository}", repository=repository)
        policies = self._read(answer, _POLICIES)
        return tuple(policies or ())

    def promotion_policy(self, repository: str, policy_id: str) -> PromotionPolicy:
        """Fetch one promotion policy of a source repository.

        Source: dtr-ucp-ci reference, B.5.
        """
        if not is_policy_id(policy_id):
            raise UsageError(
                f"{printable(policy_id)!r} is no id of a promotion policy.", code="bad-policy-id"
            )
        path = f"{_repository_path(repository)}/promotionPolicies/{policy_id}"
        what = f"the policy {policy_id} of {repository}"
        return self._read(self._get(path, what=what, repository=repository), _POLICY)

    def _get(
        self, path: str, *, what: str, repository: str, query: Mapping[str, str] | None = None
    ) -> Response:
        parameters = f"?{urllib.parse.urlencode(query)}" if query else ""
        url = f"{self.base_url}{path}{parameters}"
        try:
            answer = self._pool.request(
                "GET",
                url,
                auth=self._auth(repository),
                headers={"Accept": "application/json"},
                max_bytes=MAX_ANSWER_SIZE,
            )
        except TrustDataError as error:  # too large; but this is no trust data
            raise _not_dtr(url, "it is too large") from error
        except AuthError as refused:
            credential = self._credentials.for_host(self.host)
            if credential is None or not credential.identity_token:
                raise
            raise AuthError(
                f"{self.host}: the identity token that 'docker login' stored opens the registry, "
                "but not DTR's API.",
                hint="Set DTR_USERNAME and DTR_PASSWORD (an access token will do).",
            ) from refused
        if Origin.of(answer.url) != Origin.of(url):
            # What another host says is no evidence of what this DTR has promoted.
            raise _not_dtr(url, f"it redirects to another host, {Origin.of(answer.url).authority}")
        if answer.status != 200:
            raise status_error(answer, what=what, hint=self._hint(answer))
        return answer

    def _auth(self, repository: str) -> "httpx.Auth":
        """Basic at once, which DTR's API wants; what else there is answers a challenge."""
        from signer.transport._httpx import httpx
        from signer.transport.auth import RegistryAuth

        credential = self._credentials.for_host(self.host)
        if credential is not None and credential.password:
            return httpx.BasicAuth(credential.username, credential.password)
        return RegistryAuth(
            self._credentials.for_host,
            actions="pull",
            scope_name=repository,
            tokens=self._pool.tokens,
            plain_http=self._pool.plain_http,
            searched=self._credentials.searched(),
        )

    def _hint(self, answer: Response) -> str:
        if answer.status in {401, 403}:
            return (
                "Check DTR_USERNAME and DTR_PASSWORD (an access token will do), and that the "
                "account may read the source and the target repository and their policies."
            )
        if answer.status == 404:
            return "Check the name, and that the account may see the repository."
        return ""

    def _read(self, answer: Response, decoder: "msgspec.json.Decoder[_Answer]") -> _Answer:
        try:
            return decoder.decode(answer.content)
        except msgspec.ValidationError as error:
            raise _not_dtr(answer.url, f"{error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _not_dtr(answer.url, "it is no JSON") from error


def _not_dtr(url: str, why: str) -> NetworkError:
    return NetworkError(
        f"The answer of {printable(url)} is not a DTR's: {printable(why)}.",
        hint=_NOT_DTR,
        code="not-a-dtr",
    )


def _repository_path(repository: str) -> str:
    namespace, name = split_repository(repository)
    return f"/repositories/{namespace}/{name}"


def _tag_part(tag: str) -> str:
    if not is_tag(tag):
        raise UsageError(f"{printable(tag)!r} is no tag.", code="bad-reference")
    return tag
