"""The signing project of a GitLab, and the events that start its pipelines."""

import base64
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import httpx
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from tests.components.fixtures import installed
from tests.components.gitlab_ci import GitlabCi, PipelineRun
from tests.components.gitlab_trigger import TOKEN, GitlabTrigger
from tests.components.signer_cli import SignerCli
from tests.components.web import WebService
from tests.e2e.material import certificate_of, ec_key

_PASSPHRASE: Final = "worthless-example-passphrase"


class Project:
    """The signing project: what ``signer ci gitlab`` writes, committed, and its variables.

    Attributes:
        image: the promoted image that is to be signed, without tag.
        admin: who initialised the collection.
        ci: runs the pipelines.
        variables: of the project.
    """

    def __init__(
        self, directory: Path, dtr: WebService, repository: str, account: tuple[str, str]
    ) -> None:
        self.image = f"{dtr.host}/{repository}"
        self.ci = installed(lambda: GitlabCi(directory / "project"))
        key = ec_key()
        encrypted = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(_PASSPHRASE.encode())
        )
        self.variables = {
            "DTR_SERVER": dtr.host,
            "DTR_USERNAME": account[0],
            "DTR_PASSWORD": account[1],
            "SIGNER_KEY": base64.b64encode(encrypted).decode(),
            "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": _PASSPHRASE,
        }
        credentials = {name: self.variables[name] for name in list(self.variables)[:3]}
        self.admin = SignerCli(directory / "admin", authority=dtr.authority, env=credentials)
        certificate = self.admin.home / "cert.pem"
        certificate.write_bytes(certificate_of(key))
        made = self.admin.json("init", self.image, "--signer", f"gitlab={certificate}")
        self._write(dtr, repository, root_key_id=made["root_key_ids"][0])

    def _write(self, dtr: WebService, repository: str, *, root_key_id: str) -> None:
        """Do what ``docs/ci/gitlab.md`` says."""
        project = self.ci.directory
        settings = project / "signer.toml"
        written = ("-o", project / ".gitlab-ci.yml", "--settings", settings)
        filled = ("--host", dtr.host, "--repository", repository, "--root-key-id", root_key_id)
        self.admin("ci", "gitlab", *filled, *written)
        (project / "dtr-ca.pem").write_bytes(dtr.authority.ca_file.read_bytes())
        settings.write_text(settings.read_text().replace("# ca = ", "ca = "))
        self.ci.commit()

    def sign(self, payload: Path) -> PipelineRun:
        """Run the pipeline that a trigger with this payload starts."""
        given = self.variables | {"TRIGGER_PAYLOAD": str(payload)}
        return self._checked(self.ci.run(source="trigger", variables=given))

    def verify(self, tag: str) -> PipelineRun:
        """Run the job before a deployment."""
        given = self.variables | {"DEPLOY_TAG": tag}
        return self._checked(self.ci.run("verify", source="web", variables=given))

    def _checked(self, run: PipelineRun) -> PipelineRun:
        """Hold what was printed and left behind to the rule that it has no secret."""
        names = ("DTR_PASSWORD", "SIGNER_KEY", "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE")
        left = "".join(
            file.read_text(errors="replace")
            for file in self.ci.directory.glob(".gitlab-ci-local/builds/**/*")
            if file.is_file()
        )
        for secret in [self.variables[name] for name in names]:
            assert secret not in run.output + left
        return run


def assert_signed(run: PipelineRun, image: str, digest: str) -> None:
    assert run.exit_codes == {"sign": 0}, run.output
    assert run.dotenv("sign") == {
        "SIGNER_COUNT": "1",
        "SIGNER_STATUS": "signed",
        "SIGNER_IMAGE": image,
        "SIGNER_DIGEST": digest,
        "SIGNER_REFERENCE": f"{image}@{digest}",
    }
    suites = ET.fromstring(run.left("sign", "sign.xml"))  # noqa: S314 - our own
    assert (suites.get("failures"), suites.get("errors")) == ("0", "0")
    names = {case.get("name") for case in suites.iter("testcase")}
    assert {"target-digest", "promotion-record", "scan-complete", "sign"} <= names
    assert re.search(r"section_start:\d+:signer_sign_1\[collapsed=true\]\r", run.log("sign"))


def assert_refused(run: PipelineRun) -> None:
    assert run.exit_codes == {"sign": 10}, run.output
    assert run.warned == {"sign"}
    assert run.dotenv("sign") == {"SIGNER_COUNT": "1", "SIGNER_STATUS": "refused"}
    suites = ET.fromstring(run.left("sign", "sign.xml"))  # noqa: S314 - our own
    assert int(suites.get("failures", "0")) > 1


def send(trigger: GitlabTrigger, contents: dict[str, str], target: str) -> None:
    """Post an event as DTR does; whoever has the URL can."""
    at = "2026-11-22T01:55:19.3Z"
    event = {
        "type": "PROMOTION",
        "createdAt": at,
        "contents": {**contents, "targetRepository": target, "promotedAt": at},
        "location": f"/repositories/{target}/tags/{contents['targetTag']}",
    }
    assert httpx.post(trigger.plain_url, json=event, trust_env=False).status_code == 201
    wrong = trigger.plain_url.replace(TOKEN, "another")
    assert httpx.post(wrong, json=event, trust_env=False).status_code == 404
