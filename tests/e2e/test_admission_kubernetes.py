"""``signer admission kubernetes``: the real process over TLS, against real servers."""

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.components.certificates import Authority
from tests.components.embedded import EmbeddedDtr
from tests.components.images import push_image
from tests.components.redis import PASSWORD, Redis
from tests.components.service import free_port
from tests.components.signer_cli import PROGRAM, SignerCli
from tests.components.webhook import Webhook, pod, pod_spec, review_of, workload
from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.material import write_bundle
from tests.e2e.story import Collection

APPROVED = "registry.k8s.io/pause:3"
Start = Callable[..., Webhook]


def rule_text(collection: Collection, *, server: str = "", **more: object) -> str:
    """Return a rule that wants gitlab's signature."""
    lines = "".join(f"    {name}: {value}\n" for name, value in more.items())
    return (
        f'  - match: "{collection.gun}"\n'
        f'    root: {{key_ids: ["{collection.root_key_id}"]}}\n'
        "    require: {signers: [gitlab]}\n"
        f"    server: {server or collection.server.url}\n{lines}"
    )


def policy_text(collection: Collection, *rules: str, **more: object) -> str:
    """Return a policy with these rules, or the one for the collection."""
    chosen = "".join(rules) or rule_text(collection, **more)  # type: ignore[arg-type] # names
    return (
        "apiVersion: signer/v1\nkind: TrustPolicy\ndefault: deny\n"
        f"signers:\n  gitlab: {{keys: [{collection.certificate}]}}\n"
        f'rules:\n{chosen}  - match: "registry.k8s.io/*"\n    approve: true\n'
    )


@pytest.fixture
def policy(tmp_path: Path, collection: Collection) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(policy_text(collection))
    return file


@pytest.fixture
def start(tmp_path: Path, authority: Authority, policy: Path) -> Iterator[Start]:
    """Starts webhooks, which the test's end ends."""
    started: list[Webhook] = []

    def start_one(*options: str | Path, **settings: Any) -> Webhook:  # noqa: ANN401 - of the webhook
        made = Webhook(
            tmp_path / f"webhook-{len(started)}",
            authority,
            policy=settings.pop("policy", policy),
            options=("--ca", authority.ca_file, *options),
            **settings,
        )
        started.append(made)
        return made.start()

    yield start_one
    for one in started:
        one.stop()


@pytest.fixture
def webhook(start: Start) -> Webhook:
    return start()


def test_a_signed_tag_is_pinned_and_an_unsigned_one_refused(
    tmp_path: Path, start: Start, collection: Collection
) -> None:
    (tmp_path / "signer.toml").write_text('[audit]\nfile = "audit.jsonl"\n')
    webhook = start("--config", tmp_path / "signer.toml")
    digests = collection.prepare(v1=b"one")
    image = collection.image("v1")
    found = pod(image)
    answer = webhook.mutate(found)
    assert answer.allowed, answer
    patched = answer.applied(found)
    assert patched["spec"]["containers"][0]["image"] == f"{image}@{digests['v1']}"
    assert webhook.validate(patched).allowed
    assert webhook.validate(patched).patch == []
    refused = webhook.mutate(pod(collection.image("v2")))
    assert not refused.allowed
    assert collection.gun in refused.message
    assert not webhook.mutate(pod(collection.image("v3")), dryRun=True).allowed

    lines = webhook.decisions()
    assert [line["allowed"] for line in lines] == [True, True, True, False, False]
    assert lines[0]["images"][0]["digest"] == digests["v1"]
    assert lines[0]["user"] == "example-user"
    webhook.stop()
    records = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [record["status"] for record in records] == ["accepted"] * 3 + ["refused"]
    assert records[0]["what"]["digest"] == digests["v1"]
    checked = collection.admin("audit", "verify", tmp_path / "audit.jsonl")
    assert checked.status == 0


def test_metrics_and_readiness(webhook: Webhook, collection: Collection) -> None:
    collection.prepare(v1=b"one")
    for _ in range(3):
        webhook.mutate(pod(collection.image("v1")))
    webhook.validate(pod(collection.image("missing")))
    found = webhook.metrics()
    total = "signer_admission_reviews_total"
    assert found[total + '{endpoint="mutate",reason="",verdict="accept"}'] == 3
    assert found[total + '{endpoint="validate",reason="not-signed",verdict="reject"}'] == 1
    assert found['signer_admission_review_seconds_count{endpoint="mutate"}'] == 3
    remaining = found[f'signer_seconds_to_expiry{{gun="{collection.gun}",role="timestamp"}}']
    assert 13 * 86400 < remaining <= 14 * 86400
    assert f'signer_seconds_to_expiry{{gun="{collection.gun}",role="targets/gitlab"}}' in found
    assert found['signer_collection_readings_total{result="verified"}'] == 1
    with webhook.client() as client:
        assert client.get("/livez").status_code == 200
        ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["servers"]) == (
        200,
        {collection.server.url: "reachable"},
    )


BAD = {
    "empty": (b"", 400),
    "no JSON": (b"kind: AdmissionReview", 400),
    "truncated": (json.dumps(review_of(pod("x"))).encode()[:-9], 400),
    "other kind": (b'{"apiVersion":"v1","kind":"Pod"}', 400),
    "other version": (
        json.dumps({**review_of(pod("x")), "apiVersion": "admission.k8s.io/v1beta1"}).encode(),
        400,
    ),
    "deep": (b"[" * 1_000_000, 400),
    "invalid UTF-8": (b'{"apiVersion":"\xff"}', 400),
    "10 MB": (b'{"apiVersion":"' + b"x" * 10_000_000 + b'"}', 413),
}


def test_bad_input_is_answered_in_good_form(webhook: Webhook) -> None:
    with webhook.client() as client:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        for name, (body, status) in BAD.items():
            for path in ("/mutate", "/validate"):
                answer = client.post(path, content=body, headers=headers)
                assert answer.status_code == status, name
                content = answer.json()
                assert content["kind"] == "AdmissionReview"
                assert content["response"]["allowed"] is False
                assert content["response"]["status"]["message"]
        large = pod(APPROVED, annotations={"large": "x" * 3_000_000})
        answer = client.post("/mutate", content=json.dumps(review_of(large)), headers=headers)
        assert answer.json()["response"]["allowed"] is True
        deep: Any = {}
        for _ in range(500):
            deep = {"a": deep}
        deepest = client.post("/mutate", json=review_of({**pod(APPROVED), "status": deep}))
        assert deepest.status_code == 200
        assert client.post("/mutate", content=b"{}", headers={"Content-Type": "text/plain"}
                           ).status_code == 415  # fmt: skip
        assert client.get("/mutate").status_code == 405
        assert client.get("/else").status_code == 404
        assert client.get("/livez").status_code == 200
    assert not [line for line in webhook.log.splitlines() if "Traceback" in line]


def test_a_server_that_hangs_is_refused_in_time_and_delays_nobody(
    start: Start, collection: Collection, authority: Authority, policy: Path
) -> None:
    collection.prepare(v1=b"one")
    with FaultyServer(authority, _hang) as hanging:
        slow = rule_text(collection, server=hanging.url).replace(collection.gun, "slow.test/*", 1)
        policy.write_text(policy_text(collection, rule_text(collection), slow))
        webhook = start("--timeout", "20")
        with ThreadPoolExecutor(40) as threads:
            begun = time.monotonic()
            waiting = [
                threads.submit(webhook.review, "/mutate?timeout=3s", pod(f"slow.test/n{n}/x:1"))
                for n in range(30)
            ]
            for image in (collection.image("v1"), APPROVED):
                assert webhook.mutate(pod(image)).allowed
            assert time.monotonic() - begun < 2.5
            answers = [one.result() for one in waiting]
            assert time.monotonic() - begun < 4
        assert {answer.allowed for answer in answers} == {False}
        assert all("timed out" in answer.message for answer in answers)
        begun = time.monotonic()
        assert not webhook.mutate(pod("slow.test/other/x:1")).allowed
        assert 5 < time.monotonic() - begun < 10


def _hang(exchange: Exchange) -> None:
    exchange.hang()


def test_a_publish_a_revocation_and_a_recovery_show(
    tmp_path: Path, start: Start, collection: Collection, authority: Authority, policy: Path
) -> None:
    first = collection.prepare(v1=b"one")["v1"]
    down = threading.Event()

    def behave(exchange: Exchange) -> None:
        if down.is_set():
            exchange.drop()
        else:
            exchange.forward(collection.server)

    with FaultyServer(authority, behave) as server:
        policy.write_text(policy_text(collection, rule_text(collection, server=server.url)))
        webhook = start()
        image = collection.image("v1")

        def digest() -> str:
            found = pod(image)
            answer = webhook.mutate(found)
            patched = answer.applied(found)["spec"]["containers"][0]["image"]
            return patched.partition("@")[2] if answer.allowed else answer.reason

        assert digest() == first
        second = collection.prepare(v1=b"two")["v1"]
        webhook.wait_until(lambda: digest() == second, seconds=15)
        down.set()
        webhook.wait_until(lambda: digest() == "connection-lost", seconds=15)
        with webhook.client() as client:
            webhook.wait_until(lambda: client.get("/readyz").status_code == 503, seconds=10)
        down.clear()
        webhook.wait_until(lambda: digest() == second, seconds=5)
        collection.admin("revoke", image, "--key", collection.key)
        webhook.wait_until(lambda: digest() == "not-signed", seconds=15)


def test_policy_and_certificate_are_read_again(
    tmp_path: Path, start: Start, collection: Collection, authority: Authority
) -> None:
    """As Kubernetes exchanges the content of a volume: by the link ``..data``."""
    collection.prepare(v1=b"one")
    volume = tmp_path / "volume"
    volume.mkdir()
    versions = iter(range(100))

    def exchange(content: str) -> None:
        directory = volume / f"..{next(versions)}"
        directory.mkdir()
        (directory / "policy.yaml").write_text(content)
        (volume / "..new").symlink_to(directory.name)
        (volume / "..new").rename(volume / "..data")

    exchange(policy_text(collection))
    (volume / "policy.yaml").symlink_to("..data/policy.yaml")
    webhook = start(policy=volume / "policy.yaml")
    image = collection.image("v1")
    assert webhook.mutate(pod(image)).allowed

    denied = f'  - match: "{collection.gun}"\n    approve: false\n'
    exchange(policy_text(collection, denied))
    webhook.wait_until(lambda: not webhook.mutate(pod(image)).allowed, seconds=10)
    exchange("rules: [")
    failed = 'signer_reloads_total{file="policy",result="failed"}'
    webhook.wait_until(lambda: webhook.metrics().get(failed, 0) == 1, seconds=10)
    assert not webhook.mutate(pod(image)).allowed
    assert "policy-not-loaded" in webhook.log
    exchange(policy_text(collection))
    webhook.wait_until(lambda: webhook.mutate(pod(image)).allowed, seconds=10)

    def serial() -> int:
        with socket.create_connection(("localhost", webhook.port)) as plain:
            context = authority.client_context()
            with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
                shown = wrapped.getpeercert()
        assert shown is not None
        return int(str(shown["serialNumber"]), 16)

    before = serial()
    other = authority.issue("exchanged", "localhost", "127.0.0.1")
    webhook.key.write_bytes(other.key.read_bytes())  # for a moment it is not the certificate's
    webhook.wait_until(lambda: "certificate-not-loaded" in webhook.log, seconds=10)
    assert serial() == before
    webhook.certificate.write_bytes(other.certificate.read_bytes())
    webhook.wait_until(lambda: serial() != before, seconds=10)


def test_sigterm_answers_what_is_under_way_and_ends_in_time(
    start: Start, collection: Collection, authority: Authority, policy: Path
) -> None:
    with FaultyServer(authority, _hang) as hanging, ThreadPoolExecutor(4) as threads:
        policy.write_text(policy_text(collection, rule_text(collection, server=hanging.url)))
        for workers in ("1", "2"):
            webhook = start("--timeout", "30", "--workers", workers)
            waiting = threads.submit(
                webhook.review, "/validate?timeout=30s", pod(collection.image("v1"))
            )
            webhook.wait_until(lambda: bool(hanging.requests))
            hanging.requests.clear()
            begun = time.monotonic()
            webhook.stop()
            assert time.monotonic() - begun < 10
            assert not waiting.result().allowed
            assert '"stopped"' in webhook.log


def test_several_processes_count_together_and_a_killed_one_is_replaced(
    start: Start, collection: Collection
) -> None:
    digests = collection.prepare(**{f"v{number}": b"%d" % number for number in range(8)})
    webhook = start("--workers", "2")

    def pin(number: int) -> tuple[str, str]:
        tag = f"v{number % 8}"
        found = pod(collection.image(tag))
        patched = webhook.mutate(found).applied(found)
        return patched["spec"]["containers"][0]["image"], f"{collection.image(tag)}@{digests[tag]}"

    with ThreadPoolExecutor(16) as threads:
        for seen, wanted in threads.map(pin, range(80)):
            assert seen == wanted
    total = 'signer_admission_reviews_total{endpoint="mutate",reason="",verdict="accept"}'
    assert webhook.metrics()[total] == 80
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(webhook.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(children) == 2
    os.kill(int(children[0]), signal.SIGKILL)
    seen, wanted = pin(1)
    assert seen == wanted
    webhook.wait_until(lambda: webhook.metrics()[total] >= 81)


def test_a_rollback_is_refused_after_a_restart_and_by_a_replica(
    tmp_path: Path,
    start: Start,
    collection: Collection,
    authority: Authority,
    policy: Path,
    redis_server: Redis,
) -> None:
    collection.prepare(v1=b"one")
    old = collection.files()
    collection.prepare(v1=b"two")
    rolled_back = threading.Event()

    def behave(exchange: Exchange) -> None:
        name = exchange.path.partition("/_trust/tuf/")[2].removesuffix(".json")
        if rolled_back.is_set() and name in old:
            exchange.reply(200, old[name])
        else:
            exchange.forward(collection.server)

    with FaultyServer(authority, behave) as server:
        policy.write_text(policy_text(collection, rule_text(collection, server=server.url)))
        url = f"redis://localhost:{redis_server.port}/0"
        env = {"SIGNER_STATE_PASSWORD": PASSWORD}
        first = start("--state", url, env=env)
        assert first.mutate(pod(collection.image("v1"))).allowed
        first.stop()
        rolled_back.set()
        redis_server.stop()
        without = start("--state", url, env=env)
        assert without.mutate(pod(collection.image("v1"))).reason == "trust-state-unavailable"
        with without.client() as client:
            assert client.get("/readyz").status_code == 503
        redis_server.start()
        replica = start("--state", url, env=env)
        answer = replica.mutate(pod(collection.image("v1")))
        assert (answer.allowed, answer.reason) == (False, "rollback")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--tls-cert"),
        (["--insecure-http", "--listen", "0.0.0.0:0"], "loopback"),
        (["--tls-cert", "missing.pem", "--tls-key", "missing.pem"], "missing.pem"),
        (["--tls-cert", "policy.yaml", "--tls-key", "policy.yaml"], "policy.yaml"),
        (["--insecure-http", "--listen", "nonsense"], "nonsense"),
        (["--insecure-http", "--workers", "0"], "workers"),
        (["--insecure-http", "--state", "ftp://x"], "state"),
        (["--insecure-http", "--ca", "missing.pem"], "missing.pem"),
        (["--insecure-http", "--ca", "policy.yaml"], "policy.yaml"),
        (["--insecure-http", "--policy", "missing.yaml"], "missing.yaml"),
        (["--insecure-http", "--policy", "bad.yaml"], "bad.yaml"),
    ],
)
def test_what_is_wrong_at_the_start_is_said(tmp_path: Path, options: list[str], said: str) -> None:
    good = 'apiVersion: signer/v1\nkind: TrustPolicy\nrules: [{match: "x.io/*", approve: true}]\n'
    (tmp_path / "policy.yaml").write_text(good)
    (tmp_path / "bad.yaml").write_text(good.replace("approve", "aprove"))
    base = ["--listen", "localhost:0", "--policy", "policy.yaml"]
    done = subprocess.run(
        [PROGRAM, "admission", "kubernetes", *base, *options, "--json"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done
    assert json.loads(done.stdout)["schema"] == "signer.error/1"
    assert said in done.stdout
    assert "Traceback" not in done.stderr


def test_http_without_encryption_is_for_loopback(tmp_path: Path) -> None:
    port = free_port()
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        'apiVersion: signer/v1\nkind: TrustPolicy\nrules: [{match: "x.io/*", approve: true}]\n'
    )
    listen = ["--listen", f"127.0.0.1:{port}", "--insecure-http", "--json"]
    process = subprocess.Popen(
        [PROGRAM, "admission", "kubernetes", "--policy", policy, *listen],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        line = json.loads(process.stdout.readline())
        assert line == {"schema": "signer.admission/1", "url": f"http://127.0.0.1:{port}"}
        answer = httpx.post(f"{line['url']}/mutate", json=review_of(pod("x.io/a:1")))
        assert answer.json()["response"]["allowed"] is True
    finally:
        process.terminate()
        status = process.wait(15)
        process.stdout.close()
    assert status == 0


def test_with_the_embedded_dtr(
    tmp_path: Path, authority: Authority, embedded: EmbeddedDtr, fresh_repository: str
) -> None:
    namespace, _, name = fresh_repository.partition("/")
    with embedded.client() as client:
        made = client.post(f"/api/v0/repositories/{namespace}", json={"name": name})
        assert made.status_code == 201
    variables = embedded.environment_variables
    signer = SignerCli(tmp_path / "signer", authority=embedded.authority, env=variables)
    bundle = write_bundle(tmp_path / "bundle")
    gun = f"{embedded.host}/{fresh_repository}"
    root = signer.json("init", gun, "--signer", f"gitlab={bundle / 'cert.pem'}")
    digest, _ = push_image(embedded, fresh_repository, "1", auth=embedded.admin)
    signer("sign", f"{gun}:1", "--key", bundle / "key.pem")
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: signer/v1\nkind: TrustPolicy\n"
        "signers: {gitlab: {keys: [bundle/cert.pem]}}\nrules:\n"
        f'  - match: "{embedded.host}/*"\n'
        f'    root: {{key_ids: ["{root["root_key_ids"][0]}"]}}\n'
        "    require: {signers: [gitlab], registry: true}\n"
    )
    made_webhook = Webhook(
        tmp_path / "webhook",
        authority,
        policy=policy,
        options=("--ca", embedded.ca_file),
        env=variables,
    )
    with made_webhook as webhook:
        found = workload("Deployment", "apps/v1", pod_spec(f"{gun}:1"), "spec", "template", "spec")
        answer = webhook.mutate(found)
        assert answer.allowed, answer
        spec = answer.applied(found)["spec"]["template"]["spec"]
        assert spec["containers"][0]["image"] == f"{gun}:1@{digest}"
        push_image(embedded, fresh_repository, "1", content=b"overwritten", auth=embedded.admin)
        webhook.wait_until(lambda: not webhook.mutate(found).allowed, seconds=15)


def test_clients_that_send_slowly_or_nothing_hold_up_nobody(webhook: Webhook) -> None:
    context = ssl.create_default_context(cafile=str(webhook.authority.ca_file))
    opened = []
    for _ in range(20):
        plain = socket.create_connection(("localhost", webhook.port))
        wrapped = context.wrap_socket(plain, server_hostname="localhost")
        wrapped.sendall(
            b"POST /mutate?timeout=1s HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"
        )
        opened.append(wrapped)
    assert webhook.mutate(pod(APPROVED)).allowed
    for one in opened:
        assert b"408" in one.recv(65536)
        one.close()


def test_repositories_that_hang_delay_no_other_of_the_same_server(
    start: Start, collection: Collection, authority: Authority, policy: Path
) -> None:
    collection.prepare(v1=b"one")

    def behave(exchange: Exchange) -> None:
        if "/hangs-" in exchange.path:
            exchange.hang()
        else:
            exchange.forward(collection.server)

    with FaultyServer(authority, behave) as server, ThreadPoolExecutor(40) as threads:
        ours = rule_text(collection, server=server.url)
        slow = ours.replace(collection.gun, "slow.test/*", 1)
        policy.write_text(policy_text(collection, ours, slow))
        webhook = start("--timeout", "20")
        waiting = [
            threads.submit(webhook.review, "/mutate?timeout=4s", pod(f"slow.test/hangs-{n}/x:1"))
            for n in range(30)
        ]
        webhook.wait_until(lambda: len(server.requests) >= 15)
        begun = time.monotonic()
        assert webhook.mutate(pod(collection.image("v1"))).allowed
        assert time.monotonic() - begun < 2
        assert not any(one.result().allowed for one in waiting)
