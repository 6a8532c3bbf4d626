"""``signer policy``: lint, explain, test and import, and what verify makes of the policies."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.dialect.keys import NotaryKey
from tests.e2e.story import Collection, WatchedSigner

POLICY = """\
apiVersion: signer/v1
kind: TrustPolicy
default: deny
signers:
  gitlab: {{keys: [{certificate}]}}
teams:
  ci/gitlab: [gitlab]
rules:
  - match: "{gun}"
    root: {{key_ids: ["{root}"]}}
    require: {{signers: [gitlab], teams: [ci/gitlab]}}
    freshness: {{max_timestamp_age: 14d}}
  - match: "{host}/*"
    approve: false
"""


@pytest.fixture
def policy(collection: Collection, tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(
        POLICY.format(
            certificate=collection.certificate,
            gun=collection.gun,
            root=collection.root_key_id,
            host=collection.gun.partition("/")[0],
        )
    )
    return path


@pytest.fixture
def stranger(collection: Collection, tmp_path: Path) -> WatchedSigner:
    return collection.stranger(tmp_path / "stranger")


def test_check_says_what_is_unwise_and_strict_makes_it_a_failure(
    stranger: WatchedSigner, policy: Path
) -> None:
    answer = stranger.json("policy", "check", policy)
    assert answer["schema"] == "signer.policy/1"
    assert (answer["policy"], answer["rules"], answer["findings"]) == (str(policy), 2, [])
    stranger("policy", "check", policy, "--strict")
    policy.write_text(policy.read_text().replace("    freshness", "    mode: warn\n    freshness"))
    done = stranger("policy", "check", policy)
    assert f"{policy.name}:9: warning: " in done.stdout.replace("\n  ", " ")
    assert "(warn-mode)" in done.stdout.replace("\n  ", " ")
    done = stranger("policy", "check", policy, "--strict", "--json", expect=1)
    (finding,) = done.json["findings"]
    assert set(finding) == {"code", "severity", "line", "rule", "message", "hint"}
    assert (finding["code"], finding["severity"], finding["line"]) == ("warn-mode", "warning", 9)


def test_check_of_a_policy_that_cannot_be_loaded_is_wrong_usage(
    stranger: WatchedSigner, policy: Path
) -> None:
    policy.write_text(policy.read_text().replace("require:", "requires:"))
    done = stranger("policy", "check", policy, expect=2)
    said = " ".join(done.stderr.split())
    assert f"{policy}:11: unknown key 'requires'; did you mean 'require'?" in said
    assert stranger("policy", "check", policy, "--json", expect=2).json["exit_code"] == 2


def test_explain_says_which_rule_wins_what_it_requires_and_what_ucp_would_do(
    collection: Collection, stranger: WatchedSigner, policy: Path
) -> None:
    collection.prepare(v1=b"example")
    arguments = ("policy", "explain", collection.image("v1"), "--policy", policy)
    answer = stranger.json(*arguments)
    assert answer["schema"] == "signer.policy/1"
    assert (answer["rule"], answer["line"]) == (collection.gun, 9)
    assert answer["runner_up"].endswith("/*")
    assert [one["step"] for one in answer["required"]] == [1, 10, 12, 12, 13]
    certificate = x509.load_pem_x509_certificate(collection.certificate.read_bytes())
    key_id = NotaryKey.from_public_key(certificate.public_key()).keyid  # type: ignore[arg-type] # an ECDSA key
    assert answer["ucp"]["accepts"] is True
    assert answer["ucp"]["signatures"] == [
        {
            "role": "targets/gitlab",
            "key_id": key_id,
            "signers": ["gitlab"],
            "teams": ["ci/gitlab"],
        }
    ]
    shown = stranger(*arguments).stdout
    assert key_id in shown
    assert "would run it" in " ".join(shown.split())
    assert (
        "would refuse it"
        in stranger("policy", "explain", collection.image("v2"), "--policy", policy).stdout
    )


def test_explain_needs_no_network_and_says_what_it_does_not_know(
    collection: Collection, stranger: WatchedSigner, policy: Path
) -> None:
    image = collection.image("v1")
    for options in (("--offline",), ("--server", "https://localhost:1")):
        answer = stranger.json("policy", "explain", image, "--policy", policy, *options)
        assert answer["rule"] == collection.gun
        assert answer["ucp"] is None
        assert answer["reason"]["code"]
        done = stranger("policy", "explain", image, "--policy", policy, *options)
        assert "not known here" in " ".join(done.stdout.split())
        wide = [line for line in done.stdout.splitlines() if len(line) > 80]
        assert all(len(line.split()) <= 2 for line in wide), "only a long name may be wider"
    text = stranger("policy", "explain", "busybox", "--policy", policy).stdout
    assert "this rule" not in text, "there is none"
    answer = stranger.json("policy", "explain", "busybox", "--policy", policy)
    assert (answer["rule"], answer["required"], answer["reason"]) == ("", [], None)
    assert "no-rule" in answer["outcome"]


def test_a_table_of_expected_verdicts_passes_or_says_what_differs(
    collection: Collection, stranger: WatchedSigner, policy: Path, tmp_path: Path
) -> None:
    digest = collection.prepare(v1=b"example")["v1"]
    table = tmp_path / "table.yaml"
    table.write_text(
        f"policy: {policy.name}\n"
        "cases:\n"
        f"- {{image: '{collection.image('v1')}', expect: accept, digest: '{digest}'}}\n"
        f"- {{image: '{collection.gun}@{digest}', expect: accept, rule: '{collection.gun}'}}\n"
        f"- {{image: '{collection.image('v2')}', expect: reject, code: not-signed}}\n"
        "- {image: busybox, expect: reject, code: no-rule, rule: ''}\n"
    )
    answer = stranger.json("policy", "test", table)
    assert answer["schema"] == "signer.policy/1"
    assert (answer["passed"], answer["failed"]) == (4, 0)
    assert "4 cases, 4 as expected" in stranger("policy", "test", table).stdout
    assert stranger("policy", "test", table, "-q").stdout.strip() == ""
    offline = stranger("policy", "test", table, "--offline", "--server", "https://localhost:1")
    assert "4 as expected" in offline.stdout
    with table.open("a") as file:
        file.write(f"- {{image: '{collection.image('v2')}', expect: accept}}\n")
        file.write(f"- {{image: '{collection.image('v1')}', expect: accept, at: 2001-01-01}}\n")
    report = tmp_path / "junit.xml"
    done = stranger("policy", "test", table, "--junit", report, expect=1)
    assert f"FAIL  {collection.image('v2')} ({table}:7)" in done.stdout
    assert "expected accept, found reject" in done.stdout
    assert "6 cases, 4 as expected" in done.stdout
    assert len(ET.parse(report).getroot().findall(".//failure")) == 2  # noqa: S314 - just written
    answer = stranger("policy", "test", table, "--json", expect=1).json
    assert [case["passed"] for case in answer["cases"]] == [True] * 4 + [False] * 2
    stranger("policy", "test", tmp_path / "missing.yaml", expect=2)
    table.write_text("cases: [{image: busybox, expect: reject}]\n")
    stranger("policy", "test", table, expect=2)
    stranger("policy", "test", table, "--policy", policy)


def _root_pem(collection: Collection) -> str:
    wire = json.loads(collection.server.metadata(collection.gun, "root.json"))["signed"]
    keys = wire["keys"]
    (key_id,) = wire["roles"]["root"]["keyids"]
    key = NotaryKey.from_dict(key_id, keys[key_id]).crypto()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_connaisseurs_values_are_imported_and_decide(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    digest = collection.prepare(v1=b"example")["v1"]
    values = {
        "application": {
            "validators": [
                {"name": "deny", "type": "static", "approve": False},
                {
                    "name": "mine",
                    "type": "notaryv1",
                    "host": collection.server.url,
                    "trustRoots": [{"name": "default", "key": _root_pem(collection)}],
                },
            ],
            "policy": [
                {"pattern": "*:*", "validator": "deny"},
                {
                    "pattern": f"{collection.gun}:*",
                    "validator": "mine",
                    "with": {"delegations": ["gitlab"]},
                },
            ],
        }
    }
    source, target = tmp_path / "values.yaml", tmp_path / "policy.yaml"
    source.write_text(json.dumps(values))
    done = stranger("policy", "import", source, "-o", target)
    assert "1 refuse" in " ".join(done.stderr.split())
    stranger("verify", collection.image("v1"), "--policy", target, expect=3)
    stranger("policy", "import", source, "-o", target, expect=2)
    target.unlink()
    signer = ("--signer", f"gitlab={collection.certificate}")
    stranger("policy", "import", source, "--from", "connaisseur", *signer, "-o", target)
    stranger("policy", "check", target)
    answer = stranger.json("verify", collection.image("v1"), "--policy", target)
    assert answer["images"][0]["digest"] == digest
    stranger("verify", collection.image("v2"), "--policy", target, expect=3)
    stranger("verify", "busybox", "--policy", target, expect=3)


def test_a_daemons_section_is_imported_to_standard_output(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    collection.prepare(v1=b"example")
    pinned = {"root-keys": {collection.gun: [collection.root_key_id]}}
    source = tmp_path / "daemon.json"
    source.write_text(json.dumps({"content-trust": {"mode": "enforced", "trust-pinning": pinned}}))
    answer = stranger.json("policy", "import", source)
    assert (answer["schema"], answer["source"]) == ("signer.policy/1", "docker")
    target = tmp_path / "policy.yaml"
    target.write_text(stranger("policy", "import", source, "-q").stdout)
    assert target.read_text() == answer["policy"]
    stranger("verify", collection.image("v1"), "--policy", target)
    source.write_text("{}")
    stranger("policy", "import", source, expect=2)
    stranger("policy", "import", source, "--from", "docker", expect=2)
    stranger("policy", "import", source, "--from", "other", expect=2)
