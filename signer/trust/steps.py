"""The steps of verification, numbered alike in code, documents, output and tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from signer.errors import SignerError


class Step(IntEnum):
    """A step of verification; 1 to 9 are ``TrustedCollection``'s, the others a policy's."""

    ROOT_PINNED = 1
    ROOT_THRESHOLD = 2
    ROOT_CHAIN = 3
    ROOT_VALID = 4
    TIMESTAMP = 5
    SNAPSHOT = 6
    ROOT_NAMED = 7
    TARGETS = 8
    DELEGATIONS = 9
    TARGET = 10
    DIGEST = 11
    SIGNERS = 12
    FRESHNESS = 13
    PROVENANCE = 14
    REGISTRY = 15

    @property
    def code(self) -> str:
        """The stable name in outputs, for example ``root-pinned``."""
        return self.name.lower().replace("_", "-")


@contextmanager
def at_step(step: Step) -> Iterator[None]:
    """Note on an error at which step of verification it was found; an inner step stays."""
    try:
        yield
    except SignerError as error:
        error.step = error.step or step
        raise


COLLECTION_STEPS: Final = tuple(step for step in Step if step <= Step.DELEGATIONS)
IMAGE_STEPS: Final = tuple(step for step in Step if step > Step.DELEGATIONS)
