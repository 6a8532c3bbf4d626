"""Tags over the API."""

from tests.unit.embedded.dtr.world import SOURCE, TARGET, World


def test_a_tag_has_its_image_and_no_signature_and_no_promotion(world: World) -> None:
    digest = world.push(SOURCE, "1")
    tag = world.call("GET", f"/repositories/{SOURCE}/tags/1")
    expected = {
        "name": "1",
        "digest": digest,
        "author": "admin",
        "createdAt": "2026-11-22T01:55:20.000000Z",
        "updatedAt": "2026-11-22T01:55:20.000000Z",
        "inNotary": False,
        "hashMismatch": False,
        "promotion": None,
    }
    assert expected.items() <= tag.items()
    manifest = tag["manifest"]
    assert manifest["digest"] == digest
    assert (manifest["os"], manifest["architecture"]) == ("linux", "amd64")
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert manifest["configMediaType"] == "application/vnd.docker.container.image.v1+json"
    assert manifest["configDigest"].startswith("sha256:")
    assert manifest["size"] > 0
    assert manifest["dockerfile"] == []


def test_tags_are_listed_in_pages_with_or_without_their_images(world: World) -> None:
    for tag in ("c", "a", "b"):
        world.push(SOURCE, tag)
    first = world.client().get(f"/api/v0/repositories/{SOURCE}/tags?pageSize=2&count=true")
    assert [tag["name"] for tag in first.json()] == ["a", "b"]
    assert first.headers["X-Next-Page-Start"] == "c"
    assert first.headers["X-Resource-Count"] == "3"
    last = world.client().get(
        f"/api/v0/repositories/{SOURCE}/tags?pageStart=c&includeManifests=false"
    )
    assert [tag["name"] for tag in last.json()] == ["c"]
    assert "X-Next-Page-Start" not in last.headers
    assert "manifest" not in last.json()[0]


def test_a_tag_is_deleted_with_what_was_known_of_its_promotion(world: World) -> None:
    world.policy()
    world.push(SOURCE, "1")
    assert world.call("GET", f"/repositories/{TARGET}/tags/1")["promotion"]
    world.call("DELETE", f"/repositories/{TARGET}/tags/1", expect=204)
    world.call("GET", f"/repositories/{TARGET}/tags/1", expect=404)
    world.push(TARGET, "1")
    assert world.call("GET", f"/repositories/{TARGET}/tags/1")["promotion"] is None


def test_a_manifest_list_is_shown_as_such(world: World) -> None:
    world.push(SOURCE, "1", kind="index")
    manifest = world.call("GET", f"/repositories/{SOURCE}/tags/1")["manifest"]
    assert manifest["mediaType"].endswith("manifest.list.v2+json")
    assert (manifest["os"], manifest["architecture"]) == ("", "")
