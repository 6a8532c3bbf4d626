"""High-water marks when keys are rotated: which of them still count under a newer root.

A thief of the timestamp's key can raise its version to the highest there is, so that nothing newer
can follow. Whoever holds the root recovers by giving the role other keys: marks that were set
under the former ones count no longer. The two roots are compared, and nothing but their difference
decides, so that processes that learn of the newer root in any order come to the same marks.
"""

from collections.abc import Mapping

from tuf.api.metadata import Root

from signer.constants import DELEGATION_PREFIX, SNAPSHOT, TARGETS, TIMESTAMP


def surviving_marks(versions: Mapping[str, int], former: Root, newer: Root) -> dict[str, int]:
    """Return the marks, set under ``former``, that count under ``newer``.

    Where the timestamp's or the snapshot's keys were rotated, both start anew; where those of
    targets were, targets and all delegations do, which a thief of its key could have delegated to
    himself. The mark of root always stays.

    Args:
        versions: highest versions seen, by role.
        former: the root under which they were seen.
        newer: a root that was verified as its successor.

    Source: TUF specification 5.3.11.
    """
    anew: set[str] = set()
    if _rotated(TIMESTAMP, former, newer) or _rotated(SNAPSHOT, former, newer):
        anew |= {TIMESTAMP, SNAPSHOT}
    if _rotated(TARGETS, former, newer):
        anew |= {TARGETS, *(role for role in versions if role.startswith(DELEGATION_PREFIX))}
    return {role: version for role, version in versions.items() if role not in anew}


def _rotated(role: str, former: Root, newer: Root) -> bool:
    """Tell whether the newer root may refuse what the former one admitted.

    A key that is merely added ends nobody's power, and so forgets nothing.
    """
    before, after = former.roles[role], newer.roles[role]
    return not set(before.keyids) <= set(after.keyids) or before.threshold < after.threshold
