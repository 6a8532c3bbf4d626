import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from signer.audit.comparison import Finding, compare
from signer.errors import NotFoundError, TrustDataError
from signer.names import Gun
from signer.transport.changefeed import Change

GUN = Gun("dtr.example.com/admin/flask")


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Served:
    """A changefeed of collections whose files are named by texts, such as ``releases-1``."""

    gun = GUN

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}
        self.changes: list[Change] = []

    def _store(self, role: str, kind: str, meta: dict[str, str], version: int) -> str:
        hashes = {
            name: {"sha256": b64encode(bytes.fromhex(h)).decode()} for name, h in meta.items()
        }
        signed = {
            "_type": kind,
            "expires": "2031-01-02T03:04:05Z",
            "meta": {name: {"hashes": found, "length": 100} for name, found in hashes.items()},
            "version": version,
        }
        wire = json.dumps({"signed": signed, "signatures": []}).encode()
        sha256 = hashlib.sha256(wire).hexdigest()
        self.files[role, sha256] = wire
        return sha256

    def publish(self, version: int, minute: int = 0, **roles: str) -> None:
        meta = {name.replace("_", "/"): _hex(text) for name, text in roles.items()}
        snapshot = self._store("snapshot", "Snapshot", meta, version)
        timestamp = self._store("timestamp", "Timestamp", {"snapshot": snapshot}, version)
        self.changes.append(
            Change(
                len(self.changes) + 1,
                f"2026-11-22T04:{minute:02}:00.5Z",
                version,
                timestamp,
                "update",
            )
        )

    def delete(self, minute: int = 0) -> None:
        self.files.clear()
        time = f"2026-11-22T04:{minute:02}:00Z"
        self.changes.append(Change(len(self.changes) + 1, time, 0, "", "deletion"))

    def changefeed(self) -> list[Change]:
        return self.changes

    def get_metadata(
        self, role: str, *, sha256: str = "", version: int = 0, max_bytes: int
    ) -> bytes:
        assert max_bytes
        assert not version
        try:
            return self.files[role, sha256]
        except KeyError:
            raise NotFoundError(f"no {role}") from None


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


KNOWN = {
    ("root", _hex("root-1")),
    ("targets", _hex("targets-1")),
    ("targets/releases", _hex("releases-1")),
    ("targets/releases", _hex("releases-3")),
}
SINCE = datetime(2026, 11, 22, 4, 10, tzinfo=UTC)


def _statuses(findings: list[Finding]) -> list[str]:
    return [finding.status for finding in findings]


def test_a_publish_is_known_by_all_files_that_it_changed(executor: ThreadPoolExecutor) -> None:
    served = Served()
    served.publish(1, root="root-1", targets="targets-1")
    base = {"root": "root-1", "targets": "targets-1"}
    served.publish(2, 0, **base, targets_releases="releases-1")
    served.publish(3, 20, **base, targets_releases="releases-2")
    served.publish(4, 20, **base, targets_releases="releases-3")
    served.publish(5, 20, **base, targets_releases="releases-3")
    served.publish(6, 20, **base, targets_releases="releases-1", targets_evil="evil-1")
    served.publish(7, 20, **base, targets_evil="evil-1")
    findings = compare(served, KNOWN, since=SINCE, executor=executor)
    assert _statuses(findings) == [
        *("known", "known", "unknown", "known", "renewed", "unknown", "unknown")
    ]
    assert findings[2].roles == ("targets/releases",)
    assert findings[5].roles == ("targets/evil", "targets/releases")
    assert findings[6].removed == ("targets/releases",)


def test_what_is_older_than_the_record_is_earlier(executor: ThreadPoolExecutor) -> None:
    served = Served()
    served.publish(1, 9, root="root-0", targets="targets-1")
    served.publish(2, 11, root="root-2", targets="targets-1")
    assert _statuses(compare(served, KNOWN, since=SINCE, executor=executor)) == [
        *("earlier", "unknown")
    ]
    assert _statuses(compare(served, set(), since=None, executor=executor)) == [
        *("unknown", "unknown")
    ]


def test_what_was_deleted_is_gone_and_the_deletion_unknown(executor: ThreadPoolExecutor) -> None:
    served = Served()
    served.publish(1, 11, root="root-1", targets="targets-1")
    served.delete(12)
    served.publish(1, 13, root="root-1", targets="targets-1")
    assert _statuses(compare(served, KNOWN, since=SINCE, executor=executor)) == [
        *("gone", "unknown", "known")
    ]


def test_files_that_are_gone_for_no_reason_are_unknown(executor: ThreadPoolExecutor) -> None:
    served = Served()
    served.publish(1, 11, root="root-1", targets="targets-1")
    served.files.clear()
    assert _statuses(compare(served, KNOWN, since=SINCE, executor=executor)) == ["unknown"]


def test_a_file_that_is_not_its_hashs_is_refused(executor: ThreadPoolExecutor) -> None:
    served = Served()
    served.publish(1, root="root-1", targets="targets-1")
    for key in served.files:
        served.files[key] += b" "
    with pytest.raises(TrustDataError) as caught:
        compare(served, KNOWN, since=SINCE, executor=executor)
    assert caught.value.code == "wrong-hash"


def test_a_publish_that_is_no_metadata_is_unknown(executor: ThreadPoolExecutor) -> None:
    served = Served()
    served.publish(1, 11, root="root-1")
    assert _statuses(compare(served, KNOWN, since=SINCE, executor=executor)) == ["unknown"]
