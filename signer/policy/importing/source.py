"""Policies of other verifiers, read as policies of this one.

What cannot be expressed is refused, never left out: a rule that would accept more than its source
becomes ``approve: false``, with a comment that says what is missing. The result is a text that
``load_policy`` accepts.

Source: verification requirements, sections 1.1 to 1.4.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from signer.errors import UsageError
from signer.policy.document import marked_problem
from signer.policy.importing.connaisseur import import_connaisseur
from signer.policy.importing.docker import import_docker
from signer.policy.importing.draft import Draft, Imported
from signer.policy.importing.portieris import import_portieris
from signer.policy.importing.settle import settle
from signer.policy.importing.writer import write_policy

MAX_SIZE: Final = 4 * 1024 * 1024
_MALFORMED: Final = (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)

Importer = Callable[[list[Any], Mapping[str, str], str], Draft]

IMPORTERS: Final[dict[str, Importer]] = {
    "connaisseur": import_connaisseur,
    "portieris": import_portieris,
    "docker": import_docker,
}
"""By the name of the source."""


def import_policy(
    content: bytes,
    origin: Path,
    *,
    kind: str = "",
    signers: Mapping[str, str] | None = None,
    namespace: str = "",
) -> Imported:
    """Turn another verifier's policy into one of this toolkit.

    Args:
        content: the file: YAML or JSON, of several documents where the source has them.
        origin: its name, for messages and comments.
        kind: a name in ``IMPORTERS``; found out by the content where none is given.
        signers: public key ids by signers' names, where the source names signers without keys.
        namespace: of Portieris' policies, where the file has several.

    Raises:
        UsageError: it cannot be read, or is no such policy.
    """
    if len(content) > MAX_SIZE:
        raise UsageError(f"{origin}: more than {MAX_SIZE} bytes.")
    documents = _documents(content, origin)
    kind = kind or _detect(documents, origin)
    try:
        draft = IMPORTERS[kind](documents, signers or {}, namespace)
    except UsageError as error:
        message = f"{origin}: {error.message}"
        raise UsageError(message, hint=error.hint, code=error.code) from error
    settle(draft)
    return write_policy(draft, kind=kind, origin=origin)


def _documents(content: bytes, origin: Path) -> list[Any]:
    try:
        found = list(YAML(typ="safe", pure=True).load_all(content.decode("utf-8-sig")))
    except MarkedYAMLError as error:
        raise UsageError(f"{marked_problem(error, origin)}.") from error
    except _MALFORMED as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"{origin} is no YAML that can be read: {first}.") from error
    return [document for document in found if document is not None]


def _detect(documents: Iterable[Any], origin: Path) -> str:
    for document in documents:
        if not isinstance(document, dict):
            continue
        application = document.get("application")
        table = application if isinstance(application, dict) else document
        if "validators" in table:
            return "connaisseur"
        if "content-trust" in document:
            return "docker"
        if document.get("kind") in {"ImagePolicy", "ClusterImagePolicy", "List"}:
            return "portieris"
    raise UsageError(
        f"{origin}: neither Connaisseur's values, nor Portieris' policies, nor a daemon.json with "
        "a content-trust section.",
        hint="Say what it is with --from connaisseur, portieris or docker.",
        code="unknown-source",
    )
