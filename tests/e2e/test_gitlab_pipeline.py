"""The pipeline that ``signer ci gitlab`` writes, run by gitlab-ci-local: from webhook to image.

Once with the embedded DTR, whose webhook starts it, and once with the real Notary server and
registry behind a stub of DTR's API.
"""

import base64
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from tests.components.embedded import EmbeddedDtr
from tests.components.fixtures import installed
from tests.components.gitlab_ci import GitlabCi, PipelineRun
from tests.components.gitlab_trigger import TOKEN, GitlabTrigger
from tests.components.images import push_image
from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.components.web import WebService
from tests.docs.dtr import Dtr
from tests.e2e.material import certificate_of, ec_key
from tests.unit.dtr.stub import POLICY, StubDtr, scan

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


@pytest.fixture
def trigger(tmp_path: Path) -> Iterator[GitlabTrigger]:
    with GitlabTrigger(tmp_path / "payloads") as endpoint:
        yield endpoint


def _assert_signed(run: PipelineRun, image: str, digest: str) -> None:
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


def _assert_refused(run: PipelineRun) -> None:
    assert run.exit_codes == {"sign": 10}, run.output
    assert run.warned == {"sign"}
    assert run.dotenv("sign") == {"SIGNER_COUNT": "1", "SIGNER_STATUS": "refused"}
    suites = ET.fromstring(run.left("sign", "sign.xml"))  # noqa: S314 - our own
    assert int(suites.get("failures", "0")) > 1


def test_a_webhook_of_the_embedded_dtr_has_its_image_signed(
    tmp_path: Path, embedded: EmbeddedDtr, trigger: GitlabTrigger, fresh_repository: str
) -> None:
    source, target = f"{fresh_repository}_build", fresh_repository

    def call(path: str, content: dict[str, Any]) -> None:
        with embedded.client() as client:
            url = path if path.startswith("/embedded") else f"/api/v0{path}"
            client.post(url, json=content).raise_for_status()

    for path in (source, target):
        namespace, _, name = path.partition("/")
        call(f"/repositories/{namespace}", {"name": name})
    clean = {"field": "vulnerability_critical", "operator": "lte", "values": ["0"]}
    policy = {"enabled": True, "rules": [clean], "targetRepository": target, "tagTemplate": "%n"}
    call(f"/repositories/{source}/promotionPolicies", policy)
    hook = {"type": "PROMOTION", "key": source, "skipTLSVerification": True}
    call("/webhooks", hook | {"endpoint": trigger.url})
    project = Project(tmp_path, embedded, target, embedded.admin)

    digest, _ = push_image(embedded, source, "2", content=b"clean", auth=embedded.admin)
    call(
        "/embedded/v0/scans",
        {"repository": source, "tag": "2", "critical": 0, "major": 0, "minor": 0},
    )
    payloads = trigger.wait_for("PROMOTION", 2)
    before = project.verify("2")
    assert before.exit_codes == {"verify": 3}
    assert not before.warned
    assert before.dotenv("verify")["SIGNER_STATUS"] == "reject"

    real = [file for file in payloads if "0001-01-01" not in file.read_text()]
    copies = [file for file in payloads if file not in real]
    assert (len(real), len(copies)) == (1, 1)
    skipped = project.sign(copies[0])
    assert skipped.exit_codes == {"sign": 0}
    assert skipped.dotenv("sign") == {"SIGNER_COUNT": "1", "SIGNER_STATUS": "skipped"}
    _assert_signed(project.sign(real[0]), f"{project.image}:2", digest)

    after = project.verify("2")
    assert after.exit_codes == {"verify": 0}, after.output
    assert after.dotenv("verify")["SIGNER_REFERENCE"] == f"{project.image}:2@{digest}"


def test_a_promoted_image_is_signed_on_real_servers_and_a_forged_event_is_refused(
    tmp_path: Path,
    notary_server: NotaryServer,
    registry: Registry,
    trigger: GitlabTrigger,
    fresh_repository: str,
) -> None:
    source, target = f"{fresh_repository}_build", fresh_repository
    with Dtr(tmp_path / "dtr", notary_server, registry) as dtr:
        project = Project(tmp_path, dtr, target, ("admin", "worthless-example-password"))
        digest, _ = push_image(dtr, target, "66", content=b"promoted")
        push_image(dtr, source, "66", content=b"promoted")
        forged, _ = push_image(dtr, target, "67", content=b"never promoted")
        api = StubDtr()
        promotion = {"promotionPolicyID": POLICY, "sourceRepository": source, "sourceTag": "66"}
        tag = {"name": "66", "digest": digest, "inNotary": True, "hashMismatch": False}
        api.tags[f"{source}:66"] = tag
        api.tags[f"{target}:66"] = tag | {"promotion": promotion}
        api.tags[f"{target}:67"] = tag | {"name": "67", "digest": forged}
        api.scans[f"{source}:66"] = [scan(tag="66")]
        api.policies[f"{source}/{POLICY}"] = {
            "id": POLICY,
            "enabled": True,
            "targetRepository": target,
        }
        dtr.api = api

        _send(trigger, promotion | {"targetTag": "66", "digest": digest}, target)
        _send(trigger, promotion | {"targetTag": "67", "digest": forged}, target)
        good, bad = trigger.wait_for("PROMOTION", 2)
        assert json.loads(good.read_text())["ref"] == "main"
        assert TOKEN not in good.read_text()
        _assert_refused(project.sign(bad))
        _assert_signed(project.sign(good), f"{project.image}:66", digest)
        assert project.verify("66").exit_codes == {"verify": 0}
        assert project.verify("67").exit_codes == {"verify": 3}


def _send(trigger: GitlabTrigger, contents: dict[str, str], target: str) -> None:
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
