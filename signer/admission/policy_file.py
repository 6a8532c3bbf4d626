"""The policy in force: its file is read again, and the last good one stays."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signer.errors import SignerError, UsageError
from signer.policy.load import load_policy
from signer.policy.model import Policy
from signer.workloads.jsonpath import Part, parse_json_path

EVERY_SECONDS: Final = 4.0
"""How often everything is read again, with the certificates that the policy names."""

_LONGEST_SECONDS: Final = 8.0
_SHARE: Final = 20
"""Reading may take one of so many parts of the time; large policies are read less often."""

Paths = Mapping[tuple[str, str], tuple[tuple[Part, ...], ...]]
"""By API version and kind: where custom resources name images."""


@dataclass(frozen=True)
class InForce:
    """A policy, as it decides now.

    Attributes:
        policy: checked.
        resources: where custom resources name images.
        number: counts what was loaded, from 1: certificates beside the same file may differ.
    """

    policy: Policy
    resources: Paths
    number: int = 1

    @property
    def key(self) -> tuple[str, int]:
        """What decisions by this policy are filed under: its hash first."""
        return self.policy.digest, self.number


OnReload = Callable[[InForce | None, SignerError | None], None]
"""Is told of a policy that came into force, or of the error that kept one from it."""


class PolicyFile:
    """A policy file and what is in force of it.

    The path is resolved anew each time: Kubernetes exchanges the ``..data`` link of a volume.

    Args:
        path: the file.
        on_reload: is told of every change after the first reading.
        monotonic: seconds that never go back.

    Raises:
        UsageError: the first reading found the policy to be wrong.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_reload: OnReload = lambda _policy, _error: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.on_reload = on_reload
        self._monotonic = monotonic
        self._seen = self._signature()
        self.current = read_policy(path)
        self._next = monotonic() + EVERY_SECONDS
        self.error: SignerError | None = None

    def refresh(self) -> None:
        """Read the file again where it has changed, or some time has passed; never raises."""
        begun = self._monotonic()
        seen = self._signature()
        if seen == self._seen and begun < self._next:
            return
        self._seen = seen
        try:
            found = read_policy(self.path)
        except SignerError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - the last good policy stays, whatever happens
            self._fail(SignerError(f"{self.path}: {type(error).__name__}: {error}"))
        else:
            self._take(found)
        took = self._monotonic() - begun
        self._next = self._monotonic() + min(max(EVERY_SECONDS, took * _SHARE), _LONGEST_SECONDS)

    def _take(self, found: InForce) -> None:
        recovered, self.error = self.error is not None, None
        if found.policy != self.current.policy:
            self.current = InForce(found.policy, found.resources, self.current.number + 1)
        elif not recovered:
            return
        self.on_reload(self.current, None)

    def _fail(self, error: SignerError) -> None:
        if self.error is None or str(self.error) != str(error):
            self.error = error
            self.on_reload(None, error)

    def _signature(self) -> tuple[str, int, int, int]:
        """Return what differs when the file does, at little cost."""
        try:
            resolved = self.path.resolve()
            found = resolved.stat()
        except OSError:
            return "", 0, 0, 0
        return str(resolved), found.st_ino, found.st_mtime_ns, found.st_size


def read_policy(path: Path) -> InForce:
    """Read a policy, with the paths of its custom resources.

    Raises:
        UsageError: it is wrong.
    """
    policy = load_policy(path)
    resources: dict[tuple[str, str], tuple[tuple[Part, ...], ...]] = {}
    for resource in policy.resources:
        try:
            paths = tuple(parse_json_path(text) for text in resource.images)
        except SignerError as error:
            raise UsageError(
                f"{path}: resource {resource.kind!r}: {error.message}", hint=error.hint
            ) from error
        key = (resource.api_version, resource.kind)
        resources[key] = resources.get(key, ()) + paths
    return InForce(policy, resources)
