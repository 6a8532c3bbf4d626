"""Tag limits: first in, first out."""

from tests.attacks.simulator import SimulatedCollection
from tests.unit.embedded.dtr.world import SOURCE, TARGET, World
from tests.unit.embedded.inprocess import HOST


def _limit(world: World, repository: str, **settings: object) -> None:
    world.call("PATCH", f"/repositories/{repository}", settings)


def _push(world: World, repository: str, *tags: str) -> None:
    for tag in tags:
        world.clock.forward(seconds=1)
        world.push(repository, tag, tag.encode())


def test_a_third_tag_pushes_out_the_first_of_two(world: World) -> None:
    _limit(world, TARGET, tagLimit=2)
    _push(world, TARGET, "b", "a")
    assert set(world.tags(TARGET)) == {"a", "b"}
    _push(world, TARGET, "c")
    assert set(world.tags(TARGET)) == {"a", "c"}


def test_a_tag_that_is_pushed_over_pushes_nothing_out_and_keeps_its_turn(world: World) -> None:
    _limit(world, TARGET, tagLimit=2)
    _push(world, TARGET, "first", "second", "first")
    assert set(world.tags(TARGET)) == {"first", "second"}
    _push(world, TARGET, "third")
    assert set(world.tags(TARGET)) == {"second", "third"}


def test_a_limit_that_is_lowered_counts_from_the_next_new_tag_on(world: World) -> None:
    _push(world, TARGET, "1", "2", "3", "4")
    _limit(world, TARGET, tagLimit=1)
    assert len(world.tags(TARGET)) == 4
    _push(world, TARGET, "5")
    assert set(world.tags(TARGET)) == {"5"}


def test_what_is_promoted_counts(world: World) -> None:
    world.policy()
    _limit(world, TARGET, tagLimit=1)
    _push(world, SOURCE, "1", "2")
    assert set(world.tags(TARGET)) == {"2"}
    assert set(world.tags(SOURCE)) == {"1", "2"}


def test_immutable_tags_stay(world: World) -> None:
    _limit(world, TARGET, tagLimit=1, immutableTags=True)
    _push(world, TARGET, "1", "2")
    assert set(world.tags(TARGET)) == {"1", "2"}


def test_signed_tags_stay(world: World) -> None:
    _limit(world, TARGET, tagLimit=2)
    _push(world, TARGET, "1")
    collection = SimulatedCollection.with_signers("gitlab", gun=f"{HOST}/{TARGET}")
    collection.sign_tag("targets/gitlab", "1", world.tags(TARGET)["1"])
    collection.publish("targets/gitlab")
    world.store(collection)
    _push(world, TARGET, "2", "3")
    assert set(world.tags(TARGET)) == {"1", "3"}
