"""The workflow that ``signer ci github`` writes, run by ``act``: from the commit to the signature.

The jobs run without their containers; all else is as written.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.components.embedded import EmbeddedDtr
from tests.components.engine import Engine
from tests.components.fixtures import installed
from tests.components.github_actions import GithubActions, WorkflowRun
from tests.e2e.dtr_job import Job

_UNUSED_PASSPHRASE: Final = "worthless-example-passphrase"


class Repository:
    """A repository with the workflow, its secrets and its variables.

    Attributes:
        job: the DTR, and who initialised the collection.
        actions: runs workflows.
    """

    def __init__(self, directory: Path, job: Job, engine: Engine) -> None:
        self.job = job
        self.engine = engine
        self.actions = installed(lambda: GithubActions(directory / "repository"))
        dtr = job.api.dtr
        project = self.actions.directory
        settings = project / "signer.toml"
        named = ("--host", dtr.host, "--repository", job.api.target)
        written = ("-o", self.actions.workflow, "--settings", settings)
        job.signer("ci", "github", *named, "--root-key-id", job.root_key_id, *written)
        settings.write_text(settings.read_text().replace("# ca = ", "ca = "))
        (project / "dtr-ca.pem").write_bytes(dtr.ca_file.read_bytes())
        (project / "Dockerfile").write_text("FROM scratch\nCOPY app /app\n")
        (project / "app").write_text("version 1")
        self.actions.commit()

    def run(self, event: str, content: dict[str, Any]) -> WorkflowRun:
        """Run what an event starts; no secret may be in the log."""
        secrets = {
            "DTR_PASSWORD": self.job.variables["DTR_PASSWORD"],
            "SIGNER_KEY": (self.job.bundle / "key.pem").read_text(),
            "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": _UNUSED_PASSPHRASE,
        }
        run = self.actions.run(
            event,
            content,
            secrets=secrets,
            variables={name: self.job.variables[name] for name in ("DTR_SERVER", "DTR_USERNAME")},
            environment={"DOCKER_HOST": f"unix://{self.engine.socket}"},
        )
        assert secrets["DTR_PASSWORD"] not in run.output
        assert "PRIVATE KEY" not in run.output
        return run

    def dispatch(self, event: str) -> WorkflowRun:
        """Send what the relay makes of DTR's webhook."""
        payload = {"action": "dtr-promotion", "client_payload": json.loads(event)}
        return self.run("repository_dispatch", payload)


@pytest.fixture
def repository(
    tmp_path: Path, embedded: EmbeddedDtr, engine: Engine, fresh_repository: str
) -> Repository:
    return Repository(tmp_path, Job(tmp_path / "job", embedded, fresh_repository, tags=()), engine)


def test_from_a_commit_to_a_verified_image_and_a_forged_event_is_refused(
    repository: Repository,
) -> None:
    api = repository.job.api
    built = repository.run("push", {"ref": "refs/heads/main"})
    assert (built.status, built.job("build")) == (0, "succeeded"), built.output
    (tag,) = (found["name"] for found in api("GET", f"/repositories/{api.source}/tags"))
    api.scan(tag)
    digest = api.tag(api.target, tag)["digest"]

    forged = repository.dispatch(repository.job.event(tag, "sha256:" + "0" * 64))
    assert (forged.job("sign"), forged.outputs["status"]) == ("failed", "refused"), forged.output
    assert "exit status 10" in forged.output

    signed = repository.dispatch(repository.job.event(tag, digest))
    assert (signed.status, signed.job("sign")) == (0, "succeeded"), signed.output
    assert (signed.outputs["status"], signed.outputs["digest"]) == ("signed", digest)

    # No swarm is there to deploy to, so the last job fails; it gets the digest that was verified.
    deployed = repository.run("workflow_dispatch", {"inputs": {"tag": tag}})
    reference = f"{api.dtr.host}/{api.target}:{tag}@{digest}"
    assert deployed.job("verify") == "succeeded", deployed.output
    assert deployed.outputs["reference"] == reference
    assert deployed.job("deploy") == "failed"
    assert "This node is not a swarm manager" in deployed.output


def test_an_upstream_image_is_mirrored(repository: Repository) -> None:
    api = repository.job.api
    upstream = f"{api.dtr.host}/admin/upstream:3.20"
    repository.engine.import_image(upstream)
    name = api.target.partition("/")[2]
    login = ("login", api.dtr.host, "--username", "admin", "--password-stdin")
    repository.engine.docker(*login, input_bytes=api.dtr.admin_password.encode())
    assert repository.engine.docker("push", upstream).returncode == 0
    repository.engine.remove_image(upstream)
    inputs = {"upstream": upstream, "name": name}
    run = repository.run("workflow_dispatch", {"inputs": inputs})
    assert (run.status, run.job("mirror")) == (0, "succeeded"), run.output
    assert len(api("GET", f"/repositories/{api.source}/tags")) == 1
