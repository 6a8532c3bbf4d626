"""``docs/deploy``: what helm renders, what the API server accepts, what the webhook needs."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from signer.cli.admission import kubernetes_command
from signer.policy.load import load_policy
from signer.workloads.kinds import POD_SPECS
from tests.components.fixtures import installed
from tests.components.helm import Helm
from tests.docs.conftest import ROOT

DEPLOY: Final = ROOT / "docs/deploy"
CHART: Final = DEPLOY / "chart"
EXAMPLE: Final = DEPLOY / "values-example.yaml"
VERSIONS: Final = ("1.28", "1.31", "1.33")
FOREIGN: Final = "cert-manager.io/"
"""Kinds that others define."""

Json = dict[str, Any]


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return installed(lambda: Helm(tmp_path))


def objects(text: str) -> Iterator[Json]:
    for document in YAML(typ="safe", pure=True).load_all(text):
        if document:
            yield json.loads(json.dumps(document))


PLAIN: Final = {
    (one["kind"], one["metadata"]["name"]): one
    for one in objects((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
}
WEBHOOKS: Final = [
    PLAIN["MutatingWebhookConfiguration", "signer-admission"]["webhooks"][0],
    PLAIN["ValidatingWebhookConfiguration", "signer-admission"]["webhooks"][0],
]


def validate(found: Iterator[Json]) -> int:
    number = 0
    for one in found:
        if not one["apiVersion"].startswith(FOREIGN):
            for version in VERSIONS:
                kubernetes_validate.validate(one, version, strict=True)
            number += 1
    return number


def test_the_plain_manifests_are_what_helm_renders(helm: Helm) -> None:
    rendered = helm("template", "signer", CHART, "--namespace", "signer", "-f", EXAMPLE)
    assert (DEPLOY / "kubernetes.yaml").read_text("utf-8") == rendered


def test_the_api_server_accepts_the_plain_manifests() -> None:
    assert validate(iter(PLAIN.values())) >= 9


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("state.redis.enabled=false", "state.url=rediss://redis.example.com:6379/0"),
        ("audit.existingClaim=decisions", "ca=PEM", "webhook.scale=true"),
        ("tls.certManager=false", "tls.caBundle=Q0E=", "networkPolicy.enabled=false"),
        ("existingPolicy=mine", "tls.issuerRef.name=ca", "tls.issuerRef.kind=ClusterIssuer"),
    ],
)
def test_the_chart_is_good_with_other_values(helm: Helm, settings: tuple[str, ...]) -> None:
    chosen = ["-f", str(EXAMPLE), *(part for one in settings for part in ("--set", one))]
    helm("lint", "--strict", CHART, *chosen)
    assert validate(objects(helm("template", "other", CHART, "-n", "elsewhere", *chosen))) >= 7


@pytest.mark.parametrize("webhook", WEBHOOKS, ids=["mutate", "validate"])
def test_every_kind_of_workload_is_registered(webhook: Json) -> None:
    registered = {resource for rule in webhook["rules"] for resource in rule["resources"]}
    kinds = {f"{kind.lower()}s" for kind in POD_SPECS} - {"jobtemplates"}  # part of a CronJob
    assert registered == kinds | {"pods/ephemeralcontainers"}
    assert all(set(rule["operations"]) == {"CREATE", "UPDATE"} for rule in webhook["rules"])


@pytest.mark.parametrize("webhook", WEBHOOKS, ids=["mutate", "validate"])
def test_what_is_not_decided_does_not_run_and_the_webhook_can_be_started_again(
    webhook: Json,
) -> None:
    assert webhook["failurePolicy"] == "Fail"
    assert webhook["sideEffects"] == "NoneOnDryRun"
    assert webhook["timeoutSeconds"] == 10
    (left_out,) = webhook["namespaceSelector"]["matchExpressions"]
    assert left_out["key"] == "kubernetes.io/metadata.name"
    assert (left_out["operator"], "signer" in left_out["values"]) == ("NotIn", True)
    service = webhook["clientConfig"]["service"]
    assert PLAIN["Service", service["name"]]["spec"]["ports"][0]["port"] == service["port"]
    assert service["path"] in {"/mutate", "/validate"}


def test_the_deployment_starts_the_command_as_it_is() -> None:
    pods = PLAIN["Deployment", "signer-admission"]["spec"]["template"]["spec"]
    (container,) = pods["containers"]
    group, name, *options = container["args"]
    assert (group, name) == ("admission", "kubernetes")
    with click.Context(kubernetes_command) as context:
        kubernetes_command.make_parser(context).parse_args(shlex.split(shlex.join(options)))
    probes = {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
    assert probes == {"/livez", "/readyz"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pods["securityContext"]["runAsNonRoot"] is True
    assert pods["automountServiceAccountToken"] is False
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pods["volumes"]}


def test_the_example_policy_is_one(tmp_path: Path) -> None:
    files = PLAIN["ConfigMap", "signer-admission-policy"]["data"]
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert len(load_policy(tmp_path / "policy.yaml").rules) == 2
