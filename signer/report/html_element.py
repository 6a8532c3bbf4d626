"""Elements of HTML and SVG as text in which nothing foreign is active.

Whatever is not `Html` is escaped; names and values from metadata also show their control and
formatting characters, so that none reorders or hides what stands beside it.
"""

from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

from signer.report.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

_VOID: Final = frozenset({"br", "col", "hr", "link", "meta", "wbr"})


class Html(str):
    """Markup, in which every foreign text has been escaped."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"
"""Text is escaped, `Html` stands as it is, and None is nothing."""


def element(
    name: str, *children: Child, attributes: dict[str, str] | None = None, **more: str | int | None
) -> Html:
    """Return an element.

    Args:
        name: of the element, never foreign.
        children: text, markup, or any nesting of them.
        attributes: whose names are no Python names, for example ``aria-label``.
        more: attributes; ``class_`` is ``class``, ``view_box`` is ``viewBox``, and of other names
            ``_`` becomes ``-``. None leaves one out.
    """
    named = {_attribute(key): value for key, value in more.items()} | (attributes or {})
    shown = "".join(
        f' {key}="{escape(visible(str(value)))}"'
        for key, value in named.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{markup(children)}</{name}>")


def markup(child: Child) -> Html:
    """Return a child as markup."""
    match child:
        case None:
            return Html("")
        case Html():
            return child
        case str() | int():
            return Html(escape(visible(str(child))))
        case _:
            return Html("".join(markup(each) for each in child))


def _attribute(name: str) -> str:
    return {"class_": "class", "view_box": "viewBox", "for_": "for"}.get(
        name, name.replace("_", "-")
    )
