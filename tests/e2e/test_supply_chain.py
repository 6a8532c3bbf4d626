"""The whole story on real programs, and the written GitLab pipelines run by gitlab-ci-local.

Real are the Notary server, the registry, the Docker engine with its swarm, ``docker``, and the
pipelines. DTR's API, its scanner and its promotion are a stub: there is no DTR without a licence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import pytest

from tests.components.engine import Engine
from tests.components.gitlab_ci import GitlabCi
from tests.components.gitlab_trigger import GitlabTrigger
from tests.components.images import copy_image, push_image
from tests.components.notary_server import NotaryServer
from tests.components.peers import DockerCli
from tests.components.registry import Registry
from tests.docs.dtr import Dtr
from tests.e2e.gitlab_project import Project, assert_refused, assert_signed, send
from tests.unit.dtr.stub import POLICY, StubDtr, scan

_ACCOUNT: Final = ("admin", "worthless-example-password")
_DOCKERFILE: Final = "FROM scratch\nCOPY app /app\n"


class World:
    """A DTR on real servers, an engine, and the projects of a GitLab.

    Attributes:
        dtr: the host.
        api: what answers for its API.
        source: the repository that builds are pushed to.
        target: the one that images are promoted to.
        signing: the project that signs.
    """

    def __init__(self, directory: Path, dtr: Dtr, engine: Engine, repository: str) -> None:
        self.directory = directory
        self.dtr = dtr
        self.engine = engine
        self.source, self.target = f"{repository}_build", repository
        self.api = StubDtr()
        self.api.policies[f"{self.source}/{POLICY}"] = {
            "id": POLICY,
            "enabled": True,
            "targetRepository": self.target,
        }
        dtr.api = self.api
        self.signing = Project(directory, dtr, self.target, _ACCOUNT)

    @property
    def docker(self) -> dict[str, str]:
        """The variables of a project whose runner has the engine."""
        return {
            "DOCKER_HOST": f"unix://{self.engine.socket}",
            "DTR_SERVER": self.dtr.host,
            "DTR_USERNAME": _ACCOUNT[0],
            "DTR_PASSWORD": _ACCOUNT[1],
        }

    def project(self, name: str, part: str, **files: str) -> GitlabCi:
        """Make a project with one written pipeline; its path is that of the target."""
        ci = GitlabCi(self.directory / name)
        written = ci.directory / ".gitlab-ci.yml"
        given = ("--host", self.dtr.host, "--repository", self.target, "--only", part)
        settings = ci.home / "signer.toml"
        self.signing.admin("ci", "gitlab", *given, "-o", written, "--settings", settings)
        for file, content in files.items():
            (ci.directory / file).write_text(content)
        ci.commit(self.target)
        return ci

    def promote(self, tag: str) -> str:
        """Scan and promote a tag of the source, as DTR does; return its digest."""
        digest = copy_image(self.dtr, self.source, self.target, tag)
        shown = {"name": tag, "digest": digest, "inNotary": True, "hashMismatch": False}
        self.api.tags[f"{self.source}:{tag}"] = shown
        self.api.tags[f"{self.target}:{tag}"] = shown | {"promotion": self._record(tag)}
        self.api.scans[f"{self.source}:{tag}"] = [scan(tag=tag)]
        return digest

    def notify(self, trigger: GitlabTrigger, tag: str, digest: str) -> Path:
        """Send the webhook; return the payload with which GitLab starts the job."""
        count = len(list(trigger.directory.iterdir())) + 1
        contents = self._record(tag) | {"targetTag": tag, "digest": digest}
        send(trigger, contents, self.target)
        return trigger.wait_for("PROMOTION", count)[-1]

    def _record(self, tag: str) -> dict[str, str]:
        return {"promotionPolicyID": POLICY, "sourceRepository": self.source, "sourceTag": tag}


@pytest.fixture
def world(
    tmp_path: Path,
    notary_server: NotaryServer,
    registry: Registry,
    engine: Engine,
    fresh_repository: str,
) -> Iterator[World]:
    with Dtr(tmp_path / "dtr", notary_server, registry) as dtr:
        engine.trust_registry(cast("Registry", dtr))
        yield World(tmp_path, dtr, engine, fresh_repository)


def test_from_a_commit_to_a_deployed_image_and_nothing_else_gets_there(
    world: World, tmp_path: Path, engine: Engine, trigger: GitlabTrigger
) -> None:
    # A commit: the pipeline builds and pushes into the build repository.
    images = world.project("images", "build", Dockerfile=_DOCKERFILE, app="version 1")
    built = images.run(source="push", variables=world.docker)
    assert built.exit_codes == {"build": 0}, built.output
    (tag,) = _tags(world, world.source)

    # DTR scans and promotes. Nobody has signed yet: a deployment and docker itself refuse.
    digest = world.promote(tag)
    image = f"{world.dtr.host}/{world.target}"
    assert world.signing.verify(tag).exit_codes == {"verify": 3}
    docker = DockerCli(tmp_path / "docker", cast("NotaryServer", world.dtr), engine=engine)
    assert "No valid trust data" in docker.trusted("pull", f"{image}:{tag}", expect=1).stderr

    # The webhook starts the signing job. Now docker pulls, and exactly what was promoted.
    event = world.notify(trigger, tag, digest)
    assert_signed(world.signing.sign(event), f"{image}:{tag}", digest)
    assert f"@{digest}" in docker.trusted("pull", f"{image}:{tag}").stdout
    # The engine may have the same image by other tests' names.
    known = engine.repository_digests(f"{image}:{tag}")
    assert [name for name in known if name.startswith(f"{image}@")] == [f"{image}@{digest}"]

    # A deployment verifies, and hands the digest on to the swarm.
    with _swarm(docker):
        _serve(docker, f"{image}:{tag}")
        deploy = world.project("deploy", "deploy", **_settings(world))
        deployed = deploy.run(source="web", variables=world.docker | {"DEPLOY_TAG": tag})
        assert deployed.exit_codes == {"verify": 0, "deploy": 0}, deployed.output
        assert _deployed(docker) == f"{image}:{tag}@{digest}"

    # Somebody overwrites the tag: docker still pulls what was signed, and nobody signs the other.
    other, _ = push_image(world.dtr, world.target, tag, content=b"from elsewhere")
    engine.remove_image(f"{image}:{tag}")
    pulled = docker.trusted("pull", f"{image}:{tag}").stdout
    assert digest in pulled
    assert other not in pulled
    world.signing.admin("verify", f"{image}:{tag}@{other}", expect=3)
    assert_refused(world.signing.sign(event))

    # Somebody forges events: for that image, and for one that was never promoted.
    assert_refused(world.signing.sign(world.notify(trigger, tag, other)))
    pushed, _ = push_image(world.dtr, world.target, "67", content=b"never promoted")
    assert_refused(world.signing.sign(world.notify(trigger, "67", pushed)))
    assert "No valid trust data" in docker.trusted("pull", f"{image}:67", expect=1).stderr


def test_a_mirrored_image_is_in_the_build_repository_with_its_digest(world: World) -> None:
    push_image(world.dtr, "upstream/alpine", "3.20")
    mirror = world.project("mirror", "mirror")
    upstream = f"{world.dtr.host}/upstream/alpine:3.20"
    name = world.target.partition("/")[2]
    given = world.docker | {"UPSTREAM": upstream, "NAME": name}
    run = mirror.run(source="schedule", variables=given)
    assert run.exit_codes == {"mirror": 0}, run.output
    (tag,) = _tags(world, world.source)
    with world.dtr.client() as client:
        headers = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        pushed = client.get(f"/v2/{world.source}/manifests/{tag}", headers=headers).json()
        original = client.get("/v2/upstream/alpine/manifests/3.20", headers=headers).json()
    assert pushed["config"]["digest"] == original["config"]["digest"]


def _tags(world: World, repository: str) -> list[str]:
    with world.dtr.client() as client:
        tags: list[str] = client.get(f"/v2/{repository}/tags/list").json()["tags"]
    return tags


def _settings(world: World) -> dict[str, str]:
    """Return the files that are committed beside a pipeline that verifies."""
    project = world.signing.ci.directory
    return {name: (project / name).read_text() for name in ("signer.toml", "dtr-ca.pem")}


@contextmanager
def _swarm(docker: DockerCli) -> Iterator[None]:
    """Make the engine a swarm of one, on loopback, for a block."""
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:0")
    try:
        yield
    finally:
        docker("swarm", "leave", "--force")


def _serve(docker: DockerCli, image: str) -> None:
    """Make the service that is deployed. Without a replica: the engine runs no container."""
    docker("service", "create", "--detach", "--replicas", "0", "--name", "flask", image)


def _deployed(docker: DockerCli) -> str:
    """Return the reference that the swarm would run."""
    path = "{{.Spec.TaskTemplate.ContainerSpec.Image}}"
    return docker("service", "inspect", "--format", path, "flask").stdout.strip()
