"""Passphrases: from docker's and notary's variables, or from a prompt on a terminal.

Rules:

- a key is tried with every configured value that could be meant for its role, so that signer keys
  with different passphrases can be used in one run;
- docker's variable comes before notary's, a variable before its ``_FILE`` form;
- an empty value is no passphrase. Where it explains a failure it is named: a protected CI variable
  is empty on an unprotected branch;
- no passphrase is ever part of a message, a ``repr`` or a log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from signer.constants import BASE_ROLES, MIN_PASSPHRASE_LENGTH, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import PassphraseError
from signer.names import printable

Prompt = Callable[[str], str]
"""Shows its argument on a terminal and returns what is typed, unseen."""

T = TypeVar("T")

ATTEMPTS: Final = 3

_DOCKER_ROOT: Final = "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE"
_DOCKER_OTHERS: Final = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"
_VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    ROOT: (_DOCKER_ROOT, "NOTARY_ROOT_PASSPHRASE"),
    TARGETS: (_DOCKER_OTHERS, "NOTARY_TARGETS_PASSPHRASE"),
    SNAPSHOT: (_DOCKER_OTHERS, "NOTARY_SNAPSHOT_PASSPHRASE"),
    TIMESTAMP: (_DOCKER_OTHERS,),
}
_DELEGATION_VARIABLES: Final = (_DOCKER_OTHERS, "NOTARY_DELEGATION_PASSPHRASE")
_FILE_SUFFIX: Final = "_FILE"
_LOOKS_MEANT: Final = re.compile(r"(?:DOCKER_CONTENT_TRUST|NOTARY)\w*PASS\w*")
_MAX_FILE_SIZE: Final = 4096
_SHOWN_ID: Final = 7


@dataclass(frozen=True)
class Candidate:
    """A passphrase that may open a key.

    Attributes:
        variable: the environment variable that it came from, or "" where it was typed.
        value: the passphrase.
    """

    variable: str
    value: bytes = field(repr=False)


def variables_for(role: str) -> tuple[str, ...]:
    """Return the variables that are read for a role, without their ``_FILE`` forms.

    Any role that is not a base role (a delegation, a signer's bare name, or "" where it is not
    known) reads those of a signer key.

    Source: NP 2.4, docker-trust A.5.
    """
    return _VARIABLES.get(role, _DELEGATION_VARIABLES)


class Passphrases:
    """Finds the passphrase of a key by its role.

    Args:
        environment: the variables, usually ``os.environ``.
        prompt: asks on a terminal; None for unattended runs. What is typed has the white space
            around it removed, as Go does.
    """

    def __init__(self, environment: Mapping[str, str], *, prompt: Prompt | None = None) -> None:
        self._environment = environment
        self._prompt = prompt
        self._entered: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Passphrases(prompt={self._prompt is not None})"

    def candidates(self, role: str, key_id: str = "") -> Iterator[Candidate]:
        """Yield each distinct passphrase for a role, those typed before in this run included.

        Args:
            role: the key's role, "" where it is not known.
            key_id: the key's canonical id; what was typed for it comes first.

        Raises:
            PassphraseError: a ``_FILE`` variable names a file that cannot be read.
        """
        seen: set[bytes] = set()
        for candidate in self._all_candidates(role, key_id):
            if candidate.value and candidate.value not in seen:
                seen.add(candidate.value)
                yield candidate

    def unlock(
        self, attempt: Callable[[bytes], T], *, role: str, key_id: str = "", origin: str = ""
    ) -> T:
        """Open a key: call ``attempt`` with one passphrase after the other until one works.

        Args:
            attempt: opens the key, or raises PassphraseError where the passphrase is wrong.
            role: the key's role, "" where it is not known.
            key_id: the key's canonical id, or "" where it is not known.
            origin: where the key comes from, for messages about keys without a known id.

        Returns:
            What ``attempt`` returned.

        Raises:
            PassphraseError: no passphrase is set, or all were rejected; it names the key, the role
                and the variables, and says what looks wrong in the environment.
        """
        name = _key_name(role, key_id, origin)
        rejected = []
        for candidate in self.candidates(role, key_id):
            try:
                return attempt(candidate.value)
            except PassphraseError:
                rejected.append(candidate.variable or "what was typed before")
        if self._prompt is None:
            raise self._not_opened(name, role, rejected)
        for _ in range(ATTEMPTS):
            value = self._ask(f"Enter passphrase for {name}: ")
            try:
                opened = attempt(value)
            except PassphraseError:
                continue
            self._entered[key_id] = value
            return opened
        raise self._not_opened(name, role, [*rejected, f"what was typed, {ATTEMPTS} times"])

    def new(self, role: str, key_id: str = "") -> bytes:
        """Return the passphrase for a key that is being made.

        The first variable that is set for the role decides; otherwise the prompt asks twice.

        Raises:
            PassphraseError: nothing is set and there is no prompt, the passphrase is shorter than
                8 characters, or was not repeated alike in three attempts.

        Source: NP 2.4.
        """
        configured = next((found for found in self.candidates(role) if found.variable), None)
        if configured is not None:
            if _length(configured.value) < MIN_PASSPHRASE_LENGTH:
                raise _too_short(f"The passphrase in {configured.variable}")
            return configured.value
        if self._prompt is None:
            raise PassphraseError(
                f"No passphrase for the new {_key_name(role, key_id)}.",
                hint=f"Set {_or(variables_for(role))}. {self._hints(role)}".strip(),
                code="passphrase-missing",
            )
        problem = _too_short("The passphrase")
        for _ in range(ATTEMPTS):
            value = self._ask(f"Enter passphrase for new {_key_name(role, key_id)}: ")
            if _length(value) < MIN_PASSPHRASE_LENGTH:
                problem = _too_short("The passphrase")
                continue
            if self._ask(f"Repeat passphrase for new {_key_name(role, key_id)}: ") == value:
                if key_id:
                    self._entered[key_id] = value
                return value
            problem = PassphraseError("The two passphrases differ.", code="passphrase-mismatch")
        raise problem

    def _all_candidates(self, role: str, key_id: str) -> Iterator[Candidate]:
        if key_id in self._entered:
            yield Candidate("", self._entered[key_id])
        for variable in variables_for(role):
            if variable in self._environment:
                yield Candidate(variable, _to_bytes(self._environment[variable]))
            if path := self._environment.get(variable + _FILE_SUFFIX):
                yield Candidate(variable + _FILE_SUFFIX, _read(variable + _FILE_SUFFIX, path))
        for value in self._entered.values():
            yield Candidate("", value)

    def _ask(self, text: str) -> bytes:
        if self._prompt is None:
            raise PassphraseError("There is no terminal to ask on.", code="passphrase-missing")
        try:
            return _to_bytes(self._prompt(text).strip())
        except EOFError as error:
            raise PassphraseError(
                "The terminal was closed before a passphrase was typed.", code="passphrase-missing"
            ) from error

    def _not_opened(self, name: str, role: str, rejected: list[str]) -> PassphraseError:
        hints = self._hints(role)
        if rejected:
            return PassphraseError(
                f"The passphrase for the {name} was rejected; tried {', '.join(rejected)}.",
                hint=f"Check for a '$' or '!' that CI or shell expanded. {hints}".strip(),
            )
        return PassphraseError(
            f"The {name} is encrypted and no passphrase is set.",
            hint=f"Set {_or(variables_for(role))}. {hints}".strip(),
            code="passphrase-missing",
        )

    def _hints(self, role: str) -> str:
        """Say what in the environment looks as if it was meant, and is not read."""
        read = {name + suffix for name in variables_for(role) for suffix in ("", _FILE_SUFFIX)}
        known = {
            name + suffix
            for names in (*_VARIABLES.values(), _DELEGATION_VARIABLES)
            for name in names
            for suffix in ("", _FILE_SUFFIX)
        }
        hints = []
        for name in sorted(filter(_LOOKS_MEANT.fullmatch, self._environment)):
            value = self._environment[name]
            if name in read and not value:
                hints.append(
                    f"{name} is set but empty: a protected CI variable is empty on a branch or "
                    "tag that is not protected."
                )
            elif name in known - read and value:
                hints.append(f"{name} is set, but is not read for {_role_name(role)} keys.")
            elif name not in known:
                hints.append(f"{printable(name)} is set, but no program reads it.")
        return " ".join(hints)


def _read(variable: str, path: str) -> bytes:
    """Read a passphrase file; its path is not shown, as it may be a passphrase by mistake."""
    try:
        with Path(path).open("rb") as file:
            value = file.read(_MAX_FILE_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise PassphraseError(
            f"The passphrase file that {variable} names cannot be read: {reason}.",
            hint=f"{variable} is the path of a file; the variable without {_FILE_SUFFIX} is the "
            "passphrase itself.",
            code="passphrase-file",
        ) from error
    if len(value) > _MAX_FILE_SIZE:
        raise PassphraseError(
            f"The passphrase file that {variable} names is larger than {_MAX_FILE_SIZE} bytes.",
            code="passphrase-file",
        )
    return value[:-2] if value.endswith(b"\r\n") else value.removesuffix(b"\n")


def _to_bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _length(value: bytes) -> int:
    return len(value.decode("utf-8", "surrogateescape"))


def _too_short(subject: str) -> PassphraseError:
    return PassphraseError(
        f"{subject} is shorter than {MIN_PASSPHRASE_LENGTH} characters.",
        hint=f"Notary's programs want at least {MIN_PASSPHRASE_LENGTH} characters.",
        code="passphrase-too-short",
    )


def _role_name(role: str) -> str:
    return role if role in BASE_ROLES else "signer"


def _key_name(role: str, key_id: str, origin: str = "") -> str:
    shown = f"{printable(role)} key" if role else "key"
    if key_id:
        return f"{shown} with ID {key_id[:_SHOWN_ID]}"
    return f"{shown} in {printable(origin)}" if origin else shown


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names)
