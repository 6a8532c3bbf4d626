"""The roles of a collection with their keys, as a table: all that the drawings shorten."""

from collections.abc import Sequence

from signer.report.html_element import Child, Html, element
from signer.signing.inspect import KeyView, RoleView

_STATES = {"valid": "good", "unpublished": "warn"}


def badge(text: str, state: str) -> Html:
    """Return a word with a colour: ``good``, ``warn``, ``bad`` or ``idle``."""
    return element("span", text, class_=f"badge {state}")


def role_badge(role: RoleView) -> Html:
    """Return a role's status."""
    return badge(role.status, _STATES.get(role.status, "bad"))


def role_table(roles: Sequence[RoleView]) -> Html:
    """Return the roles, one row each, with every key in full."""
    heads = ("Role", "Status", "Version", "Expires", "Threshold", "Keys")
    table = element(
        "table",
        element("caption", "Every role, who may sign it, and who signed its present file."),
        element("thead", element("tr", [element("th", head, scope="col") for head in heads])),
        element("tbody", [_row(role) for role in roles]),
        class_="stack",
    )
    return element("div", table, class_="scroll")


def role_problems(roles: Sequence[RoleView]) -> Html | None:
    """Return why roles are expired or invalid, or nothing where all is well."""
    items = [
        element(
            "li",
            element("strong", element("bdi", role.name)),
            " ",
            role_badge(role),
            " ",
            role.problem or "Nobody has signed it yet.",
        )
        for role in roles
        if role.status != "valid"
    ]
    return element("ul", items) if items else None


def _row(role: RoleView) -> Html:
    paths: Child = None
    if role.paths is not None:
        said = ", ".join(path or "all tags" for path in role.paths) or "none"
        paths = element("div", "may sign: ", element("bdi", said), class_="small quiet")
    return element(
        "tr",
        element("th", element("bdi", role.name), paths, scope="row"),
        element("td", role_badge(role), class_="fixed", data_label="Status"),
        element("td", role.version or "-", data_label="Version"),
        element(
            "td",
            f"{role.expires:%Y-%m-%d}" if role.expires else "-",
            class_="fixed",
            data_label="Expires",
        ),
        element(
            "td", f"{role.threshold} of {len(role.keys)}", class_="fixed", data_label="Threshold"
        ),
        element("td", [_key(key) for key in role.keys] or "-", class_="keys", data_label="Keys"),
    )


def _key(key: KeyView) -> Html:
    until = f", until {key.not_after:%Y-%m-%d}" if key.not_after else ""
    return element(
        "div",
        element("code", key.canonical_id, class_="digest"),
        element(
            "div",
            badge("signed", "good") if key.signed else badge("not signed", "idle"),
            " ",
            element("bdi", key.subject or "no certificate"),
            f", {key.key_type}{until}",
            class_="small quiet",
        ),
        _key_id(key),
    )


def _key_id(key: KeyView) -> Html | None:
    """Name the id that the root lists, where it is another than the one of key files."""
    if key.key_id == key.canonical_id:
        return None
    return element(
        "div", "key id ", element("code", key.key_id, class_="digest"), class_="small quiet"
    )
