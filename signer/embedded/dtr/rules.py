"""Rules of promotion policies: a field, an operator, values; all of a policy's rules must hold.

========================================  ====================================================
field                                     operators (and their other spellings)
========================================  ====================================================
``vulnerability_critical``, ``_major``,   ``gte``, ``gt``, ``eq`` (``equals``), ``ne`` (``neq``),
``_minor``, ``_all``                      ``lte``, ``lt``
``tag``, ``component``                    ``eq`` (``equals``), ``ne``, ``sw`` (``starts with``),
                                          ``ew`` (``ends with``), ``c`` (``contains``), ``oo``
                                          (``one of``), ``noo`` (``not one of``), ``matches``,
                                          ``before``, ``after`` (in the order of the characters)
``license``                               ``oo``, ``noo``
========================================  ====================================================

Rules about what a scan found hold only where the scan of every platform is completed, and then for
every platform. Of an image's components or licences one must meet the rule; for the operators
``ne`` and ``noo`` all must.

Source: dtr-ucp-ci reference, B.5.
"""

import logging
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from signer.embedded.dtr.calls import invalid
from signer.embedded.dtr.events import Scan
from signer.embedded.dtr.patterns import pattern
from signer.embedded.dtr.scans import COMPLETED

TAG: Final = "tag"
_LOG = logging.getLogger(__name__)
_COUNTS: Final[dict[str, Callable[[Scan], int]]] = {
    "vulnerability_critical": lambda scan: scan.critical,
    "vulnerability_major": lambda scan: scan.major,
    "vulnerability_minor": lambda scan: scan.minor,
    "vulnerability_all": lambda scan: scan.critical + scan.major + scan.minor,
}
_NAMES: Final[dict[str, Callable[[Scan], tuple[str, ...]]]] = {
    "component": lambda scan: scan.components,
    "license": lambda scan: scan.licenses,
}
FIELDS: Final = (TAG, *_NAMES, *_COUNTS)

_NUMBERS: Final[dict[str, Callable[[int, int], bool]]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "eq": operator.eq,
    "ne": operator.ne,
    "lte": operator.le,
    "lt": operator.lt,
}
_TEXTS: Final[dict[str, Callable[[str, Sequence[str]], bool]]] = {
    "eq": lambda text, values: text == values[0],
    "ne": lambda text, values: text != values[0],
    "sw": lambda text, values: text.startswith(values[0]),
    "ew": lambda text, values: text.endswith(values[0]),
    "c": lambda text, values: values[0] in text,
    "oo": lambda text, values: text in values,
    "noo": lambda text, values: text not in values,
    "matches": lambda text, values: _matches(text, values[0]),
    "before": lambda text, values: text < values[0],
    "after": lambda text, values: text > values[0],
}


def _matches(text: str, wanted: str) -> bool:
    try:
        return pattern(wanted).search(text) is not None
    except ValueError as error:  # stored by an earlier version, which took Python's patterns
        _LOG.warning("the pattern %r holds for nothing: %s", wanted, error)
        return False


_NEGATIVE: Final = frozenset({"ne", "noo"})
_SEVERAL: Final = frozenset({"oo", "noo"})
_SPELLINGS: Final = {
    "equals": "eq",
    "neq": "ne",
    "notequals": "ne",
    "startswith": "sw",
    "endswith": "ew",
    "contains": "c",
    "oneof": "oo",
    "notoneof": "noo",
}
_MAX_VALUE: Final = 256
_MAX_VALUES: Final = 100


class Rule(msgspec.Struct, frozen=True):
    """A rule as it is sent and shown."""

    field: str
    operator: str
    values: tuple[str, ...]

    @property
    def operation(self) -> str:
        """The operator in its short spelling."""
        plain = re.sub(r"[\s_-]", "", self.operator).lower()
        return _SPELLINGS.get(plain, plain)


@dataclass(frozen=True)
class Facts:
    """What rules are about: a tag, and the scans of its image's platforms."""

    tag: str
    scans: tuple[Scan, ...]


def check_rules(rules: Sequence[Rule]) -> None:
    """Refuse rules that cannot be evaluated.

    Raises:
        ApiError: 400, naming what is wrong with which rule.
    """
    for number, rule in enumerate(rules):
        problem = _problem(rule)
        if problem:
            raise invalid(f"rules[{number}]: {problem}")


def unmet(rules: Sequence[Rule], facts: Facts) -> tuple[Rule, ...]:
    """Return the rules that do not hold; none: the policy promotes."""
    return tuple(rule for rule in rules if not _holds(rule, facts))


def _holds(rule: Rule, facts: Facts) -> bool:
    if rule.field == TAG:
        return _TEXTS[rule.operation](facts.tag, rule.values)
    if not facts.scans or any(scan.status != COMPLETED for scan in facts.scans):
        return False
    if rule.field in _COUNTS:
        count, compare = _COUNTS[rule.field], _NUMBERS[rule.operation]
        return all(compare(count(scan), int(rule.values[0])) for scan in facts.scans)
    names, meets = _NAMES[rule.field], _TEXTS[rule.operation]
    among = all if rule.operation in _NEGATIVE else any
    return all(among(meets(name, rule.values) for name in names(scan)) for scan in facts.scans)


def _problem(rule: Rule) -> str:
    if rule.field not in FIELDS:
        return f"field is one of {', '.join(FIELDS)}"
    known: Sequence[str] = (*_NUMBERS,) if rule.field in _COUNTS else (*_TEXTS,)
    if rule.field == "license":
        known = sorted(_SEVERAL)
    if rule.operation not in known:
        return f"the operators of {rule.field} are {', '.join(known)}"
    several = rule.operation in _SEVERAL
    if not rule.values or len(rule.values) > (_MAX_VALUES if several else 1):
        return "values has one text or more" if several else "values has exactly one text"
    if any(not value or len(value) > _MAX_VALUE for value in rule.values):
        return f"a value has between 1 and {_MAX_VALUE} characters"
    if rule.field in _COUNTS and not re.fullmatch(r"[0-9]{1,9}", rule.values[0]):
        return "the value is a number, as a text"
    return _problem_of_pattern(rule.values[0]) if rule.operation == "matches" else ""


def _problem_of_pattern(text: str) -> str:
    try:
        pattern(text)
    except ValueError as error:
        return f"the pattern is no regular expression of Go's: {error}"
    return ""
