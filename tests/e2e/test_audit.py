"""The audit record: all that was changed is in it, whatever happened, and nobody else did it."""

import contextlib
import json
import os
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.components.peers import PASSPHRASE
from tests.components.signer_cli import SignerCli
from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.material import write_bundle
from tests.e2e.story import Collection, WatchedSigner, uploads

CI = {
    "GITLAB_CI": "true",
    "GITLAB_USER_LOGIN": "alice",
    "CI_JOB_URL": "https://gitlab.example.com/ci/signer/-/jobs/7",
}


def _keep_record(signer: SignerCli, more: str = "", *, file: str = "audit.jsonl") -> Path:
    (signer.home / "signer.toml").write_text(f'[audit]\nfile = "{file}"\n{more}')
    return signer.home / file


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _outcomes(path: Path) -> list[tuple[str, str]]:
    return [(record["what"]["action"], record["status"]) for record in _records(path)]


def test_all_that_changes_something_is_recorded_and_the_server_knows_nothing_else(
    signer: WatchedSigner, collection: Collection, tmp_path: Path
) -> None:
    path = _keep_record(signer)
    gun = f"{collection.gun}-audited"
    bundle = write_bundle(tmp_path / "jenkins", name="jenkins")
    signer("init", gun, "--signer", f"gitlab={collection.certificate}")
    other = Collection(
        gun=type(collection.gun)(gun),
        registry=collection.registry,
        server=collection.server,
        admin=signer,
        bundle=collection.bundle,
        root_key_id="",
    )
    digests = {tag: other.push(tag, tag.encode()) for tag in ("v1", "v2")}
    signer("sign", other.image("v1"), other.image("v2"), "--key", other.key, env=CI)
    signer("sign", other.image("v1"), "--key", other.key)
    moved = other.push("v1", b"moved")
    signer("sign", other.image("v1"), "--key", other.key, "--dry-run")
    signer("sign", other.image("v1"), "--key", other.key)
    signer("delegation", "add", gun, "jenkins", bundle / "cert.pem")
    signer("revoke", other.image("v2"), "--key", other.key)
    signer("delegation", "remove", gun, "jenkins")
    signer("keys", "generate", "bob")
    signer("trust", "key", "generate", "carol")
    signer("trust", "signer", "add", "--key", signer.home / "carol.pub", "carol", gun)
    signer.start("trust", "signer", "remove", "nobody", gun).wait(expect=1)
    signer("verify", other.image("v1"))
    assert _outcomes(path) == [
        ("init", "initialised"),
        ("sign", "signed"),
        ("sign", "signed"),
        ("sign", "up-to-date"),
        ("sign", "signed"),
        ("delegation-add", "added"),
        ("revoke", "revoked"),
        ("delegation-remove", "removed"),
        ("keys-generate", "generated"),
        ("keys-generate", "generated"),
        ("delegation-add", "added"),
        ("delegation-remove", "failed"),
    ]
    records = _records(path)
    signed = records[1]
    assert signed["what"]["tag"] == "v1"
    assert signed["what"]["digest"] == digests["v1"]
    assert signed["what"]["gun"] == gun
    assert signed["what"]["versions"] == {"targets/gitlab": 1, "targets/releases": 1}
    assert {file["role"] for file in signed["what"]["published"]} == {
        "targets/gitlab",
        "targets/releases",
    }
    assert signed["who"]["ci"]["GITLAB_USER_LOGIN"] == "alice"
    assert signed["who"]["ci"]["CI_JOB_URL"].endswith("/jobs/7")
    assert signed["how"]["command"][:1] == ["signer"]
    assert "sign" in signed["how"]["command"]
    assert records[4]["what"]["previous_digest"] == digests["v1"]
    assert records[4]["what"]["digest"] == moved
    assert PASSPHRASE.encode() not in path.read_bytes()
    assert b"PRIVATE KEY" not in path.read_bytes()
    checked = signer.json("audit", "verify", "--changefeed", gun)
    assert checked["files"][0]["problems"] == []
    assert checked["files"][0]["records"] == len(records)
    entries = checked["changefeed"][0]["entries"]
    assert {entry["status"] for entry in entries} == {"known"}
    assert len(entries) >= 6
    shown = signer.json("audit", "show", "--gun", gun, "--action", "sign", "--status", "signed")
    assert [record["what"]["tag"] for record in shown["records"][:3]] == ["v1", "v2", "v1"]
    assert "alice@" in signer("audit", "show", "--since", "1h").stdout
    assert signer("audit", "show", "--since", "2999-01-01").stdout == "No records.\n"
    head = checked["files"][0]["head"]
    signer("audit", "verify", "--head", head)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    cut = signer("audit", "verify", "--head", head, expect=4)
    assert head in cut.stdout


def test_failures_and_refusals_are_recorded(collection: Collection, tmp_path: Path) -> None:
    collection.push("v1")
    signer = collection.admin
    path = _keep_record(signer, '[signing]\nallow = ["nobody/*"]\n')
    signer("sign", collection.image("v1"), "--key", collection.key, expect=10)
    _keep_record(signer)
    signer("sign", collection.image("v9"), "--key", collection.key, expect=1)
    stranger_key = write_bundle(tmp_path / "other", name="other") / "key.pem"
    signer("sign", collection.image("v1"), "--key", stranger_key, expect=8)
    signer("revoke", collection.image("v1"), "--key", collection.key, expect=1)
    signer("delegation", "remove", collection.gun, "nobody", expect=1)
    records = _records(path)
    assert [(record["status"], record["error"]["code"]) for record in records] == [
        ("refused", "not-allowed"),
        ("failed", "not-found"),
        ("failed", "no-role-for-key"),
        ("failed", "not-found"),
        ("failed", "not-found"),
    ]
    assert {record["what"]["gun"] for record in records} == {collection.gun}
    assert [record["what"].get("tag") for record in records] == ["v1", "v9", "v1", "v1", None]
    signer("audit", "verify")


def test_without_a_record_nothing_is_published(collection: Collection) -> None:
    collection.push("v1")
    signer = collection.admin
    path = _keep_record(signer, file="missing/audit.jsonl")
    before = uploads(collection.server, collection.gun)
    error = signer.json("sign", collection.image("v1"), "--key", collection.key, expect=1)
    assert error["code"] == "audit-not-writable"
    assert str(path) in error["message"]
    path.parent.mkdir()
    path.mkdir()
    assert signer.json("keys", "generate", "bob", expect=1)["code"] == "audit-not-writable"
    assert uploads(collection.server, collection.gun) == before
    assert not list(signer.home.glob("bob.pub"))
    (signer.home / "signer.toml").write_text("[audit]\n")
    error = signer.json("sign", collection.image("v1"), "--key", collection.key, expect=2)
    assert "[audit] names no file" in error["message"]


def test_a_publish_that_cannot_be_recorded_says_so_and_shows_its_record(
    collection: Collection,
) -> None:
    digest = collection.push("v1")
    signer = SignerCli(
        collection.admin.home,
        collection.server,
        trust_directory=collection.admin.trust_directory,
    )
    path = _keep_record(signer)

    def behaviour(exchange: Exchange) -> None:
        exchange.forward(collection.server)
        if exchange.method == "POST":
            path.unlink()
            path.mkdir()

    with FaultyServer(collection.server.authority, behaviour) as server:
        image = collection.image("v1")
        done = signer(
            *("sign", image, "--key", collection.key, "--json", "--server", server.url), expect=1
        )
    assert done.json["code"] == "audit-not-written"
    assert "done all the same" in done.json["hint"]
    record = json.loads(done.stderr.splitlines()[0])
    assert (record["what"]["digest"], record["status"]) == (digest, "signed")
    assert record["what"]["published"]
    collection.admin("verify", image, env={"HOME": "/"})


def test_a_publish_that_no_record_knows_is_found(collection: Collection, tmp_path: Path) -> None:
    for tag in ("v1", "v2", "v3"):
        collection.push(tag, tag.encode())
    signer = collection.admin
    path = _keep_record(signer)
    collection.sign("v1")
    checked = signer.json("audit", "verify", "--changefeed", collection.gun, expect=None)
    statuses = [entry["status"] for entry in checked["changefeed"][0]["entries"]]
    assert statuses[-1] == "known"
    # The clocks have whole seconds, so what was made in the same second is not earlier.
    assert set(statuses[:-1]) <= {"earlier", "unknown"}
    thief = WatchedSigner(tmp_path / "thief", collection.server)
    thief("sign", collection.image("v2"), "--key", collection.key, *collection.pinned())
    collection.sign("v3")
    done = signer("audit", "verify", "--changefeed", collection.gun, expect=4)
    assert "unknown" in done.stdout
    assert "targets/gitlab, targets/releases" in " ".join(done.stdout.split())
    entries = signer.json("audit", "verify", "--changefeed", collection.gun, expect=4)[
        "changefeed"
    ][0]["entries"]
    assert [entry["status"] for entry in entries][-3:] == ["known", "unknown", "known"]
    # With the other's record beside it, everything is known.
    _keep_record(thief)
    collection.push("v4")
    thief("sign", collection.image("v4"), "--key", collection.key)
    both = ("audit", "verify", path, thief.home / "audit.jsonl")
    entries = signer.json(*both, "--changefeed", collection.gun, expect=4)["changefeed"][0][
        "entries"
    ]
    assert [entry["status"] for entry in entries][-2:] == ["known", "known"]
    collection.server.delete(collection.gun)
    entries = signer.json(*both, "--changefeed", collection.gun, expect=4)["changefeed"][0][
        "entries"
    ]
    assert {entry["status"] for entry in entries[:-1]} == {"gone"}
    assert (entries[-1]["status"], entries[-1]["category"]) == ("unknown", "deletion")


def test_a_server_without_changefeed_is_no_success(collection: Collection) -> None:
    _keep_record(collection.admin)
    collection.push("v1")
    collection.sign("v1")

    def behaviour(exchange: Exchange) -> None:
        exchange.reply(404, b"<html>", media_type="text/html")

    with FaultyServer(collection.server.authority, behaviour) as server:
        error = collection.admin.json(
            *("audit", "verify", "--changefeed", collection.gun, "--server", server.url), expect=1
        )
    assert error["code"] == "no-changefeed"


def test_jobs_at_once_keep_one_chain_in_which_every_publish_is_known(
    collection: Collection,
) -> None:
    path = _keep_record(collection.admin)
    tags = [f"v{number}" for number in range(5)]
    for tag in tags:
        collection.push(tag, tag.encode())
    running = [
        collection.admin.start("sign", collection.image(tag), "--key", collection.key)
        for tag in tags
    ]
    for run in running:
        run.wait()
    assert sorted(record["what"]["tag"] for record in _records(path)) == tags
    checked = collection.admin.json("audit", "verify", "--changefeed", collection.gun, expect=None)
    assert checked["files"][0]["problems"] == []
    entries = checked["changefeed"][0]["entries"]
    assert [entry["status"] for entry in entries].count("known") == len(tags)


def test_killed_jobs_never_break_the_chain(collection: Collection) -> None:
    path = _keep_record(collection.admin)
    moments = random.Random(7)  # noqa: S311 - moments of kills, no secret
    for number in range(8):
        collection.push("v1", str(number).encode())
        run = collection.admin.start("sign", collection.image("v1"), "--key", collection.key)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run._process.wait(moments.uniform(0.2, 1.2))
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGKILL)
        run.wait(expect=None)
    collection.push("v1", b"last")
    collection.sign("v1")
    checked = collection.admin.json("audit", "verify")
    assert checked["files"][0]["problems"] == []
    assert _records(path)[-1]["what"]["tag"] == "v1"


def test_an_altered_record_is_found_by_its_line(collection: Collection) -> None:
    path = _keep_record(collection.admin)
    for tag in ("v1", "v2", "v3"):
        collection.push(tag)
        collection.sign(tag)
    path.write_bytes(path.read_bytes().replace(b'"tag":"v2"', b'"tag":"v9"'))
    done = collection.admin("audit", "verify", expect=4)
    assert "line 2 was altered" in done.stdout
    (file,) = collection.admin.json("audit", "verify", expect=4)["files"]
    assert [(problem["line"], problem["code"]) for problem in file["problems"]] == [(2, "altered")]
    shown = collection.admin("audit", "show")
    assert "not as it was written" in " ".join(shown.stderr.split())
