"""Repositories over the API."""

from pathlib import Path

import pytest

from signer.dtr.api import PAGE_SIZE
from tests.unit.embedded.dtr.world import SOURCE, TARGET, World
from tests.unit.embedded.inprocess import PASSWORD


def test_creating_a_repository_answers_201_with_its_settings(world: World) -> None:
    made = world.call(
        "POST",
        "/repositories/admin",
        {
            "name": "app",
            "visibility": "public",
            "scanOnPush": True,
            "immutableTags": True,
            "shortDescription": "short",
            "longDescription": "long",
            "tagLimit": 5,
            "enableManifestLists": True,
        },
        expect=201,
    )
    expected = {
        "namespace": "admin",
        "namespaceType": "user",
        "name": "app",
        "visibility": "public",
        "scanOnPush": True,
        "immutableTags": True,
        "shortDescription": "short",
        "longDescription": "long",
        "tagLimit": 5,
        "pulls": 0,
        "pushes": 0,
    }
    assert expected.items() <= made.items()
    assert world.call("GET", "/repositories/admin/app") == made


def test_patching_changes_what_is_named_and_nothing_else(world: World) -> None:
    before = world.call("GET", f"/repositories/{TARGET}")
    assert before["immutableTags"] is False
    after = world.call("PATCH", f"/repositories/{TARGET}", {"immutableTags": True})
    assert after == before | {"immutableTags": True}
    assert world.call("GET", f"/repositories/{TARGET}") == after


def test_lists_are_arrays_in_pages(world: World) -> None:
    for number in range(3):
        world.call("POST", "/repositories/admin", {"name": f"app{number}"}, expect=201)
    names, start, pages = [], "", 0
    while True:
        answer = world.client().get(
            "/api/v0/repositories/admin", params={"pageSize": "2", "pageStart": start}
        )
        page = answer.raise_for_status().json()
        assert len(page) <= 2
        names += [repository["name"] for repository in page]
        pages += 1
        start = answer.headers.get("X-Next-Page-Start", "")
        if not start:
            break
    assert (names, pages) == (["app0", "app1", "app2", "flask", "flask_build"], 3)
    assert [one["name"] for one in world.call("GET", "/repositories")] == names


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/repositories/admin", {"name": "flask"}, 409),
        ("POST", "/repositories/admin", {"name": "Flask"}, 400),
        ("POST", "/repositories/admin", {"name": "a/b"}, 400),
        ("POST", "/repositories/admin", {"name": "../a"}, 400),
        ("POST", "/repositories/admin", {}, 400),
        ("POST", "/repositories/admin", [], 400),
        ("POST", "/repositories/admin", {"name": "a", "immutableTags": "yes"}, 400),
        ("POST", "/repositories/admin", {"name": "a", "visibility": "secret"}, 400),
        ("POST", "/repositories/admin", {"name": "a", "tagLimit": -1}, 400),
        ("PATCH", "/repositories/admin/none", {"immutableTags": True}, 404),
        ("GET", "/repositories/admin/none", None, 404),
        ("GET", "/repositories/admin/none/tags", None, 404),
        ("GET", f"/repositories/{SOURCE}/tags/none", None, 404),
        ("GET", "/repositories?pageSize=0", None, 400),
        ("GET", "/repositories?pageSize=x", None, 400),
        ("GET", "/nothing", None, 404),
    ],
)
def test_what_cannot_be_is_refused(
    world: World,
    method: str,
    path: str,
    content: object,
    status: int,
) -> None:
    assert world.refusal(method, path, content, expect=status)


def test_only_accounts_with_a_password_are_answered(world: World) -> None:
    answer = world.client(("admin", "wrong")).get(f"/api/v0/repositories/{SOURCE}")
    assert answer.status_code == 401
    assert PASSWORD not in answer.text


def test_what_somebody_may_not_see_is_not_there(world: World) -> None:
    world.dtr.accounts.create("anna", password=PASSWORD)
    world.call("GET", f"/repositories/{SOURCE}", user="anna", expect=404)
    assert world.call("GET", "/repositories", user="anna") == []
    world.call("PATCH", f"/repositories/{SOURCE}", {"visibility": "public"})
    world.call("GET", f"/repositories/{SOURCE}", user="anna")
    for method, path, content in [
        ("PATCH", f"/repositories/{SOURCE}", {"visibility": "private"}),
        ("DELETE", f"/repositories/{SOURCE}", None),
        ("POST", "/repositories/admin", {"name": "x"}),
        ("POST", f"/repositories/{SOURCE}/promotionPolicies", {"targetRepository": "anna/x"}),
        ("POST", "/embedded/v0/scans", {"repository": SOURCE, "tag": "1"}),
    ]:
        world.call(method, path, content, user="anna", expect=403)
    world.call("POST", "/repositories/anna", {"name": "own"}, user="anna", expect=201)


def test_a_deleted_repository_is_gone(world: World) -> None:
    world.push(SOURCE, "1")
    world.call("DELETE", f"/repositories/{SOURCE}", expect=204)
    world.call("GET", f"/repositories/{SOURCE}", expect=404)


def test_teams_have_what_their_level_says(world: World) -> None:
    world.dtr.accounts.create("anna", password=PASSWORD)
    world.dtr.accounts.create("ci", is_org=True)
    world.dtr.teams.create("ci", "gitlab")
    world.dtr.teams.join("ci", "gitlab", "anna")
    made = world.call("POST", "/repositories/ci", {"name": "app"}, expect=201)
    assert made["namespaceType"] == "organization"
    world.call("GET", "/repositories/ci/app", user="anna", expect=404)
    access = "/repositories/ci/app/teamAccess"
    world.call("PUT", f"{access}/gitlab", {"accessLevel": "read-only"})
    assert world.call("GET", access) == [{"team": "gitlab", "accessLevel": "read-only"}]
    world.call("GET", "/repositories/ci/app", user="anna")
    world.call("PUT", f"{access}/gitlab", {"accessLevel": "everything"}, expect=400)
    world.call("DELETE", f"{access}/gitlab", expect=204)
    world.call("GET", "/repositories/ci/app", user="anna", expect=404)


def test_the_toolkits_own_client_reads_it(world: World, tmp_path: Path) -> None:
    api = world.api(tmp_path)
    assert api.repository(SOURCE).immutable_tags is False
    digests = {str(number): world.push(SOURCE, str(number)) for number in range(3)}
    assert {tag.name: tag.digest for tag in api.tags(SOURCE)} == digests


def test_the_toolkits_own_client_goes_through_all_pages(world: World, tmp_path: Path) -> None:
    digest = world.push(SOURCE, "000")
    repository = world.dtr.repositories.get("admin", "flask_build")
    names = [f"{number:03}" for number in range(2 * PAGE_SIZE + 1)]
    with world.dtr.database.write():
        for name in names:
            world.dtr.images.set_tag(repository, name, digest, author="admin")
    assert [tag.name for tag in world.api(tmp_path).tags(SOURCE)] == names
