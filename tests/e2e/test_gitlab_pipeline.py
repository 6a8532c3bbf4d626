"""The pipeline that ``signer ci gitlab`` writes, run by gitlab-ci-local: from webhook to image.

Once with the embedded DTR, whose webhook starts it, and once with the real Notary server and
registry behind a stub of DTR's API.
"""

import json
from pathlib import Path
from typing import Any

from tests.components.embedded import EmbeddedDtr
from tests.components.gitlab_trigger import TOKEN, GitlabTrigger
from tests.components.images import push_image
from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.docs.dtr import Dtr
from tests.e2e.gitlab_project import Project, assert_refused, assert_signed, send
from tests.unit.dtr.stub import POLICY, StubDtr, scan


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
    assert_signed(project.sign(real[0]), f"{project.image}:2", digest)

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

        send(trigger, promotion | {"targetTag": "66", "digest": digest}, target)
        send(trigger, promotion | {"targetTag": "67", "digest": forged}, target)
        good, bad = trigger.wait_for("PROMOTION", 2)
        assert json.loads(good.read_text())["ref"] == "main"
        assert TOKEN not in good.read_text()
        assert_refused(project.sign(bad))
        assert_signed(project.sign(good), f"{project.image}:66", digest)
        assert project.verify("66").exit_codes == {"verify": 0}
        assert project.verify("67").exit_codes == {"verify": 3}
