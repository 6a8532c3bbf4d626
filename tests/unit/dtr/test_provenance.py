"""What is signed beside the digest survives Go, and says what the design says."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signer import __version__
from signer.dialect.canonical import go_json
from signer.dialect.lint import check_custom
from signer.dtr.answers import Scan
from signer.dtr.provenance import (
    Pipeline,
    go_safe_url,
    is_same_provenance,
    pipeline_of,
    provenance,
)
from signer.dtr.sbom import Sbom, read_sbom
from signer.errors import UsageError
from tests.unit.dtr.test_gate import CLAIM, claim

SCAN = Scan(
    last_scan_status=6, check_completed_at="2026-11-22T01:54:02.9Z", critical=0, major=1, minor=4
)
COMMIT = "8f3c" * 10


def test_it_has_the_form_of_the_design() -> None:
    custom = provenance(
        CLAIM,
        scans=[SCAN],
        pipeline=Pipeline("https://gitlab.example.com/ci/signer/-/pipelines/7", COMMIT),
        sbom=Sbom("ab" * 32, "application/vnd.cyclonedx+json"),
    )
    assert custom == {
        "provenance": {
            "pipeline": {
                "commit": COMMIT,
                "url": "https://gitlab.example.com/ci/signer/-/pipelines/7",
            },
            "promotion": {
                "at": "2026-11-22T01:55:19Z",
                "from": "admin/flask_build:66",
                "policy": "0c1d2e3f-0000-4000-8000-000000000066",
            },
            "sbom": {"sha256": "ab" * 32, "type": "application/vnd.cyclonedx+json"},
            "scan": {"at": "2026-11-22T01:54:02Z", "critical": 0, "major": 1, "minor": 4},
            "signer": __version__,
            "version": 1,
        }
    }
    assert list(custom["provenance"]) == sorted(custom["provenance"])
    check_custom(custom, where="here")


def test_absent_parts_are_left_out() -> None:
    custom = provenance(claim(promoted_at=None, policy_id=""))
    assert custom == {
        "provenance": {
            "promotion": {"from": "admin/flask_build:66"},
            "signer": __version__,
            "version": 1,
        }
    }


def test_of_several_platforms_the_worst_counts_and_the_oldest_check_are_named() -> None:
    other = Scan(
        last_scan_status=6, check_completed_at="2026-11-20T00:00:00Z", critical=2, major=0, minor=9
    )
    scan = provenance(CLAIM, scans=[SCAN, other])["provenance"]["scan"]
    assert scan == {"at": "2026-11-20T00:00:00Z", "critical": 2, "major": 1, "minor": 9}


def test_an_unknown_count_is_left_out() -> None:
    scans = [SCAN, Scan(check_completed_at="2026-11-22T01:54:02Z", critical=1, minor=-1)]
    scan = provenance(CLAIM, scans=scans)["provenance"]["scan"]
    assert scan == {"at": "2026-11-22T01:54:02Z", "critical": 1}


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://ci.example.com/a/-/pipelines/7", "https://ci.example.com/a/-/pipelines/7"),
        ("https://ci.example.com/?a=1&b=<2>", "https://ci.example.com/?a=1%26b=%3C2%3E"),
        ('https://ci.example.com/"\\ é\u2028', "https://ci.example.com/%22%5C%20%C3%A9%E2%80%A8"),
        ("https://ci.example.com/%41%3C", "https://ci.example.com/%41%3C"),
        ("https://user:secret@ci.example.com/x", "https://ci.example.com/x"),
        ("https://user:se@cret@ci.example.com/x", "https://ci.example.com/x"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("ci.example.com/7", ""),
        ("https://[", ""),
        ("https://ci.example.com/" + "x" * 2000, ""),
        ("https://ci.example.com/\ud800", ""),
        ("", ""),
    ],
)
def test_urls_are_escaped_so_that_go_leaves_them_alone(url: str, safe: str) -> None:
    assert go_safe_url(url) == safe


@settings(deadline=None, database=None, derandomize=True)
@given(st.text(), st.text(max_size=50), st.integers())
def test_whatever_the_environment_says_go_survives_it(rest: str, commit: str, count: int) -> None:
    pipeline = Pipeline(f"https://ci.example.com/{rest}", commit)
    custom = provenance(CLAIM, scans=[Scan(critical=count)], pipeline=pipeline)
    check_custom(custom, where="here")
    assert "\\" not in go_json(custom)
    assert go_json(custom).isascii()


@pytest.mark.parametrize(
    ("environment", "pipeline"),
    [
        (
            {"GITLAB_CI": "true", "CI_PIPELINE_URL": "https://g/7", "CI_COMMIT_SHA": COMMIT},
            Pipeline("https://g/7", COMMIT),
        ),
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_SERVER_URL": "https://github.example.com",
                "GITHUB_REPOSITORY": "ci/signer",
                "GITHUB_RUN_ID": "12",
                "GITHUB_SHA": COMMIT,
            },
            Pipeline("https://github.example.com/ci/signer/actions/runs/12", COMMIT),
        ),
        ({"GITHUB_ACTIONS": "true", "GITHUB_SHA": COMMIT}, Pipeline("", COMMIT)),
        (
            {"JENKINS_URL": "https://j/", "BUILD_URL": "https://j/1/", "GIT_COMMIT": COMMIT},
            Pipeline("https://j/1/", COMMIT),
        ),
        ({"BUILD_URL": "https://j/1/"}, Pipeline()),
        ({}, Pipeline()),
    ],
)
def test_the_pipeline_is_that_of_the_host(environment: dict[str, str], pipeline: Pipeline) -> None:
    assert pipeline_of(environment) == pipeline


def test_what_is_no_commit_is_left_out() -> None:
    pipeline = Pipeline("", "$(secret)")
    assert "pipeline" not in provenance(CLAIM, pipeline=pipeline)["provenance"]


def test_another_run_says_the_same_and_another_scan_does_not() -> None:
    first = provenance(CLAIM, scans=[SCAN], pipeline=Pipeline("https://ci/1"))
    again = provenance(CLAIM, scans=[SCAN], pipeline=Pipeline("https://ci/2", COMMIT))
    again["provenance"]["signer"] = "0.0.9"
    assert is_same_provenance(first, again)
    assert not is_same_provenance(first, provenance(CLAIM))
    assert not is_same_provenance(first, first | {"note": "x"})
    assert not is_same_provenance(None, first)
    assert not is_same_provenance({"provenance": "x"}, first)
    assert not is_same_provenance("x", first)
    assert is_same_provenance(None, None)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"bomFormat":"CycloneDX","specVersion":"1.5"}', "application/vnd.cyclonedx+json"),
        (
            b'<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.5"/>',
            "application/vnd.cyclonedx+xml",
        ),
        (b'{"spdxVersion":"SPDX-2.3"}', "application/spdx+json"),
        (b"SPDXVersion: SPDX-2.3\n", "text/spdx"),
    ],
)
def test_a_bill_of_materials_is_hashed_and_its_kind_found(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    import hashlib

    file = tmp_path / "sbom"
    file.write_bytes(content)
    assert read_sbom(file) == Sbom(hashlib.sha256(content).hexdigest(), kind)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"<xml/>", b"\xff", b"[1]", b'{"spdxVersion":2}', b"[" * 100_000]
)
def test_what_is_no_bill_of_materials_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "sbom"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_sbom(file)
    assert caught.value.code == "bad-sbom"
    with pytest.raises(UsageError, match="cannot be read"):
        read_sbom(tmp_path)
