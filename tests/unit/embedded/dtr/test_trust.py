"""What trust data says of tags: who signed them, and for which digest."""

import pytest

from signer.embedded.errors import ApiError
from tests.attacks.keys import bare
from tests.attacks.simulator import SimulatedCollection
from tests.unit.embedded.dtr.world import TARGET, World
from tests.unit.embedded.inprocess import HOST

_GUN = f"{HOST}/{TARGET}"
_OTHER = "sha256:" + "1" * 64


def _collection(*signers: str) -> SimulatedCollection:
    return SimulatedCollection.with_signers(*signers, gun=_GUN)


def _flags(world: World, tag: str) -> tuple[bool, bool]:
    shown = world.call("GET", f"/repositories/{TARGET}/tags/{tag}")
    return shown["inNotary"], shown["hashMismatch"]


def test_a_tag_is_signed_with_its_digest_or_another(world: World) -> None:
    digest = world.push(TARGET, "1")
    assert _flags(world, "1") == (False, False)
    collection = _collection("gitlab")
    for role in ("targets/releases", "targets/gitlab"):
        collection.sign_tag(role, "1", digest)
    collection.publish("targets/releases", "targets/gitlab")
    world.store(collection)
    assert _flags(world, "1") == (True, False)
    world.push(TARGET, "1", b"another")
    assert _flags(world, "1") == (True, True)


def test_releases_come_first_as_for_docker(world: World) -> None:
    digest = world.push(TARGET, "1")
    collection = _collection("gitlab")
    collection.sign_tag("targets", "1", digest)
    collection.sign_tag("targets/gitlab", "1", digest)
    collection.sign_tag("targets/releases", "1", _OTHER)
    collection.publish("targets", "targets/gitlab", "targets/releases")
    world.store(collection)
    assert _flags(world, "1") == (True, True)


def test_a_role_that_is_not_delegated_to_any_more_signs_nothing(world: World) -> None:
    digest = world.push(TARGET, "2")
    collection = _collection("gitlab")
    collection.sign_tag("targets/gitlab", "2", digest)
    collection.publish("targets/gitlab")
    world.store(collection)
    assert _flags(world, "2") == (True, False)
    delegations = collection.targets().delegations
    assert delegations is not None
    assert delegations.roles is not None
    del delegations.roles["targets/gitlab"]
    collection.publish("targets")
    world.store(collection)
    assert _flags(world, "2") == (False, False)


def test_a_role_whose_signature_is_not_by_its_keys_signs_nothing(world: World) -> None:
    digest = world.push(TARGET, "2")
    collection = _collection("gitlab")
    collection.sign_tag("targets/gitlab", "2", digest)
    collection.signers["targets/gitlab"] = [bare("a thief")]
    collection.publish("targets/gitlab")
    world.store(collection)
    assert _flags(world, "2") == (False, False)


def test_a_role_signs_only_within_its_paths(world: World) -> None:
    digests = {tag: world.push(TARGET, tag, tag.encode()) for tag in ("qa-1", "prod-1")}
    collection = _collection("gitlab")
    collection.delegate("targets/qa", [bare("qa")], paths=["qa-"])
    for tag, digest in digests.items():
        collection.sign_tag("targets/qa", tag, digest)
    collection.publish("targets", "targets/qa")
    world.store(collection)
    assert _flags(world, "qa-1") == (True, False)
    assert _flags(world, "prod-1") == (False, False)


def test_a_signed_tag_and_a_repository_with_trust_data_are_not_deleted(world: World) -> None:
    world.push(TARGET, "1")
    digest = world.push(TARGET, "2", b"unsigned")
    world.store(_collection("gitlab"))
    refused = world.refusal("DELETE", f"/repositories/{TARGET}/tags/1", expect=409)
    assert "targets/releases, targets/gitlab" in refused
    with pytest.raises(ApiError, match="notary remove"):
        repository = world.dtr.repositories.get("admin", "flask")
        tagged = world.dtr.images.tag(repository, "1").digest
        world.dtr.images.delete_manifest(repository, tagged, author="admin")
    world.call("DELETE", f"/repositories/{TARGET}/tags/2", expect=204)
    assert digest not in world.tags(TARGET).values()
    assert "1" in world.tags(TARGET)
    refused = world.refusal("DELETE", f"/repositories/{TARGET}", expect=409)
    assert f"notary delete {_GUN} --remote" in refused
