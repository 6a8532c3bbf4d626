"""Whether DTR sees a signature: what its users see, and what its policies and deletions go by.

Source: dtr-ucp-ci reference, B.2 (``inNotary``, ``hashMismatch``); docker-trust reference, T1.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from signer.dtr.promotion import Promotion
from signer.errors import GateError, SignerError

if TYPE_CHECKING:
    from signer.dtr.api import DtrApi

LOOKS: Final = 3
LOOK_AGAIN_SECONDS: Final = 1.0


def check_seen(
    api: "DtrApi", promotion: Promotion, *, own_notary: bool, sleep: Callable[[float], None]
) -> str:
    """Look up in DTR what was just signed and published, up to three times.

    Args:
        api: the DTR.
        promotion: what was signed.
        own_notary: whether the signature was published to DTR's own Notary server; another's
            signatures it does not see.
        sleep: waits between the looks, in seconds.

    Returns:
        A warning where DTR cannot say, or an empty string.

    Raises:
        GateError: the tag has another digest by now (``digest-differs``).
        SignerError: DTR does not see the signature (``not-in-notary``).
    """
    for look in range(LOOKS):
        if look:
            sleep(LOOK_AGAIN_SECONDS)
        try:
            tag = api.tag(promotion.target_repository, promotion.target_tag)
        except SignerError as error:
            # It is signed and was read back: that DTR is gone now does not undo it.
            return f"{promotion.target} is signed, but DTR could not be asked about it: {error}"
        if tag.digest != promotion.digest or not own_notary:
            break
        if tag.in_notary is not False and not tag.hash_mismatch:
            break
    if tag.digest != promotion.digest or (own_notary and tag.hash_mismatch):
        raise GateError(
            f"{promotion.target} was signed with {promotion.digest}, but DTR now has "
            f"{tag.digest or 'no digest'} for the tag.",
            hint="The tag was moved while it was signed, or DTR shows a hashMismatch. Sign its new "
            "promotion, or revoke it.",
            code="digest-differs",
        )
    if tag.in_notary and not tag.hash_mismatch:
        return ""
    if not own_notary:
        return f"{promotion.target} is signed on another Notary server than DTR's, unseen by DTR."
    if tag.in_notary is None:
        return f"DTR does not say whether it sees the signature of {promotion.target}."
    raise SignerError(
        f"{promotion.target} was published, but DTR does not see its signature (inNotary).",
        hint="Look at the tag in DTR. Is the collection's name that of DTR's host?",
        code="not-in-notary",
    )
