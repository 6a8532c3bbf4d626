"""What goes into a bundle: the images' collections, if their images are accepted by now."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from signer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signer.names import Gun, ImageReference
    from signer.policy.model import Policy
    from signer.policy.reading import Reading
    from signer.signing.bundles import Member, Wanted
    from signer.signing.session import PinSources, Session


def policy_and_text(path: Path | None, pins: "PinSources | None") -> "tuple[Policy | None, str]":
    """Read a policy file, and return its text as well; None and no text where none is named.

    Raises:
        UsageError: it cannot be read, is wrong, or pins were given beside it.
    """
    if path is None:
        return None, ""
    if pins is not None:
        raise UsageError(
            "--policy and a way of trusting roots were given: the policy's rules pin the roots.",
            hint="Put it into the rule, or leave --policy out.",
        )
    from signer.files import read_named_file
    from signer.policy.load import parse_policy

    content = read_named_file(path)
    return parse_policy(content, path), content.decode("utf-8")


def _wanted(references: "Sequence[ImageReference]", policy: "Policy | None") -> "list[Wanted]":
    """Return each image's collection once, with its rule's pins and server.

    What a rule approves is left out: nothing is asked about it, so nothing is needed.
    """
    from signer.policy.match import match
    from signer.signing.bundles import Wanted

    if policy is None:
        return [Wanted(gun) for gun in dict.fromkeys(reference.gun for reference in references)]
    wanted: dict[Gun, Wanted] = {}
    for reference in references:
        rule = match(policy, reference).rule
        if rule is not None and rule.approve is None:
            wanted[reference.gun] = Wanted(reference.gun, rule.pins or None, rule.server)
    return list(wanted.values())


@dataclass(frozen=True)
class _Read:
    """Hands out collections that were read just now; a ``CollectionReader``."""

    members: "Mapping[Gun, Member]"

    def read(self, gun: "Gun", *, rule: object) -> "Reading":
        from signer.policy.reading import Reading

        del rule
        collection = self.members[gun].collection
        return Reading(collection, collection.now)


def collect_accepted(
    references: "Sequence[ImageReference]", policy: "Policy | None", session: "Session"
) -> "Mapping[Gun, Member]":
    """Read the images' collections; refuse what would be refused online.

    A repository alone is no image to decide about, unless no rule lets anything of it through.

    Raises:
        SignerError: of several reasons the gravest.
    """
    from signer.policy.decide import Decider, policy_of
    from signer.policy.requirement import Requirement
    from signer.policy.verdict import REJECT
    from signer.signing.bundles import collect, raise_gravest

    wanted = _wanted(references, policy)
    by_gun = {item.gun for item in wanted}
    members: dict[Gun, Member] = {}

    decider = Decider(
        policy or policy_of(Requirement(), pins=session.pins),
        _Read(members),
        clock=session.clock,
        registry=session.registry,
    )

    def require_accepted(images: "list[ImageReference]") -> None:
        verdicts = decider.decide_all(images)
        raise_gravest([it.reason for it in verdicts if it.reason and it.verdict == REJECT])

    require_accepted([image for image in references if image.gun not in by_gun])
    if not wanted:
        raise UsageError(
            "The policy lets all these images run without a signature: nothing is to be bundled."
        )
    members |= collect(session, wanted)
    named = [image for image in references if image.tag or image.digest]
    require_accepted([image for image in named if image.gun in by_gun])
    return members


def by_rules(wanted: "list[Wanted]", policy: "Policy") -> "list[Wanted]":
    """Return the same collections, with the pins and servers of their rules."""
    from signer.names import ImageReference
    from signer.policy.match import match

    found = []
    for item in wanted:
        rule = match(policy, ImageReference.parse(item.gun)).rule
        if rule is not None and rule.approve is None:
            found.append(replace(item, pins=rule.pins or item.pins, server=rule.server))
        else:
            found.append(item)
    return found
