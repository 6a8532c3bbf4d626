"""Which CI system runs this, by its variables, and whether it prints secrets."""

from collections.abc import Mapping
from enum import Enum


class CiHost(Enum):
    """A CI system with outputs of its own."""

    NONE = ""
    GITLAB = "gitlab"
    JENKINS = "jenkins"
    GITHUB = "github"


def detect_host(environment: Mapping[str, str]) -> CiHost:
    """Return the CI system that set the variables.

    Source: dtr-ucp-ci reference, D.2 to D.4.
    """
    if _is_set(environment, "GITLAB_CI"):
        return CiHost.GITLAB
    if _is_set(environment, "GITHUB_ACTIONS"):
        return CiHost.GITHUB
    if environment.get("JENKINS_URL"):
        return CiHost.JENKINS
    return CiHost.NONE


def debug_warning(environment: Mapping[str, str]) -> str:
    """Return a warning where the job's log shows every variable, otherwise an empty string.

    Source: dtr-ucp-ci reference, D.2.
    """
    if environment.get("CI_DEBUG_TRACE", "").strip().lower() not in {"true", "1"}:
        return ""
    return (
        "CI_DEBUG_TRACE is on: GitLab prints every variable into this job's log, secrets too. "
        "Whoever reads the log has them: change them, and delete the log."
    )


def _is_set(environment: Mapping[str, str], name: str) -> bool:
    """Tell whether a flag is set; programs that imitate a host set it to ``false``."""
    return environment.get(name, "").strip().lower() not in {"", "0", "false"}
