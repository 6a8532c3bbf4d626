"""The hierarchy of keys as drawings: who says whose keys count, and how many must sign.

It is drawn twice, from left to right for screens and paper, and as an indented list for phones;
the page's style shows one of them. What they say stands in the table of roles, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from signer.constants import BASE_ROLES, TARGETS
from signer.report.html_element import Html, element
from signer.report.visible import shortened, visible
from signer.signing.inspect import KeyView, RoleView

_ROOT: Final = "root"
_WIDE_NODE: Final = 264
_WIDE_GAP: Final = 48
_MAX_COLUMNS: Final = 4
_MAX_COLUMN: Final = 8
"""More delegations than this stand in a grid."""

_GRID_GAP: Final = 24
_NARROW: Final = 340
_INDENT: Final = 18
_MAX_INDENTS: Final = 5
_LINE: Final = 19
_PADDING: Final = 10
_SPACE: Final = 14
_MAX_KEYS: Final = 3
_NAME_WIDTH: Final = 9.0
_TEXT_WIDTH: Final = 7.4
"""Widths of a character in pixels, by which text is cut with an ellipsis."""

_STATES: Final = {"valid": "good", "unpublished": "warn"}


@dataclass(frozen=True)
class _Node:
    """A role in its place."""

    role: RoleView
    depth: int
    parent: str


@dataclass(frozen=True)
class _Plan:
    """A drawing's boxes and arrows."""

    boxes: Sequence["_Box"]
    edges: Sequence[Html]


@dataclass(frozen=True)
class _Box:
    """Where a role is drawn, in pixels."""

    node: _Node
    x: int
    y: int
    width: int

    @property
    def height(self) -> int:
        """Of the box, by its number of lines."""
        return 2 * _PADDING + _LINE * (3 + len(_key_lines(self.node.role)))


def hierarchy(roles: Sequence[RoleView]) -> Html:
    """Return both drawings of a collection's roles as a figure.

    Args:
        roles: base roles and delegations, in any order.
    """
    nodes = list(_walk(roles))
    narrow = _joined(_indented(nodes, _NARROW))
    below = sum(1 for node in nodes if node.depth > 1)
    deepest = max((node.depth for node in nodes), default=0)
    if deepest >= _MAX_COLUMNS:
        wide = _joined(_indented(nodes, 3 * _WIDE_NODE))
    elif deepest == 2 and below > _MAX_COLUMN and len(nodes) == below + len(BASE_ROLES):
        wide = _grid(nodes)
    else:
        wide = _joined(_columns(nodes))
    return element(
        "figure",
        _drawing(wide, kind="wide"),
        _drawing(narrow, kind="narrow"),
        element(
            "figcaption",
            "An arrow leads from a role to those whose keys it names. A filled dot is a key that "
            "signed the present file.",
        ),
    )


def _walk(roles: Sequence[RoleView]) -> Iterator[_Node]:
    """Yield root, then the roles below each, depth first; targets last, for it has some."""
    order = ["timestamp", "snapshot", TARGETS]
    named = {role.name: role for role in roles}
    if _ROOT in named:
        yield _Node(named[_ROOT], 0, "")
    for name in order:
        if name in named:
            yield _Node(named[name], 1, _ROOT)
    delegations = [role for role in roles if role.name not in BASE_ROLES]
    below: dict[str, list[RoleView]] = {}
    for role in delegations:
        parent = role.name.rpartition("/")[0]
        below.setdefault(parent if parent in named else TARGETS, []).append(role)
    waiting = [(role, 2, TARGETS) for role in reversed(below.get(TARGETS, []))]
    while waiting:
        role, depth, parent = waiting.pop()
        yield _Node(role, depth, parent)
        waiting += [(inner, depth + 1, role.name) for inner in reversed(below.get(role.name, []))]


def _columns(nodes: Sequence[_Node]) -> list[_Box]:
    """Place each depth in a column; a role's first child stands beside it."""
    boxes: list[_Box] = []
    bottoms: dict[int, int] = {}
    for node in nodes:
        first = not boxes or boxes[-1].node.role.name == node.parent
        top = boxes[-1].y if first and boxes else 0
        # Below everything that was drawn in this column or further to the right.
        taken = max((y for depth, y in bottoms.items() if depth >= node.depth), default=0)
        box = _Box(node, node.depth * (_WIDE_NODE + _WIDE_GAP), max(top, taken), _WIDE_NODE)
        boxes.append(box)
        bottoms[node.depth] = box.y + box.height + _SPACE
    return boxes


def _indented(nodes: Sequence[_Node], width: int) -> list[_Box]:
    boxes: list[_Box] = []
    y = 0
    for node in nodes:
        x = min(node.depth, _MAX_INDENTS) * _INDENT
        box = _Box(node, x, y, width - x)
        boxes.append(box)
        y += box.height + _SPACE
    return boxes


def _grid(nodes: Sequence[_Node]) -> _Plan:
    """Place base roles in a row, and many delegations in rows below it."""
    base = [
        _Box(node, _GRID_GAP + column * (_WIDE_NODE + _GRID_GAP), 2 * _SPACE, _WIDE_NODE)
        for column, node in enumerate(nodes[: len(BASE_ROLES)])
    ]
    root, targets = base[0], base[-1]
    edges = [_arrow_down(root, box) for box in base[1:]]
    boxes = list(base)
    top = max(box.y + box.height for box in base) + 3 * _SPACE
    turn = top - _SPACE
    delegations = nodes[len(BASE_ROLES) :]
    for start in range(0, len(delegations), _MAX_COLUMNS):
        row = [
            _Box(node, box.x, top, _WIDE_NODE)
            for node, box in zip(delegations[start : start + _MAX_COLUMNS], base, strict=False)
        ]
        middle = targets.x + targets.width // 2
        for box in row:
            path = f"M{middle} {targets.y + targets.height}V{turn}H{box.x - _GRID_GAP // 2}"
            edges.append(_arrow(path, box))
        boxes += row
        top = max(box.y + box.height for box in row) + _SPACE
    return _Plan(boxes, edges)


def _arrow_down(parent: _Box, child: _Box) -> Html:
    """Return an arrow over the boxes of one row."""
    start, end = parent.x + parent.width // 2, child.x + child.width // 2
    path = f"M{start} {parent.y}V{parent.y - _SPACE}H{end}V{child.y}"
    head = f"M{end - 4} {child.y - 6}L{end} {child.y}L{end + 4} {child.y - 6}"
    return element("path", class_="edge", d=path + head)


def _joined(boxes: Sequence[_Box]) -> _Plan:
    """Add an arrow from each role to those below it."""
    by_name = {box.node.role.name: box for box in boxes}
    edges = [_edge(by_name[box.node.parent], box) for box in boxes if box.node.parent in by_name]
    return _Plan(boxes, edges)


def _drawing(plan: _Plan, *, kind: str) -> Html:
    boxes = plan.boxes
    width = max((box.x + box.width for box in boxes), default=0) + 2
    height = max((box.y + box.height for box in boxes), default=0) + 2
    title, description = f"tree-{kind}-title", f"tree-{kind}-description"
    return element(
        "svg",
        element("title", "Hierarchy of keys", id=title),
        element("desc", _described([box.node for box in boxes]), id=description),
        plan.edges,
        [_drawn(box) for box in boxes],
        class_=f"tree {kind}",
        role="img",
        width=width,
        height=height,
        view_box=f"-1 -1 {width} {height}",
        aria_labelledby=title,
        aria_describedby=description,
    )


def _described(nodes: Sequence[_Node]) -> str:
    """Return what the drawing shows, for those who cannot see it; the table has the rest."""
    below: dict[str, list[str]] = {}
    for node in nodes:
        if node.parent:
            below.setdefault(node.parent, []).append(node.role.name)
    said = [f"{parent} names the keys of {', '.join(names)}." for parent, names in below.items()]
    return " ".join([*said, "Keys and thresholds are in the table of roles."])


def _edge(parent: _Box, child: _Box) -> Html:
    if child.x >= parent.x + parent.width:
        start = parent.x + parent.width
        middle = start + _WIDE_GAP // 2
        return _arrow(f"M{start} {parent.y + _PADDING + _LINE // 2}H{middle}", child)
    return _arrow(f"M{parent.x + _INDENT // 2} {parent.y + parent.height}", child)


def _arrow(path: str, child: _Box) -> Html:
    """Return an arrow from the end of a path down, or up, to a box's first line."""
    y = child.y + _PADDING + _LINE // 2
    head = f"M{child.x - 6} {y - 4}L{child.x} {y}L{child.x - 6} {y + 4}"
    return element("path", class_="edge", d=f"{path}V{y}H{child.x}{head}")


def _drawn(box: _Box) -> Html:
    """Draw a role; text that is too long is cut at the box's edge, in whatever font."""
    role = box.node.role
    state = _STATES.get(role.status, "bad")
    inner = box.width - 2 * _PADDING
    lines = iter(range(_PADDING + 13, box.height, _LINE))

    def text(content: str | list[Html], class_: str | None = None) -> Html:
        return element("text", content, x=0, y=next(lines), class_=class_)

    expires = f"until {role.expires:%Y-%m-%d}" if role.expires else "no file"
    version = f"version {role.version}, " if role.version else ""
    shown = [
        text(shortened(role.name, int(inner / _NAME_WIDTH)), "name"),
        text(
            [
                element("tspan", role.status, class_=f"state {state}"),
                element("tspan", f"  {version}{expires}", class_="soft"),
            ]
        ),
        text(f"{role.threshold} of {_count(len(role.keys), 'key')} must sign", "soft"),
        *(_key(line, y=next(lines), length=int(inner / _TEXT_WIDTH)) for line in _key_lines(role)),
    ]
    return element(
        "g",
        element(
            "rect",
            class_="node" if state == "good" else f"node {state}",
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
            rx=6,
        ),
        element("svg", shown, x=box.x + _PADDING, y=box.y, width=inner, height=box.height),
    )


def _key_lines(role: RoleView) -> list[KeyView | str]:
    """Return the keys that are drawn, those that signed first, and how many are not."""
    keys: list[KeyView | str] = [*sorted(role.keys, key=lambda key: not key.signed)]
    if len(keys) > _MAX_KEYS:
        return [*keys[: _MAX_KEYS - 1], f"and {len(keys) - _MAX_KEYS + 1} more keys"]
    return keys


def _key(line: KeyView | str, *, y: int, length: int) -> Html:
    if isinstance(line, str):
        return element("text", line, x=0, y=y, class_="soft")
    subject = shortened(line.subject, length - 19) if line.subject else line.key_type
    return Html(
        element("circle", class_="mark signed" if line.signed else "mark", cx=5, cy=y - 4, r=4)
        + element(
            "text",
            element("tspan", visible(line.canonical_id[:12]), class_="key"),
            element("tspan", f"  {subject}", class_="soft"),
            x=16,
            y=y,
        )
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
