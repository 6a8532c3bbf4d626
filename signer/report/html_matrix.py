"""The matrix of tags and signers, with what differs, and each tag in full."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signer.constants import BASE_ROLES, DELEGATION_PREFIX, RELEASES, TARGETS
from signer.names import Gun
from signer.report.html_custom import custom_pairs, definitions
from signer.report.html_element import Child, Html, element, markup
from signer.report.html_roles import badge
from signer.signing.inspect import RoleView, TagView

_REGISTRY: Final = "registry"
_MANY: Final = 8
"""Columns from which a printed matrix lies on its side."""

_MANY_TAGS: Final = 50
"""Tags from which those that are folded are not printed."""

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class _Column:
    """Who has an opinion about tags."""

    name: str
    """A role's name, or the registry."""

    title: str
    """For people."""


def matrix(tags: Sequence[TagView], roles: Sequence[RoleView]) -> Html | None:
    """Return a row for each tag and a column for each role, or nothing without tags.

    A tick stands for the digest on which all agree. Where they do not, each digest of the tag has
    a letter, A the one that docker would pull.
    """
    if not tags:
        return None
    columns = _columns(tags, roles)
    head = element(
        "tr",
        element("th", "Tag", scope="col"),
        [
            element("th", element("span", column.title), scope="col", class_="role")
            for column in columns
        ],
        element("th", "Digest", scope="col"),
    )
    table = element(
        "table",
        element("caption", "Tags and the roles that have them."),
        element("thead", head),
        element("tbody", [_row(tag, number, columns) for number, tag in enumerate(tags, 1)]),
    )
    legend = (
        "A tick: this role has the digest. Letters: roles differ, and A is what docker would pull. "
        "A dash: the role has no such tag."
    )
    scrolled = element(
        "div",
        table,
        class_="scroll matrix many" if len(columns) > _MANY else "scroll matrix",
        tabindex=0,
        role="region",
        aria_label="Matrix of tags and signers",
    )
    return markup([element("p", legend, class_="small quiet"), scrolled])


def differing(tags: Sequence[TagView]) -> Html | None:
    """Return the tags about which roles or the registry differ, with links to them."""
    items = [
        element("li", element("a", element("bdi", tag.name), href=f"#tag-{number}"))
        for number, tag in enumerate(tags, 1)
        if tag.differs
    ]
    if not items:
        return None
    said = "Roles, or the registry, have different digests for these tags: "
    return Html(element("p", said) + element("ul", items, class_="chips"))


def tag_details(tags: Sequence[TagView], gun: Gun) -> Html | None:
    """Return every tag with its digests, signers, and what is signed beside it."""
    if not tags:
        return None
    only = len(tags) == 1
    found = [_details(tag, number, gun, only=only) for number, tag in enumerate(tags, 1)]
    if len(tags) <= _MANY_TAGS:
        return markup(found)
    note = f"Of more than {_MANY_TAGS} tags, those about which roles differ are printed."
    return element("div", element("p", note, class_="small quiet"), found, class_="many")


def _columns(tags: Sequence[TagView], roles: Sequence[RoleView]) -> list[_Column]:
    names = [RELEASES, TARGETS, *(role.name for role in roles if role.name not in BASE_ROLES)]
    known = {role.name for role in roles}
    columns = [
        _Column(name, name if name in {RELEASES, TARGETS} else name.removeprefix(DELEGATION_PREFIX))
        for name in dict.fromkeys(names)
        if name in known
    ]
    if any(tag.registry_digest or tag.registry_problem for tag in tags):
        columns.append(_Column(_REGISTRY, _REGISTRY))
    return columns


def _digests(tag: TagView) -> dict[str, str]:
    """Return the tag's digests by who has them, the registry too."""
    asked = {_REGISTRY: tag.registry_digest} if tag.registry_digest else {}
    return {**tag.digests, **asked}


def _letters(tag: TagView) -> dict[str, str]:
    """Return a letter for each digest of the tag; A is the released one, if any."""
    first = [tag.digest] if tag.digest else []
    distinct = list(dict.fromkeys([*first, *_digests(tag).values()]))
    return {
        digest: _LETTERS[number] if number < len(_LETTERS) else f"#{number + 1}"
        for number, digest in enumerate(distinct)
    }


def _row(tag: TagView, number: int, columns: Sequence[_Column]) -> Html:
    letters = _letters(tag)
    digests = _digests(tag)
    shown: list[Child] = [
        element(
            "div",
            f"{letter} " if tag.differs else "",
            element("code", _short(digest)),
        )
        for digest, letter in letters.items()
    ]
    if not tag.digest:
        shown.append(badge("not released", "warn"))
    return element(
        "tr",
        element("th", element("a", element("bdi", tag.name), href=f"#tag-{number}"), scope="row"),
        [_cell(tag, column, digests, letters) for column in columns],
        element("td", shown, class_="what"),
    )


def _cell(tag: TagView, column: _Column, digests: dict[str, str], letters: dict[str, str]) -> Html:
    digest = digests.get(column.name)
    if digest is None:
        unknown = column.name == _REGISTRY and tag.registry_problem
        return element(
            "td",
            element("span", "?" if unknown else "\N{EN DASH}", aria_hidden="true"),
            element("span", "unknown" if unknown else "not signed", class_="hidden"),
            class_="cell quiet",
        )
    if not tag.differs:
        return element(
            "td",
            element("span", "\N{CHECK MARK}", aria_hidden="true"),
            element("span", "same digest", class_="hidden"),
            class_="cell good",
        )
    letter = letters[digest]
    if digest == tag.digest:
        return element("td", letter, class_="cell good")
    said = "in the registry, differs" if column.name == _REGISTRY else "differs"
    return element(
        "td", letter, element("span", f" {said}", class_="hidden"), class_="cell bad differs"
    )


def _details(tag: TagView, number: int, gun: Gun, *, only: bool) -> Html:
    letters = _letters(tag)
    homes: dict[str, list[str]] = {}
    for name, digest in _digests(tag).items():
        homes.setdefault(digest, []).append(name)
    pairs: list[tuple[Child, Child]] = [
        (
            f"digest {letters[digest]}" if tag.differs else "digest",
            [element("code", digest, class_="digest"), " in ", element("bdi", ", ".join(names))],
        )
        for digest, names in homes.items()
    ]
    pairs += [
        ("length", f"{tag.length} bytes" if tag.length else None),
        ("signers", element("bdi", ", ".join(tag.signers)) if tag.signers else "nobody by name"),
        ("registry", tag.registry_problem),
        ("to deploy", _reference(tag, gun)),
        *custom_pairs(tag.custom),
    ]
    return element(
        "details",
        element(
            "summary",
            element("strong", element("bdi", tag.name)),
            " ",
            badge("differs", "bad") if tag.differs else None,
            " ",
            None if tag.digest else badge("not released", "warn"),
        ),
        definitions(pairs),
        id=f"tag-{number}",
        open="" if only or tag.differs else None,
    )


def _reference(tag: TagView, gun: Gun) -> Html | None:
    if not tag.digest:
        return None
    return element("code", f"{gun}:{tag.name}@{tag.digest}", class_="digest")


def _short(digest: str) -> str:
    algorithm, colon, value = digest.partition(":")
    return f"{algorithm}{colon}{value[:12]}"
