"""Reading a simulated collection with the project's own client, in a trust directory of the test.

Every attack is told as: read (or not), change what the server does, read again, and look at what
was accepted or which error came at which step.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from signer.constants import ROOT
from signer.errors import ExitCode, SignerError
from signer.names import Gun, ImageReference
from signer.policy.evaluate import evaluate
from signer.policy.requirement import Requirement
from signer.policy.verdict import Verdict
from signer.trust.cache import MetadataCache
from signer.trust.client import TrustClient
from signer.trust.collection import TrustedCollection
from signer.trust.fetch import Downloads
from signer.trust.pinning import Pins
from signer.trust.state_files import FileStates
from tests.attacks.keys import NOW
from tests.attacks.simulator import SimulatedCollection

_P = ParamSpec("_P")
_T = TypeVar("_T")
TOFU = Pins(trust_on_first_use=True)


class AtOnce(Executor):
    """Runs what is submitted before it returns, so that requests have a fixed order."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run ``fn`` now."""
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed on by the future, as executors do
            future.set_exception(error)
        return future


@dataclass
class Reader:
    """Someone who verifies: a trust directory, pins, and a clock.

    Attributes:
        server: the simulated collection.
        trust_dir: where cache and state lie.
        pins: how a root is trusted; by the collection's root key unless set.
        now: the time.
    """

    server: SimulatedCollection
    trust_dir: Path
    pins: Pins | None = None
    now: datetime = NOW
    executor: Executor = field(default_factory=AtOnce)

    def __post_init__(self) -> None:
        """Pin the root key of the beginning."""
        if self.pins is None:
            self.pins = Pins.load([self.server.signers[ROOT][0].keyid])

    @property
    def gun(self) -> Gun:
        """The collection's name."""
        return Gun(self.server.gun)

    @property
    def states(self) -> FileStates:
        """The remembered states."""
        return FileStates(self.trust_dir / "signer")

    @property
    def cache(self) -> MetadataCache:
        """The cached files."""
        return MetadataCache(self.trust_dir, self.gun)

    def client(self) -> TrustClient:
        """Return a client as a new process would make one."""
        assert self.pins is not None
        return TrustClient(
            self.gun,
            Downloads(self.server, self.executor),
            cache=self.cache,
            states=self.states,
            pins=self.pins,
            clock=lambda: self.now,
        )

    def read(self, **options: Any) -> TrustedCollection:  # noqa: ANN401 - update's own
        """Read the collection."""
        return self.client().update(**options)

    def forget_cache(self) -> None:
        """Delete the metadata cache, as users do when something seems stuck."""
        shutil.rmtree(self.trust_dir / "tuf")

    def forget_all(self) -> None:
        """Delete cache and state."""
        shutil.rmtree(self.trust_dir)

    def refuses(self, code: str, exit_code: ExitCode, *, step: int) -> SignerError:
        """Assert that reading is refused in exactly this way; return the error."""
        with pytest.raises(SignerError) as caught:
            self.read()
        error = caught.value
        assert (error.code, error.exit_code, int(error.step)) == (code, exit_code, step), error
        assert str(error)
        return error

    def judge(self, reference: str = ":1", *signers: str) -> Verdict:
        """Read, and evaluate one image: ``:TAG``, ``@DIGEST`` or both behind the GUN."""
        image = ImageReference.parse(f"{self.gun}{reference}")
        return evaluate(self.read(), image, requirement=Requirement.of_names(signers))

    def accepts(self, reference: str = ":1", *signers: str) -> str:
        """Assert that an image is accepted; return its digest."""
        verdict = self.judge(reference, *signers)
        assert verdict.verdict == "accept", verdict.reason
        assert verdict.exit_code == 0
        return verdict.digest

    def rejects(
        self,
        code: str,
        exit_code: ExitCode,
        *,
        step: int,
        reference: str = ":1",
        signers: tuple[str, ...] = (),
    ) -> SignerError:
        """Assert that a readable collection's image is rejected in exactly this way."""
        verdict = self.judge(reference, *signers)
        assert verdict.verdict == "reject", verdict
        assert verdict.digest == ""
        reason = verdict.reason
        assert reason is not None
        assert (reason.code, verdict.exit_code, int(reason.step)) == (code, exit_code, step)
        failed = [int(check.step) for check in verdict.checks if check.status == "fail"]
        assert failed == [step]
        return reason
