"""The webhook's decisions about objects: what is looked at, refused, warned about and pinned."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from signer.admission import kubernetes
from signer.admission.decision import Decisions
from signer.admission.kubernetes import Reviewed
from signer.admission.objects import MAX_IMAGES
from signer.admission.patch import ANNOTATION
from signer.admission.policy_file import InForce
from signer.admission.review import decode_request
from tests.attacks.keys import GUN
from tests.attacks.simulator import DIGEST, OTHER, SimulatedCollection
from tests.components.webhook import Answer, Json, pod, pod_spec, review_of, workload
from tests.unit.admission.material import Bench, in_force, pinned_rule

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNED = f"{GUN}:1"
UNSIGNED = f"{GUN}:2"
PINNED = f"{SIGNED}@{DIGEST}"
TEMPLATE = ("spec", "template", "spec")
DELETED = {"deletionTimestamp": "2026-11-22T12:00:00Z"}
OWNER = {"apiVersion": "apps/v1", "kind": "Deployment", "controller": True, "uid": "u", "name": "d"}


class Hook:
    """The decisions over a simulated collection."""

    def __init__(self, bench: Bench, policy: InForce) -> None:
        self.policy = policy
        self._decisions = Decisions(bench.kept, clock=bench.session.clock)

    def __call__(self, found: Json | None, *, mutate: bool = True, **fields: Any) -> Answer:  # noqa: ANN401 - of the review
        reviewed = self.reviewed(found, mutate=mutate, **fields)
        content = json.loads(reviewed.answer.encode())
        return Answer.of_content(content, uid=reviewed.answer.uid)

    def reviewed(self, found: Json | None, *, mutate: bool = True, **fields: Any) -> Reviewed:  # noqa: ANN401 - of the review
        request = decode_request(json.dumps(review_of(found, **fields)).encode())
        return asyncio.run(
            kubernetes.review(
                request,
                in_force=self.policy,
                decisions=self._decisions,
                mutate=mutate,
                seconds=20,
            )
        )


@pytest.fixture
def hook(bench: Bench, server: SimulatedCollection) -> Hook:
    return Hook(bench, in_force(pinned_rule(server), '  - match: "ok.io/*"\n    approve: true\n'))


def test_a_tag_is_pinned_and_nothing_else_is_changed(hook: Hook) -> None:
    found = pod(SIGNED)
    answer = hook(found)
    wanted = pod(PINNED, annotations={ANNOTATION: f'{{"/spec/containers/0/image":"{SIGNED}"}}'})
    assert answer.applied(found) == wanted
    assert [operation["op"] for operation in answer.patch] == ["test", "replace", "add", "add"]
    assert answer.patch[0] == {"op": "test", "path": "/spec/containers/0/image", "value": SIGNED}


def test_what_is_pinned_already_is_not_patched(hook: Hook) -> None:
    assert hook(pod(PINNED)).patch == []
    assert hook(pod("ok.io/any:1")).patch == []


def test_name_and_tag_stay_as_they_are_written(hook: Hook, bench: Bench) -> None:
    hub = SimulatedCollection.with_signers("gitlab", gun="docker.io/library/busybox")
    hub.sign_tag("targets/releases", "latest", OTHER)
    hub.publish("targets/releases")
    bench.session.collections_by_gun[hub.gun] = hub
    hook.policy = in_force(pinned_rule(hub, match="busybox"))
    for written in ("busybox", "busybox:latest", "docker.io/busybox", "library/busybox:1"):
        found = pod(written)
        pinned = hook(found).applied(found)["spec"]["containers"][0]["image"]
        assert pinned == f"{written}@{DIGEST if written.endswith(':1') else OTHER}"


@pytest.mark.parametrize(
    ("kind", "api_version", "way"),
    [
        ("Pod", "v1", ("spec",)),
        ("ReplicationController", "v1", TEMPLATE),
        ("PodTemplate", "v1", ("template", "spec")),
        ("Deployment", "apps/v1", TEMPLATE),
        ("ReplicaSet", "apps/v1", TEMPLATE),
        ("StatefulSet", "apps/v1", TEMPLATE),
        ("DaemonSet", "apps/v1", TEMPLATE),
        ("Job", "batch/v1", TEMPLATE),
        ("CronJob", "batch/v1", ("spec", "jobTemplate", *TEMPLATE)),
        ("CronJob", "batch/v1beta1", ("spec", "jobTemplate", *TEMPLATE)),
        ("Deployment", "extensions/v1beta1", TEMPLATE),
    ],
)
def test_every_place_of_every_kind(
    hook: Hook, kind: str, api_version: str, way: tuple[str, ...]
) -> None:
    places: dict[str, Callable[[str], Json]] = {
        "containers": lambda image: {"containers": [{"name": "a", "image": image}]},
        "initContainers": lambda image: {"initContainers": [{"name": "a", "image": image}]},
        "ephemeralContainers": lambda image: {
            "containers": [{"name": "a", "image": PINNED}],
            "ephemeralContainers": [{"name": "b", "image": image}],
        },
        "volumes": lambda image: {
            "volumes": [{"name": "e", "emptyDir": {}}, {"name": "v", "image": {"reference": image}}]
        },
    }
    for make in places.values():
        assert not hook(workload(kind, api_version, make(UNSIGNED), *way)).allowed
        found = workload(kind, api_version, make(SIGNED), *way)
        answer = hook(found)
        assert answer.allowed
        assert answer.applied(found) == {
            **workload(kind, api_version, make(PINNED), *way),
            "metadata": answer.applied(found)["metadata"],
        }
        assert hook(found, mutate=False).patch == []


def test_custom_resources_are_read_where_the_policy_says(bench: Bench, hook: Hook) -> None:
    resources = {("example.com/v1", "Canary"): (("spec", "steps", None, "a/b~c"),)}
    hook.policy = InForce(hook.policy.policy, resources)
    found = {
        "apiVersion": "example.com/v1",
        "kind": "Canary",
        "metadata": {"annotations": {"kept": "yes"}},
        "spec": {"steps": [{"a/b~c": SIGNED}, {"other": UNSIGNED}]},
    }
    answer = hook(found)
    assert answer.patch[0]["path"] == "/spec/steps/0/a~1b~0c"
    patched = answer.applied(found)
    assert patched["spec"]["steps"][0]["a/b~c"] == PINNED
    assert patched["metadata"]["annotations"]["kept"] == "yes"
    found["spec"] = {"steps": [{"a/b~c": UNSIGNED}]}
    assert not hook(found).allowed
    found["spec"] = {"steps": [{"a/b~c": {"no": "text"}}]}
    assert hook(found).reason == "unreadable-object"


def test_all_refusals_are_named(hook: Hook) -> None:
    answer = hook(pod(UNSIGNED, SIGNED, "evil.io/ok.io/x:1", ""))
    assert not answer.allowed
    assert answer.patch == []
    assert answer.response["status"]["code"] == 403
    for part in (UNSIGNED, GUN, "evil.io/ok.io/x", "spec.containers[3].image", "blank-image"):
        assert part in answer.message
    assert SIGNED not in answer.message
    causes = answer.response["status"]["details"]["causes"]
    assert sorted(cause["reason"] for cause in causes) == ["blank-image", "no-rule", "not-signed"]


def test_warn_lets_through_with_a_warning_and_pins_nothing_unverified(
    bench: Bench, server: SimulatedCollection
) -> None:
    rule = pinned_rule(server, "mode: warn", "require: {released: true}")
    hook = Hook(bench, in_force(rule))
    found = pod(UNSIGNED, SIGNED)
    answer = hook(found)
    assert answer.allowed
    assert len(answer.response["warnings"]) == 1
    assert GUN in answer.response["warnings"][0]
    patched = answer.applied(found)["spec"]["containers"]
    assert [one["image"] for one in patched] == [UNSIGNED, PINNED]


@pytest.mark.parametrize(
    ("level", "of_pod", "of_template"),
    [("templates", True, True), ("pods", True, False), ("never", False, False)],
)
def test_mutation_levels(
    bench: Bench, server: SimulatedCollection, level: str, of_pod: bool, of_template: bool
) -> None:
    hook = Hook(
        bench, in_force(pinned_rule(server, f"mutate: {level}", "require: {released: true}"))
    )
    deployment = workload("Deployment", "apps/v1", pod_spec(SIGNED), *TEMPLATE)
    assert bool(hook(pod(SIGNED)).patch) is of_pod
    assert bool(hook(deployment).patch) is of_template
    refused = workload("Deployment", "apps/v1", pod_spec(UNSIGNED), *TEMPLATE)
    assert not hook(refused).allowed
    assert not hook(pod(UNSIGNED)).allowed


def test_owners_are_not_believed(hook: Hook) -> None:
    for kind in ("ReplicaSet", "Deployment", "DaemonSet", "StatefulSet", "Job"):
        owner = {**OWNER, "kind": kind}
        assert not hook(pod(UNSIGNED, ownerReferences=[owner])).allowed
        assert hook(pod(SIGNED, ownerReferences=[owner])).patch
    owned = workload("ReplicaSet", "apps/v1", pod_spec(UNSIGNED), *TEMPLATE)
    owned["metadata"]["ownerReferences"] = [OWNER]
    assert not hook(owned).allowed


def test_a_deployments_replica_set_stays_as_its_controller_wrote_it(hook: Hook) -> None:
    owned = workload("ReplicaSet", "apps/v1", pod_spec(SIGNED), *TEMPLATE)
    assert hook(owned).patch
    owned["metadata"]["ownerReferences"] = [OWNER]
    answer = hook(owned)
    assert answer.allowed
    assert answer.patch == []


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
def test_deletions_and_connections_pass(hook: Hook, operation: str) -> None:
    assert hook(None, operation=operation, old=pod(UNSIGNED)).allowed
    assert hook(pod(UNSIGNED), operation=operation).allowed


@pytest.mark.parametrize("name", ["scale", "status", "exec", "binding", "eviction"])
def test_subresources_without_images_pass(hook: Hook, name: str) -> None:
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {}, "spec": {}}
    assert hook(scale, operation="UPDATE", old=scale, subResource=name).allowed


def test_ephemeral_containers_are_looked_at_and_no_running_container_is_touched(
    hook: Hook,
) -> None:
    old = pod(SIGNED)
    for image, allowed in ((UNSIGNED, False), (SIGNED, True)):
        new = pod(SIGNED)
        new["spec"]["ephemeralContainers"] = [{"name": "debug", "image": image}]
        answer = hook(new, operation="UPDATE", old=old, subResource="ephemeralcontainers")
        assert answer.allowed is allowed
    replaced = [one["path"] for one in answer.patch if one["op"] == "replace"]
    assert replaced == ["/spec/ephemeralContainers/0/image"]


def test_an_update_has_all_images_looked_at(hook: Hook) -> None:
    old = workload("Deployment", "apps/v1", pod_spec(UNSIGNED), *TEMPLATE)
    assert not hook(old, operation="UPDATE", old=old).allowed
    zero = workload("Deployment", "apps/v1", pod_spec(UNSIGNED), *TEMPLATE)
    zero["spec"]["replicas"] = 0
    assert not hook(zero).allowed


def test_a_running_pod_and_a_job_are_not_pinned_afterwards(hook: Hook) -> None:
    assert hook(pod(SIGNED), operation="UPDATE", old=pod(SIGNED)).patch == []
    job = workload("Job", "batch/v1", pod_spec(SIGNED), *TEMPLATE)
    assert hook(job, operation="UPDATE", old=job).patch == []
    assert hook(pod(SIGNED), operation="UPDATE", old=pod("ok.io/other:1")).patch


def test_an_object_that_is_being_deleted_loses_its_finalizers(hook: Hook) -> None:
    old = pod(UNSIGNED, finalizers=["x/y"], **DELETED)
    assert hook(pod(UNSIGNED, **DELETED), operation="UPDATE", old=old).allowed
    assert not hook(pod(UNSIGNED, **DELETED), operation="CREATE").allowed
    assert not hook(pod(UNSIGNED, **DELETED), operation="UPDATE", old=pod(UNSIGNED)).allowed
    assert not hook(pod(f"{GUN}:3", **DELETED), operation="UPDATE", old=old).allowed
    strange = {"apiVersion": "example.com/v1", "kind": "Strange", "metadata": DELETED, "spec": {}}
    assert hook(strange, operation="UPDATE", old=strange).allowed
    assert not hook(strange).allowed


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [{"name": "a"}]},
        {"containers": [{"name": "a", "image": ""}]},
        {"containers": [{"name": "a", "image": None}]},
        {"containers": [{"name": "a", "image": 7}]},
        {"containers": [{"name": "a", "image": ["x"]}]},
        {"containers": [None]},
        {"containers": {"a": "b"}},
        {"containers": "x"},
        {"volumes": [{"name": "v", "image": {}}]},
        {"volumes": [{"name": "v", "image": "x"}]},
        {"initContainers": [{"name": "a", "image": "  "}]},
        "text",
        [],
    ],
)
def test_blank_and_misshapen_images_are_refused(hook: Hook, spec: Any) -> None:  # noqa: ANN401 - JSON
    answer = hook({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": spec})
    assert not answer.allowed
    assert answer.reason in {"blank-image", "unreadable-object", "bad-reference"}


def test_unknown_kinds_are_refused_with_a_reason(hook: Hook) -> None:
    found = {"apiVersion": "example.com/v1", "kind": "Strange", "metadata": {}}
    answer = hook(found)
    assert (answer.allowed, answer.reason) == (False, "unknown-kind")
    assert "Strange" in answer.message


def test_no_object_is_refused(hook: Hook) -> None:
    assert hook(None).reason == "no-object"


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (pod(), "Pod"),
        ({"apiVersion": "v1", "kind": "Pod", "spec": None}, "Pod"),
        (workload("Deployment", "apps/v1", pod_spec(UNSIGNED), *TEMPLATE), "Pod"),
    ],
)
def test_what_has_no_containers_where_its_kind_has_them_is_refused(
    hook: Hook, found: Json, kind: str
) -> None:
    answer = hook(found, kind={"group": "", "version": "v1", "kind": kind})
    assert (answer.allowed, answer.reason) == (False, "no-containers")
    deleted = {**found, "metadata": DELETED}
    assert hook(deleted, operation="UPDATE", old=deleted).allowed


def test_the_id_of_an_image_on_a_node_is_no_name(hook: Hook) -> None:
    hook.policy = in_force('  - match: "docker.io/library/*"\n    approve: true\n')
    assert hook(pod("sha256:1")).allowed
    answer = hook(pod(OTHER))
    assert (answer.allowed, answer.reason) == (False, "bad-reference")


def test_more_images_than_can_be_decided_in_time_are_refused_at_once(hook: Hook) -> None:
    reviewed = hook.reviewed(pod(*(f"{GUN}:t{number}" for number in range(MAX_IMAGES + 1))))
    assert (reviewed.answer.allowed, reviewed.answer.reason) == (False, "too-many-images")
    assert len(reviewed.decisions) == 0
    assert hook(pod(*[SIGNED] * (MAX_IMAGES + 1))).allowed


def test_missing_metadata_and_a_forged_annotation_do_no_harm(hook: Hook) -> None:
    bare = {"apiVersion": "v1", "kind": "Pod", "spec": pod_spec(SIGNED)}
    assert hook(bare).applied(bare)["spec"]["containers"][0]["image"] == PINNED
    null: Json = {**bare, "metadata": {"annotations": None}}
    assert ANNOTATION in hook(null).applied(null)["metadata"]["annotations"]
    forged = pod(SIGNED, annotations={ANNOTATION: "not json"})
    assert hook(forged).applied(forged)["spec"]["containers"][0]["image"] == PINNED
    earlier = pod(SIGNED, PINNED, annotations={ANNOTATION: '{"/spec/containers/1/image":"x:1"}'})
    kept = json.loads(hook(earlier).applied(earlier)["metadata"]["annotations"][ANNOTATION])
    assert kept == {"/spec/containers/0/image": SIGNED, "/spec/containers/1/image": "x:1"}


def test_audit_annotations_say_what_decided(hook: Hook) -> None:
    annotations = hook(pod(SIGNED)).response["auditAnnotations"]
    assert annotations["policy-sha256"] == hook.policy.policy.digest
    assert json.loads(annotations["images"]) == [
        {
            "image": SIGNED,
            "path": "spec.containers[0].image",
            "verdict": "accept",
            "digest": DIGEST,
            "rule": GUN,
            "signers": "gitlab",
        }
    ]
