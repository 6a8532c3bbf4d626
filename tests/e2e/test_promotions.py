"""Promoted images, signed by their events: real Notary server and registry, a stub of DTR's API."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from signer.dtr.api import DtrApi
from signer.dtr.events import decode_event
from signer.dtr.gate import GateConditions
from signer.dtr.job import JobResult, JobSettings
from signer.dtr.provenance import Pipeline
from signer.dtr.reconcile import plan_repository
from signer.dtr.signing_job import sign_events, sign_promotions
from signer.keys.signers import FileSigner
from signer.names import Gun
from signer.signing.session import Session
from signer.transport.http import HttpPool
from tests.components.images import ARCHITECTURES
from tests.components.peers import NotaryCli
from tests.e2e.story import Collection, signed_digest, uploads
from tests.interop.views import notary_list
from tests.unit.dtr.stub import API, POLICY, StubDtr, scan
from tests.unit.transport.simulated import NO_TLS

ROLES = ("targets/releases", "targets/gitlab")


class BesideRegistry(httpx.BaseTransport):
    """Answers for DTR's API; all else goes to the real servers."""

    def __init__(self, api: StubDtr, real: httpx.BaseTransport) -> None:
        self.api = api
        self.real = real

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or pass on."""
        if request.url.path.startswith(API):
            return self.api(request)
        return self.real.handle_request(request)

    def close(self) -> None:
        """Close the real connections."""
        self.real.close()


class World:
    """A DTR whose registry holds the collection's images.

    Attributes:
        collection: what is signed.
        dtr: the stub of the API.
        source: the repository from which images are promoted.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.dtr = StubDtr()
        self.source = f"{collection.path}_build"
        self.settings = JobSettings(
            host=collection.registry.host,
            conditions=GateConditions(max_critical=0),
            signer="gitlab",
            pipeline=Pipeline("https://ci.example.com/?a=1&b=<2>", "8f3c" * 10),
        )
        self.dtr.policies[f"{self.source}/{POLICY}"] = {
            "id": POLICY,
            "enabled": True,
            "targetRepository": collection.path,
        }

    def promote(self, tag: str, content: bytes = b"example", **options: Any) -> str:  # noqa: ANN401
        """Push an image to both repositories, and have DTR say that it was promoted."""
        digest = self.collection.push(tag, content, **options)
        for repository in (self.source, self.collection.path):
            self.dtr.tags[f"{repository}:{tag}"] = {
                "name": tag,
                "digest": digest,
                "inNotary": True,
                "hashMismatch": False,
            }
        self.dtr.tags[f"{self.collection.path}:{tag}"]["promotion"] = {
            "promotionPolicyID": POLICY,
            "sourceRepository": self.source,
            "sourceTag": tag,
        }
        self.dtr.scans[f"{self.source}:{tag}"] = [scan(tag=tag)]
        return digest

    def event(self, tag: str, digest: str, **changes: object) -> dict[str, Any]:
        """Return the webhook's body."""
        contents = {
            "promotionPolicyID": POLICY,
            "digest": digest,
            "sourceRepository": self.source,
            "sourceTag": tag,
            "targetRepository": self.collection.path,
            "targetTag": tag,
            "promotedAt": "2026-11-22T01:55:19.3Z",
        }
        return {"type": "PROMOTION", "contents": {**contents, **changes}}

    def session(self) -> Session:
        """Open a session whose requests for the API go to the stub."""
        session = self.collection.admin.session()
        context = self.collection.registry.authority.client_context()
        real = httpx.HTTPTransport(verify=context, trust_env=False)
        session._pool = HttpPool(tls=NO_TLS, transport=BesideRegistry(self.dtr, real))
        return session

    def open_keys(self, _guns: Sequence[Gun]) -> list[FileSigner]:
        """Open the key of signer gitlab."""
        key = load_pem_private_key(self.collection.key.read_bytes(), None)
        return [FileSigner(key)]  # type: ignore[arg-type] # the bundle's key is of a usable kind

    def sign(self, *events: dict[str, Any], settings: JobSettings | None = None) -> list[JobResult]:
        """Run the signing job."""
        decoded = [decode_event(json.dumps(event).encode(), source="e") for event in events]
        with self.session() as session:
            return sign_events(
                session, decoded, settings=settings or self.settings, open_keys=self.open_keys
            )

    def custom(self, role: str, tag: str) -> Any:  # noqa: ANN401 - JSON
        """Return what the server's file has beside a tag's digest."""
        wire = json.loads(self.collection.server.metadata(self.collection.gun, f"{role}.json"))
        return wire["signed"]["targets"][tag].get("custom")


@pytest.fixture
def world(collection: Collection) -> World:
    """A DTR beside the collection's registry."""
    return World(collection)


def test_many_promotions_are_one_publish_with_provenance_and_a_forged_one_is_refused(
    world: World, collection: Collection, notary: NotaryCli
) -> None:
    first, second = world.promote("1", b"first"), world.promote("2", b"second")
    pushed = collection.push("3", b"never promoted")
    before = uploads(collection.server, collection.gun)
    results = world.sign(
        world.event("1", first), world.event("3", pushed), world.event("2", second)
    )
    assert [result.status for result in results] == ["signed", "refused", "signed"]
    assert [result.digest for result in results] == [first, pushed, second]
    assert uploads(collection.server, collection.gun) == before + 1
    for role in ROLES:
        assert signed_digest(collection, role, "1") == first
        assert signed_digest(collection, role, "2") == second
        provenance = world.custom(role, "2")["provenance"]
        assert provenance["pipeline"]["url"] == "https://ci.example.com/?a=1%26b=%3C2%3E"
        assert provenance["promotion"]["from"] == f"{world.source}:2"
    # The Go program reads it, and edits both files that hold provenance.
    assert {name for name, *_ in notary_list(notary("list", collection.gun))} == {"1", "2"}
    notary("key", "import", collection.key, "--role", "gitlab")
    notary("remove", "-p", collection.gun, "1", "--roles", ROLES[0], "--roles", ROLES[1])
    assert {name for name, *_ in notary_list(notary("list", collection.gun))} == {"2"}
    assert world.custom(ROLES[1], "2")["provenance"] == provenance
    collection.admin("verify", collection.image("2"), "--signer", "gitlab", *collection.pinned())


def test_an_event_that_is_delivered_again_changes_nothing_and_a_new_scan_does(
    world: World, collection: Collection
) -> None:
    event = world.event("1", world.promote("1"))
    world.sign(event)
    before = uploads(collection.server, collection.gun)
    later = dataclasses.replace(world.settings, pipeline=Pipeline("https://ci.example.com/8"))
    (again,) = world.sign(event, settings=later)
    assert (again.status, again.custom) == ("up-to-date", None)
    assert uploads(collection.server, collection.gun) == before
    world.dtr.scans[f"{world.source}:1"] = [scan(tag="1", minor=5)]
    (rescanned,) = world.sign(event, settings=later)
    assert rescanned.status == "signed"
    assert world.custom(ROLES[0], "1")["provenance"]["scan"]["minor"] == 5
    assert world.custom(ROLES[0], "1")["provenance"]["pipeline"] == {
        "url": "https://ci.example.com/8"
    }


def test_a_signature_without_provenance_gets_one(world: World, collection: Collection) -> None:
    event = world.event("1", world.promote("1"))
    bare = dataclasses.replace(world.settings, with_provenance=False)
    (result,) = world.sign(event, settings=bare)
    assert (result.status, world.custom(ROLES[1], "1")) == ("signed", None)
    (result,) = world.sign(event)
    assert result.status == "signed"
    assert world.custom(ROLES[1], "1")["provenance"]["version"] == 1
    (result,) = world.sign(event, settings=bare)
    assert result.status == "up-to-date"
    assert world.custom(ROLES[1], "1")["provenance"]["version"] == 1


def test_a_manifest_list_needs_a_scan_of_each_platform(
    world: World, collection: Collection
) -> None:
    event = world.event("1", world.promote("1", kind="index"))
    (result,) = world.sign(event)
    assert result.status == "refused"
    assert result.gate is not None
    assert [condition.code for condition in result.gate.failed] == ["platforms"]
    world.dtr.scans[f"{world.source}:1"] = [
        scan(tag="1", os="linux", arch=architecture) for architecture in ARCHITECTURES
    ]
    (result,) = world.sign(event)
    assert result.status == "signed"


def test_a_tag_that_was_overwritten_in_the_registry_is_refused_and_the_signature_stays(
    world: World, collection: Collection
) -> None:
    digest = world.promote("1", b"first")
    world.sign(world.event("1", digest))
    collection.push("1", b"overwritten behind DTR's back")
    (result,) = world.sign(world.event("1", digest))
    assert result.status == "refused"
    assert result.gate is not None
    assert [condition.code for condition in result.gate.failed] == ["manifest-digest"]
    assert signed_digest(collection, ROLES[0], "1") == digest


def test_a_collection_that_does_not_exist_fails_by_itself(world: World) -> None:
    digest = world.promote("1")
    path = world.collection.path
    other = dataclasses.replace(world.collection, gun=Gun(f"{world.collection.gun}-other"))
    elsewhere = World(other)
    elsewhere.dtr = world.dtr
    elsewhere.source = f"{other.path}_build"
    world.dtr.policies[f"{elsewhere.source}/{POLICY}"] = {"id": POLICY, "enabled": True}
    event = elsewhere.event("1", elsewhere.promote("1"))
    results = world.sign(event, world.event("1", digest))
    assert [result.status for result in results] == ["failed", "signed"], path
    assert results[0].error is not None
    assert results[0].error.code == "not-initialised"


def test_what_no_webhook_told_is_found_and_signed(world: World, collection: Collection) -> None:
    digests = {tag: world.promote(tag, tag.encode()) for tag in ("1", "2", "3")}
    world.sign(world.event("2", digests["2"]))
    with world.session() as session:
        api = DtrApi(session.pool, collection.registry.host, credentials=session.credentials)
        plan = plan_repository(
            collection.path,
            api.tags(collection.path),
            session.client(collection.gun).update(),
            signer="gitlab",
        )
        assert [item.promotion.target_tag for item in plan.unsigned] == ["1", "3"]
        assert plan.signed == 1
        results = sign_promotions(
            session,
            [item.promotion for item in plan.unsigned],
            settings=world.settings,
            open_keys=world.open_keys,
        )
    assert [result.status for result in results] == ["signed", "signed"]
    assert signed_digest(collection, ROLES[1], "3") == digests["3"]
    assert "at" not in world.custom(ROLES[1], "3")["provenance"]["promotion"]
