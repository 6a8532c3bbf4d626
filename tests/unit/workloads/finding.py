"""What the tests of this directory share: files written for one test, and what is found in them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from signer.errors import UsageError
from signer.policy.model import Resource
from signer.workloads.find import find_images
from signer.workloads.found import FoundImage


def write_files(directory: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files, with their directories."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


class Place:
    """A working directory with files."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        monkeypatch.chdir(directory)

    def found(
        self,
        *names: str,
        env: Mapping[str, str] | None = None,
        resources: Sequence[Resource] = (),
    ) -> list[FoundImage]:
        """Return what is found in files."""
        files = [name if name == "-" else Path(name) for name in names]
        return find_images(files, environment=env or {}, resources=resources)

    def images(
        self, files: Mapping[str, str | bytes], env: Mapping[str, str] | None = None
    ) -> list[tuple[str, str, int, str]]:
        """Write files, and return what is found in the first: reference, file, line, path."""
        write_files(self.directory, files)
        found = self.found(next(iter(files)), env=env)
        return [(one.reference_text, one.file, one.line, one.path) for one in found]

    def texts(
        self, files: Mapping[str, str | bytes], env: Mapping[str, str] | None = None
    ) -> list[str]:
        """Write files, and return the references in the first."""
        return [text for text, *_ in self.images(files, env)]

    def refusal(
        self, files: Mapping[str, str | bytes], env: Mapping[str, str] | None = None
    ) -> str:
        """Write files, and return why the first is refused."""
        with pytest.raises(UsageError) as error:
            self.images(files, env)
        assert error.value.exit_code == 2
        return error.value.message
