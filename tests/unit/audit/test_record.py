import hashlib
import json
from datetime import UTC, datetime

import pytest

from signer.audit.circumstances import Circumstances, circumstances
from signer.audit.record import FIRST, Outcome, PublishedFile, content_of, read_record, seal
from signer.audit.text import Redactor
from signer.errors import GateError
from tests.unit.audit.written import content

PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n"


def test_a_record_has_who_what_why_how_and_the_line_before() -> None:
    environment = {
        "GITLAB_USER_LOGIN": "alice",
        "CI_JOB_URL": "https://gitlab.example.com/ci/-/jobs/7",
        "HOME": "/home/alice",
    }
    who = circumstances(environment, ["/usr/bin/signer", "sign", "dtr.example.com/a/b:1"])
    outcome = Outcome(
        "sign",
        "refused",
        gun="dtr.example.com/a/b",
        tag="1",
        digest="sha256:" + "ab" * 32,
        roles=["targets/gitlab"],
        versions={"targets/gitlab": 3},
        key_ids=["cd" * 32],
        published=[PublishedFile("targets/gitlab", 3, "ef" * 32, answered=False)],
        why={"event": {"type": "PROMOTION"}, "gate": [{"code": "policy", "status": "fail"}]},
        error=GateError("The gate refuses.", code="gate-refused"),
    )
    time = datetime(2026, 11, 22, 4, 30, 59, 999, tzinfo=UTC)
    line = seal(content_of(outcome, who, time=time), previous=FIRST)
    read = json.loads(line)
    host = read["who"].pop("host")
    user = read["who"].pop("user")
    assert host
    assert user
    seen = read.pop("sha256")
    assert read.pop("how")["command"] == ["signer", "sign", "dtr.example.com/a/b:1"]
    assert read == {
        "version": 1,
        "time": "2026-11-22T04:30:59Z",
        "status": "refused",
        "who": {
            "ci": {
                "GITLAB_USER_LOGIN": "alice",
                "CI_JOB_URL": "https://gitlab.example.com/ci/-/jobs/7",
            }
        },
        "what": {
            "action": "sign",
            "gun": "dtr.example.com/a/b",
            "tag": "1",
            "digest": "sha256:" + "ab" * 32,
            "roles": ["targets/gitlab"],
            "versions": {"targets/gitlab": 3},
            "key_ids": ["cd" * 32],
            "published": [
                {"role": "targets/gitlab", "version": 3, "sha256": "ef" * 32, "answer": "lost"}
            ],
        },
        "why": {"event": {"type": "PROMOTION"}, "gate": [{"code": "policy", "status": "fail"}]},
        "error": {"code": "gate-refused", "message": "The gate refuses."},
        "previous": "0" * 64,
    }
    without = line.replace(f',"sha256":"{seen}","status"'.encode(), b',"status"')
    assert hashlib.sha256(without).hexdigest() == seen


def test_a_record_is_one_line_whatever_its_text() -> None:
    who = Circumstances("a\nb", "h\x00\u2028", {}, ["signer", "\udcff\t"], Redactor({}))
    outcome = Outcome("sign", "failed", error=GateError('line\r\n "quoted" \\ ü'))
    line = seal(content_of(outcome, who, time=datetime.now(tz=UTC)), previous=FIRST)
    assert b"\n" not in line
    assert b"\r" not in line
    assert read_record(line, number=1).content["error"]["message"] == 'line\\r\\n "quoted" \\ ü'


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        (PEM, "(removed)"),
        ("https://admin:hunter22@dtr.example.com", "https://(removed)@dtr.example.com"),
        (
            "pkcs11:token=ci;object=key?pin-value=1234",
            "pkcs11:token=(removed);object=key?pin-value=(removed)",
        ),
        ('{"type":"PROMOTION","variables":{"A":"b"}}', "(JSON text)"),
        ("--annotate=team=web", "--annotate=team=web"),
        ("prefix-sesame-suffix", "prefix-(removed)-suffix"),
        ("tower", "tower"),
    ],
)
def test_secrets_are_left_out_of_the_command(argument: str, kept: str) -> None:
    environment = {
        "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "sesame",
        "DTR_PASSWORD": "sesame-opened",
        "SIGNER_KEY": PEM,
        "DOCKER_HOST": "tower",
        "CI_JOB_TOKEN": "abc",
    }
    found = circumstances(environment, ["signer", argument])
    assert found.command == ["signer", kept]
    assert "sesame" not in repr(found)


def test_secrets_are_left_out_of_errors_and_reasons() -> None:
    who = Circumstances("ci", "h", {}, [], Redactor({"NOTARY_AUTH": "YWRtaW46cGFzcw=="}))
    outcome = Outcome(
        "sign",
        "failed",
        why={"event": {"source": "https://u:p@h/x"}},
        error=GateError("The server said YWRtaW46cGFzcw==."),
    )
    line = seal(content_of(outcome, who, time=datetime.now(tz=UTC)), previous=FIRST)
    assert b"YWRtaW46" not in line
    assert b"u:p" not in line


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b'"signed"', b'"failed"'),
        lambda line: line.replace(b"{", b"{ ", 1),
        lambda line: line[:-1],
        lambda line: line + b"\r",
        lambda line: b"",
        lambda line: b"[]",
        lambda line: b"\x00" * 40,
        lambda line: line.replace(b'"version":1', b'"version":2'),
    ],
)
def test_a_changed_line_is_no_record(change: object) -> None:
    line = seal(content("1"), previous=FIRST)
    assert read_record(line, number=1).what("tag") == "1"
    assert callable(change)
    with pytest.raises(ValueError, match=r"it is|its content"):
        read_record(change(line), number=1)
