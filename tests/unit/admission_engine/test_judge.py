"""Whether what the engine would use is what is signed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from signer.admission.engine.api import LocalImage
from signer.admission.engine.asks import Ask, Build, Deploy, MakeLocal, Pull, RollBack, Use
from signer.admission.engine.judge import Judge
from signer.errors import NetworkError, NotFoundError, NotSignedError
from signer.names import ImageReference
from signer.policy.decide import Decider, with_tag
from signer.policy.load import parse_policy
from signer.policy.match import match
from signer.policy.verdict import ACCEPT, REJECT, WARN, Verdict
from signer.transport.registry import DOCKER_MANIFEST, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from signer.policy.agreement import ManifestSource

SIGNED = f"sha256:{'ab' * 32}"
OTHER = f"sha256:{'cd' * 32}"
ID = f"sha256:{'12' * 32}"
APP = "h.example/admin/app"
POLICY = """
apiVersion: signer/v1
kind: TrustPolicy
rules:
  - {match: "h.example/admin/*", root: {trust_on_first_use: true}, require: {released: true}}
  - match: "h.example/local/*"
    root: {trust_on_first_use: true}
    require: {released: true}
    engine: {local: true, build: true}
  - match: "h.example/warned/*"
    root: {trust_on_first_use: true}
    require: {released: true}
    mode: warn
  - {match: "h.example/approved/*", approve: true}
  - {match: "h.example/denied/*", approve: false}
"""


@dataclass
class World:
    """A policy, what is signed, what the registry serves, what the engine has."""

    policy: str = POLICY
    signed: dict[str, str] = field(default_factory=lambda: {f"{APP}:1": SIGNED})
    served: dict[str, str] = field(default_factory=lambda: {"admin/app:1": SIGNED})
    local: dict[str, LocalImage] = field(default_factory=dict)
    services: dict[str, bytes] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    is_registry_down: bool = False

    def judge(self, ask: Ask) -> Verdict:
        judge = Judge(
            cast("Decider", _Decisions(self)),
            _Engine(self),
            registry=cast("Callable[[ImageReference], ManifestSource]", lambda _: _Registry(self)),
            on_accepted=self.accepted.append,
        )
        return judge.judge(ask)

    def code(self, ask: Ask) -> str:
        verdict = self.judge(ask)
        assert verdict.verdict == REJECT, verdict
        assert verdict.reason is not None
        return verdict.reason.code

    def has(self, *names: str, tags: tuple[str, ...] = (), digests: tuple[str, ...] = ()) -> None:
        image = LocalImage(ID, tuple(map(ref, tags)), tuple(map(ref, digests)))
        self.local.update(dict.fromkeys((*names, *tags, *digests), image))


class _Decisions:
    """What a decider answers where ``World.signed`` is all that is signed."""

    def __init__(self, world: World) -> None:
        self.policy = parse_policy(world.policy.encode(), Path("policy.yaml"))
        self._world = world

    def decide(self, reference: ImageReference) -> Verdict:
        reference = with_tag(reference)
        rule = match(self.policy, reference).rule
        if rule is not None and rule.approve:
            return Verdict(str(reference), ACCEPT, reference.digest, rule.name)
        known = {
            f"{ref(name).gun}@{digest}": digest for name, digest in self._world.signed.items()
        } | self._world.signed
        digest = known.get(str(reference), "")
        if digest and rule is not None:
            return Verdict(str(reference), ACCEPT, digest, rule.name)
        warns = rule is not None and rule.mode == "warn"
        error = NotSignedError("not signed", code="not-signed" if rule else "no-rule")
        return Verdict(str(reference), WARN if warns else REJECT, reason=error)


@dataclass
class _Engine:
    world: World

    def image(self, name: str) -> LocalImage | None:
        return self.world.local.get(name)

    def service(self, name: str) -> bytes | None:
        return self.world.services.get(name)


@dataclass
class _Registry:
    world: World

    def manifest(self, path: str, reference: str) -> Manifest:
        if self.world.is_registry_down:
            raise NetworkError("no answer")
        digest = self.world.served.get(f"{path}:{reference}")
        if digest is None:
            raise NotFoundError("none")
        return Manifest(DOCKER_MANIFEST, b"", digest, 0)


def ref(text: str) -> ImageReference:
    return ImageReference.parse(text)


@pytest.fixture
def world() -> World:
    return World()


def test_a_tag_is_pulled_only_as_the_registry_serves_the_signed_digest(world: World) -> None:
    assert world.judge(Pull(ref(f"{APP}:1"))).verdict == ACCEPT
    world.served["admin/app:1"] = OTHER
    verdict = world.judge(Pull(ref(f"{APP}:1")))
    assert verdict.verdict == REJECT
    assert verdict.reason is not None
    assert (verdict.reason.code, verdict.reason.hint) == (
        "registry-differs",
        f"Pull the signed one by digest: {APP}@{SIGNED}",
    )


def test_a_registry_that_is_down_or_has_nothing_refuses_and_the_digest_needs_none(
    world: World,
) -> None:
    world.served.clear()
    assert world.code(Pull(ref(f"{APP}:1"))) == "not-found"
    world.is_registry_down = True
    verdict = world.judge(Pull(ref(f"{APP}:1")))
    assert verdict.reason is not None
    assert (verdict.verdict, verdict.reason.code) == (REJECT, "network")
    assert f"{APP}@{SIGNED}" in verdict.reason.hint
    assert world.judge(Pull(ref(f"{APP}@{SIGNED}"))).verdict == ACCEPT
    assert world.judge(Pull(ref("h.example/approved/x:1"))).verdict == ACCEPT


@pytest.mark.parametrize(
    ("image", "verdict"),
    [
        (f"{APP}:2", REJECT),
        (f"{APP}@{OTHER}", REJECT),
        (APP, REJECT),
        ("h.example/denied/x:1", REJECT),
        ("elsewhere.example/x:1", REJECT),
        ("h.example/warned/x:1", WARN),
        ("h.example/warned/x", WARN),
        ("h.example/approved/x", ACCEPT),
        ("h.example/approved/x:1", ACCEPT),
    ],
)
def test_pulls_follow_the_rule_and_all_tags_are_pulled_of_approved_ones_alone(
    world: World, image: str, verdict: str
) -> None:
    assert world.judge(Pull(ref(image))).verdict == verdict


def test_a_local_tag_must_be_the_image_that_was_pulled_by_the_signed_digest(world: World) -> None:
    world.has(tags=(f"{APP}:1",), digests=(f"{APP}@{OTHER}", f"{APP}@{SIGNED}"))
    assert world.judge(Use(f"{APP}:1")).verdict == ACCEPT
    assert world.accepted == [ID]
    world.served["admin/app:1"] = OTHER  # a newer one there does not concern what is here
    assert world.judge(Use(f"{APP}:1")).verdict == ACCEPT


@pytest.mark.parametrize("digests", [(), (f"{APP}@{OTHER}",), (f"h.example/admin/other@{SIGNED}",)])
def test_a_local_tag_of_anything_else_is_refused(world: World, digests: tuple[str, ...]) -> None:
    world.has(tags=(f"{APP}:1",), digests=digests)
    assert world.code(Use(f"{APP}:1")) == "local-differs"
    assert world.code(Deploy(f"{APP}:1")) == "local-differs"
    assert world.accepted == []


def test_a_tag_that_is_not_local_is_checked_with_the_registry(world: World) -> None:
    assert world.judge(Use(f"{APP}:1")).verdict == ACCEPT
    assert world.code(Use(APP)) == "not-signed"
    world.served.clear()
    assert world.code(Use(f"{APP}:1")) == "not-found"


@pytest.mark.parametrize("text", ["12" * 32, ID, "121212", "sha256:1212"])
def test_an_id_is_accepted_by_a_signed_digest_of_its_image(world: World, text: str) -> None:
    world.has(text, digests=(f"{APP}@{OTHER}", f"{APP}@{SIGNED}"))
    assert world.judge(Use(text)).verdict == ACCEPT
    assert world.judge(Deploy(text)).verdict == ACCEPT


def test_an_id_is_not_accepted_by_the_tags_that_anybody_may_give(world: World) -> None:
    world.has("121212", tags=(f"{APP}:1",))
    assert world.code(Use("121212")) == "local-image"
    world.has("121212", tags=(f"{APP}:1",), digests=(f"{APP}@{OTHER}",))
    assert world.code(Use("121212")) == "not-signed"


def test_an_id_is_accepted_by_a_tag_whose_rule_says_local(world: World) -> None:
    world.has("121212", tags=("h.example/local/x:1",))
    assert world.judge(Use("121212")).verdict == ACCEPT
    assert world.judge(Use("h.example/local/x:1")).verdict == ACCEPT


def test_local_means_not_from_a_registry(world: World) -> None:
    pulled = ("h.example/local/x@" + OTHER,)
    world.has("121212", tags=("h.example/local/x:1",), digests=pulled)
    assert world.code(Use("h.example/local/x:1")) == "not-signed"
    assert world.code(Use("121212")) == "not-signed"


def test_engines_on_containerd_name_local_images_by_their_id_as_a_digest(world: World) -> None:
    world.has("121212", tags=("h.example/local/x:1",), digests=(f"h.example/local/x@{ID}",))
    assert world.judge(Use("h.example/local/x:1")).verdict == ACCEPT
    assert world.judge(Use("121212")).verdict == ACCEPT
    world.has(tags=(f"{APP}:1",), digests=(f"{APP}@{ID}",))
    assert world.code(Use(f"{APP}:1")) == "local-differs"


def test_a_name_that_finds_an_image_by_its_id_is_judged_as_the_id(world: World) -> None:
    """``docker run ab12``: no image is called so, but one's id begins with it."""
    signed = {"docker.io/library/ab12:latest": SIGNED}
    local = LocalImage(f"sha256:ab12{'0' * 60}")
    other = World(signed=signed, local={"ab12": local})
    assert other.code(Use("ab12")) == "local-image"


def test_a_service_by_tag_needs_the_registry_and_what_is_here(world: World) -> None:
    world.has(tags=(f"{APP}:1",), digests=(f"{APP}@{SIGNED}",))
    assert world.judge(Deploy(f"{APP}:1")).verdict == ACCEPT
    world.served["admin/app:1"] = OTHER
    assert world.code(Deploy(f"{APP}:1")) == "registry-differs"
    assert world.judge(Deploy(f"{APP}:1@{SIGNED}")).verdict == REJECT  # not among its digests
    world.local.clear()
    world.signed[f"{APP}:1@{SIGNED}"] = SIGNED
    assert world.judge(Deploy(f"{APP}:1@{SIGNED}")).verdict == ACCEPT


def test_a_rollback_is_judged_by_what_was_before(world: World) -> None:
    spec = '{"TaskTemplate":{"ContainerSpec":{"Image":"%s"}}}'
    for name, image in (("good", f"{APP}@{SIGNED}"), ("bad", f"{APP}@{OTHER}")):
        world.services[name] = f'{{"PreviousSpec":{spec % image}}}'.encode()
    assert world.judge(RollBack("good")).verdict == ACCEPT
    assert world.code(RollBack("bad")) == "not-signed"
    assert world.code(RollBack("none")) == "unclear-request"


@pytest.mark.parametrize(
    ("name", "local", "build"),
    [
        (f"{APP}:1", "local-image", "unseen-build"),
        ("elsewhere.example/x", "no-rule", "no-rule"),
        ("h.example/denied/x", "local-image", "unseen-build"),
        ("h.example/local/x", "", ""),
        ("h.example/approved/x", "", ""),
        (None, "local-image", "unseen-build"),
    ],
)
def test_what_is_made_here_needs_a_rule_that_says_so(
    world: World, name: str | None, local: str, build: str
) -> None:
    reference = ref(name) if name else None
    for ask, code in (
        (MakeLocal("import", reference), local),
        (Build((reference,) if reference else ()), build),
    ):
        verdict = world.judge(ask)
        assert (verdict.reason.code if verdict.reason else "") == code
        assert verdict.verdict == (REJECT if code else ACCEPT)


def test_one_name_of_a_build_that_is_refused_refuses_it(world: World) -> None:
    assert world.code(Build((ref("h.example/local/x"), ref(f"{APP}:1")))) == "unseen-build"


def test_what_has_no_name_needs_a_rule_for_everything() -> None:
    rule = '  - {match: "*", root: {trust_on_first_use: true}, require: {released: true}, '
    free = World(policy=POLICY + rule + "engine: {local: true, build: true}}\n")
    assert free.judge(MakeLocal("load", None)).verdict == ACCEPT
    assert free.judge(Build(())).verdict == ACCEPT
    only_build = World(policy=POLICY + rule + "engine: {build: true}}\n")
    assert only_build.code(MakeLocal("load", None)) == "local-image"


def test_a_rule_that_warns_lets_through_what_is_made_here(world: World) -> None:
    name = ref("h.example/warned/x")
    assert world.judge(MakeLocal("import", name)).verdict == WARN
    assert world.judge(Build((name,))).verdict == WARN
