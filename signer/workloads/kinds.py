"""Where Kubernetes' own kinds of workloads have the specification of their pods.

Source: the Kubernetes API reference, version 1.33.
"""

from typing import Final

_TEMPLATE: Final = ("spec", "template", "spec")

POD_SPECS: Final[dict[str, tuple[str, ...]]] = {
    "Pod": ("spec",),
    "ReplicationController": _TEMPLATE,
    "PodTemplate": ("template", "spec"),
    "Deployment": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
    "Job": _TEMPLATE,
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
    "JobTemplate": ("template", *_TEMPLATE),
}
"""By kind: the way to the pod's specification."""

GROUPS: Final = frozenset({"", "apps", "batch", "extensions"})
"""API groups of these kinds, of former versions too."""

CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


def pod_spec_path(api_version: str, kind: str) -> tuple[str, ...] | None:
    """Return the way to a kind's pod specification; None where it is none of Kubernetes' own."""
    group, slash, _ = api_version.partition("/")
    return POD_SPECS.get(kind) if (group if slash else "") in GROUPS else None
