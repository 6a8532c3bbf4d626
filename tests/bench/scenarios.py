"""The jobs that are timed, each done by every program that can do it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.measure import Command
from tests.bench.programs import Programs
from tests.bench.stage import SIGNER_NAME, Stage
from tests.components.images import get_manifest, push_image

ROUND_TRIPS: Final = (0, 20, 50)
"""Milliseconds."""

ROUND_TRIP: Final = 20
"""For the jobs that are done at one round-trip time."""


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
        collections: verified in one go.
        tags: in the large collection, in each of its two delegations.
        signatures: made in one repository.
        repeats: timed runs of each program.
    """

    collections: int = 20
    tags: int = 5000
    signatures: int = 100
    repeats: int = 5


QUICK: Final = Size(collections=4, tags=500, signatures=10, repeats=2)


@dataclass(frozen=True)
class Contender:
    """A program's way to do a job.

    Attributes:
        name: as the table shows it.
        commands: makes the timed command lines for a directory, run one after another.
        prepare: makes the directory ready; not timed.
        times: the timed commands are this part of the job; numbers are multiplied by it.
    """

    name: str
    commands: Callable[[Path], list[Command]]
    prepare: Callable[[Path], None] | None = None
    times: int = 1


@dataclass(frozen=True)
class Scenario:
    """A job at a round-trip time; the first contender is ``signer``.

    Attributes:
        name: for ``--only``.
        title: as the table shows it.
        filled: each program's cache has been filled by a run of the same commands before.
    """

    name: str
    title: str
    round_trip_ms: int
    contenders: tuple[Contender, ...]
    filled: bool = False


NAMES: Final = ("image", "images", "tags", "sign", "webhook")
"""The last one is of ``tests.bench.admission``: nobody else does that job here."""


def scenarios(stage: Stage, size: Size, names: Sequence[str]) -> Iterator[Scenario]:
    """Make the collections and yield the jobs; collections are made when their turn comes."""
    programs = Programs(stage)
    if "image" in names:
        yield from _one_image(stage, programs)
    if "images" in names:
        yield _many_images(stage, programs, size)
    if "tags" in names:
        yield from _many_tags(stage, programs, size)
    if "sign" in names:
        yield _signing(stage, programs, size)


def _lookups(programs: Programs, image: str) -> tuple[Contender, ...]:
    images = [image]
    return (
        Contender("signer verify", lambda directory: programs.verify(directory, images)),
        Contender(
            "docker trust inspect", lambda directory: programs.inspect_all(directory, images)
        ),
        Contender("notary lookup", lambda directory: programs.lookup(directory, images)),
    )


def _one_image(stage: Stage, programs: Programs) -> Iterator[Scenario]:
    image = f"{stage.make_collection('bench/image', ['1.0'])}:1.0"
    for filled in (False, True):
        title = f"one image, {'filled' if filled else 'empty'} cache"
        for milliseconds in ROUND_TRIPS:
            yield Scenario("image", title, milliseconds, _lookups(programs, image), filled)


def _many_images(stage: Stage, programs: Programs, size: Size) -> Scenario:
    paths = [f"bench/images-{number}" for number in range(size.collections)]
    images = [f"{stage.make_collection(path, ['1.0'])}:1.0" for path in paths]
    count = len(images)
    contenders = (
        Contender("signer verify", lambda directory: programs.verify(directory, images)),
        Contender(
            f"docker trust inspect x{count}",
            lambda directory: programs.inspect_each(directory, images),
        ),
        Contender(
            "docker trust inspect (all)", lambda directory: programs.inspect_all(directory, images)
        ),
        Contender(f"notary lookup x{count}", lambda directory: programs.lookup(directory, images)),
    )
    title = f"{count} images of {count} collections, empty cache"
    return Scenario("images", title, ROUND_TRIP, contenders)


def _many_tags(stage: Stage, programs: Programs, size: Size) -> Iterator[Scenario]:
    tags = [f"1.0.{number}" for number in range(size.tags)]
    image = f"{stage.make_collection('bench/tags', tags)}:{tags[size.tags // 2]}"
    for filled in (False, True):
        title = f"a tag among {size.tags:,} in two roles, {'filled' if filled else 'empty'} cache"
        yield Scenario("tags", title, ROUND_TRIP, _lookups(programs, image), filled)


def _signing(stage: Stage, programs: Programs, size: Size) -> Scenario:
    """Every run signs in a new collection, named by the run's directory."""
    tags = [f"1.0.{number}" for number in range(size.signatures)]
    again = tags[: max(1, len(tags) // 10)]

    def path(directory: Path) -> str:
        return f"bench/{directory.name}"

    def pushed(directory: Path) -> None:
        stage.make_collection(path(directory))
        push_image(stage.registry, path(directory), tags[0])
        _tag_again(stage, path(directory), tags)

    def staged(directory: Path) -> None:
        stage.make_collection(path(directory))
        key = ("key", "import", str(stage.key), "-r", SIGNER_NAME)
        programs.import_key(programs.notary(directory, *key))

    def signed(directory: Path) -> None:
        stage.make_collection(path(directory), tags)
        key = ("key", "load", "--name", SIGNER_NAME, str(stage.key))
        programs.import_key(programs.docker(directory, *key))

    contenders = (
        Contender(
            "signer sign",
            lambda directory: programs.sign(directory, stage.gun(path(directory)), tags),
            pushed,
        ),
        Contender(
            f"notary addhash x{len(tags)}, publish",
            lambda directory: programs.add_and_publish(directory, stage.gun(path(directory)), tags),
            staged,
        ),
        Contender(
            f"docker trust sign x{len(tags)} (again)",
            lambda directory: programs.sign_again(directory, stage.gun(path(directory)), again),
            signed,
            times=len(tags) // len(again),
        ),
    )
    return Scenario("sign", f"sign {len(tags)} tags of one repository", ROUND_TRIP, contenders)


def _tag_again(stage: Stage, path: str, tags: Sequence[str]) -> None:
    """Give the image of the first tag all the others."""
    manifest = get_manifest(stage.registry, path, tags[0])
    media_type = "application/vnd.docker.distribution.manifest.v2+json"
    with stage.registry.client() as client:
        for tag in tags[1:]:
            client.put(
                f"/v2/{path}/manifests/{tag}",
                content=manifest,
                headers={"Content-Type": media_type},
            ).raise_for_status()
