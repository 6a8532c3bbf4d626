"""Ready pipelines: the files below ``pipelines/``, put together and filled in.

``@{name}`` in a file stands for a setting. Settings are checked against what may stand in YAML,
Groovy and TOML without quoting, so none can add a line of its own.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from signer import __version__
from signer.errors import UsageError
from signer.names import ImageReference, parse_key_id, parse_signer, printable
from signer.report.host import CiHost

PARTS: Final = ("build", "mirror", "sign", "deploy")
"""What a pipeline can do, in this order."""

EXAMPLE_HOST: Final = "dtr.example.com"


@dataclass(frozen=True)
class PipelineSettings:
    """What is filled in."""

    host: str = EXAMPLE_HOST
    """``HOST[:PORT]`` of the DTR."""

    repository: str = "admin/flask"
    """``NAMESPACE/REPO`` to which DTR promotes."""

    signer: str = "gitlab"
    """The signer's name."""

    image: str = ""
    """The image that has ``signer``, for the jobs; empty for ``HOST/ci/signer:VERSION``."""

    root_key_ids: tuple[str, ...] = ()
    """Pins: 64 hex digits each."""

    def values(self) -> dict[str, str]:
        """Return the checked values by their names in the files.

        Raises:
            UsageError: a value is malformed; it is named.
        """
        target = ImageReference.parse(f"{self.host}/{self.repository}")
        if f"{target.domain}/{target.path}" != f"{self.host}/{self.repository}":
            raise UsageError(
                f"{printable(self.host)!r} and {printable(self.repository)!r} are no host and "
                "repository.",
                hint="Write HOST[:PORT] and NAMESPACE/REPO.",
            )
        namespace, _, name = target.path.rpartition("/")
        if not namespace:
            raise UsageError(f"{name!r} has no namespace.", hint="Write NAMESPACE/REPO.")
        parse_signer(self.signer)
        for key_id in self.root_key_ids:
            parse_key_id(key_id)
        image = ImageReference.parse(self.image or f"{self.host}/ci/signer:{__version__}")
        return {
            "host": target.domain,
            "repository": target.path,
            "namespace": namespace,
            "signer": self.signer,
            "image": str(image),
            "root_key_ids": ", ".join(f'"{key_id}"' for key_id in self.root_key_ids),
        }


def pipeline(host: CiHost, settings: PipelineSettings, *, parts: Collection[str] = PARTS) -> str:
    """Return a CI system's pipeline.

    Args:
        host: GitLab, Jenkins or GitHub Actions.
        settings: what is filled in.
        parts: of ``PARTS``, those that are wanted.

    Raises:
        UsageError: a setting is malformed, or nothing is wanted.
    """
    wanted = [part for part in PARTS if part in parts]
    if not wanted:
        raise UsageError(f"A pipeline has at least one of {', '.join(PARTS)}.")
    names = {
        CiHost.GITLAB: _gitlab,
        CiHost.JENKINS: _jenkins,
        CiHost.GITHUB: _github,
    }[host](wanted)
    ending = "groovy" if host is CiHost.JENKINS else "yml"
    text = "".join(_read(f"{host.value}/{name}.{ending}") for name in names)
    return _filled(text, settings).rstrip("\n") + "\n"


def configuration(settings: PipelineSettings) -> str:
    """Return the configuration file that belongs to the pipelines.

    Raises:
        UsageError: a setting is malformed.
    """
    return _filled(_read("signer.toml"), settings)


def _gitlab(parts: list[str]) -> Iterator[str]:
    yield "head"
    yield "stages"
    yield from parts


def _jenkins(parts: list[str]) -> Iterator[str]:
    yield from ("head", "begin")
    if "sign" in parts:
        yield "on-sign"
    asked = [f"on-{part}" for part in ("mirror", "deploy") if part in parts]
    if asked:
        yield from ("parameters", *asked, "parameters-end")
    yield from ("stages", *parts, "end")


def _github(parts: list[str]) -> Iterator[str]:
    yield from ("head", "on")
    yield from (f"on-{part}" for part in ("build", "sign") if part in parts)
    asked = [f"on-{part}" for part in ("mirror", "deploy") if part in parts]
    if asked:
        yield from ("on-dispatch", *asked)
    yield from ("jobs", *parts)


def _read(name: str) -> str:
    return (files("signer.report") / "pipelines" / name).read_text(encoding="utf-8")


def _filled(text: str, settings: PipelineSettings) -> str:
    for name, value in settings.values().items():
        text = text.replace(f"@{{{name}}}", value)
    return text
