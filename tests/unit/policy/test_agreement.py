"""Step 15: the registry serves what is signed."""

from dataclasses import dataclass, field

import pytest

from signer.errors import AuthError, NetworkError, NotFoundError, SignerError
from signer.transport.registry import Manifest
from tests.attacks.simulator import DIGEST, OTHER
from tests.unit.policy.material import RELEASED, Scene, refused

AGREEING = "require: {released: true, registry: true}"


@dataclass
class Shelf:
    """A registry that answers one thing, and notes what it is asked."""

    answer: Manifest | SignerError
    asked: list[str] = field(default_factory=list)

    def manifest(self, path: str, reference: str) -> Manifest:
        self.asked.append(f"{path} {reference}")
        if isinstance(self.answer, SignerError):
            raise self.answer
        return self.answer


def _manifest(digest: str, length: int = 528) -> Manifest:
    return Manifest("application/vnd.oci.image.manifest.v1+json", b"{}", digest, length)


def test_the_same_manifest_is_accepted(scene: Scene) -> None:
    shelf = scene.registry = Shelf(_manifest(DIGEST))
    verdict = scene.by(AGREEING)
    assert (verdict.verdict, verdict.checks[14].status) == ("accept", "pass")
    assert shelf.asked == ["shop/web 1"]


@pytest.mark.parametrize("served", [_manifest(OTHER), _manifest(DIGEST, 529)])
def test_another_digest_or_length_is_refused(scene: Scene, served: Manifest) -> None:
    scene.registry = Shelf(served)
    refused(scene.by(AGREEING), "registry-differs", step=15)


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (NotFoundError("no such manifest"), "registry-missing", 3),
        (NetworkError("down"), "network", 6),
        (AuthError("no"), "unauthorised", 7),
    ],
)
def test_a_registry_that_does_not_have_it_or_cannot_be_asked_refuses(
    scene: Scene, error: SignerError, code: str, exit_code: int
) -> None:
    scene.registry = Shelf(error)
    refused(scene.by(AGREEING), code, step=15, exit_code=exit_code)


def test_where_there_is_no_registry_to_ask_a_rule_that_wants_one_refuses(scene: Scene) -> None:
    refused(scene.by(AGREEING), "registry-unknown", step=15)


def test_the_registry_is_not_asked_where_no_rule_wants_it_or_after_a_refusal(scene: Scene) -> None:
    shelf = scene.registry = Shelf(_manifest(OTHER))
    verdict = scene.by(RELEASED)
    assert (verdict.verdict, verdict.checks[14].status) == ("accept", "skip")
    scene.by("require: {signers: [bob], registry: true}", names=("bob",))
    assert shelf.asked == []
