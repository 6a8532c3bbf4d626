"""Where ``signer pin`` writes: standard output, a file, a directory, or the files themselves."""

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signer.errors import UsageError
from signer.workloads.source import STDIN, Source


@dataclass(frozen=True)
class PinTarget:
    """Where rewritten files go: to standard output, where nothing else is chosen.

    Attributes:
        check: nowhere.
        in_place: into the files themselves.
        directory: into a directory, under their names.
        file: into a file.
    """

    check: bool = False
    in_place: bool = False
    directory: Path | None = None
    file: Path | None = None

    @classmethod
    def of(
        cls, files: Sequence[str], *, output: str | None, in_place: bool, check: bool
    ) -> "PinTarget":
        """Read the options.

        Raises:
            UsageError: they do not fit each other, or the files.
        """
        if output is not None and in_place:
            raise UsageError("-o and -i were given: a file is written to one place.")
        if check:
            return cls(check=True)
        if in_place:
            if STDIN in files:
                raise UsageError("-i cannot rewrite standard input.", hint="Leave -i out.")
            return cls(in_place=True)
        several = len(files) > 1
        if output is None or output == STDIN:
            if several:
                raise UsageError(
                    "Standard output takes one file, and several were given.",
                    hint="Rewrite them with -i, or write them into a directory with -o.",
                )
            return cls()
        if several or output.endswith("/") or Path(output).is_dir():
            return cls(directory=_directory(Path(output), files))
        return cls(file=Path(output))

    @property
    def prints(self) -> bool:
        """Whether a file goes to standard output."""
        return not (self.check or self.in_place or self.directory or self.file)

    def path_of(self, source: Source) -> Path | None:
        """Return where a file goes; None for standard output, or nowhere."""
        if self.in_place:
            return Path(source.name)
        return self.directory / Path(source.name).name if self.directory else self.file

    def write(self, sources: Sequence[Source], rewritten: Sequence[Source]) -> None:
        """Write all files or none; in place, only those that change.

        Raises:
            UnwritableDirectoryError: nothing was written.
        """
        from signer.workloads.replacing import NewFile, replace_files

        new_files = []
        for before, after in zip(sources, rewritten, strict=True):
            path = self.path_of(before)
            if path is not None and not (self.in_place and before.text == after.text):
                mode = 0o644
                if before.name != STDIN:
                    mode = stat.S_IMODE(Path(before.name).stat().st_mode)
                new_files.append(NewFile(path, after.content, mode))
        replace_files(new_files)


def _directory(directory: Path, files: Sequence[str]) -> Path:
    """Check that files can be written into a directory."""
    if STDIN in files:
        raise UsageError("Standard input has no name for a file in a directory.")
    names = [Path(file).name for file in files]
    if len(set(names)) < len(names):
        raise UsageError(
            f"Two files would have the same name in {directory}.",
            hint="Write them one by one, each with -o FILE.",
        )
    if directory.exists() and not directory.is_dir():
        raise UsageError(
            f"{directory} is no directory, which several files need.",
            hint="Choose another one, or rewrite the files with -i.",
        )
    return directory
