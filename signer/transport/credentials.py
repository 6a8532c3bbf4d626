"""Credentials: from the environment, docker's configuration, and credential helpers.

Rules:

- the first source that knows the host wins: ``DTR_USERNAME``/``DTR_PASSWORD``, ``NOTARY_AUTH`` (for
  Notary servers), then docker's ``credHelpers``, ``credsStore`` and ``auths``;
- a half or empty setting is an error, never "no credentials": an unset protected variable in CI
  would otherwise show as a puzzling refusal by the server;
- no secret appears in a repr, a message, or a chained exception.

Source: docker-trust A.4; docker's credential helper protocol.
"""

import base64
import binascii
import json
import re
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from signer.errors import AuthError, SignerError, UsageError
from signer.names import printable

HELPER_TIMEOUT_SECONDS: Final = 30.0
DOCKER_HUB_KEY: Final = "https://index.docker.io/v1/"
DOCKER_HUB_HOSTS: Final = frozenset(
    {"docker.io", "index.docker.io", "registry-1.docker.io", "notary.docker.io"}
)
_IDENTITY_TOKEN_USER: Final = "<token>"  # noqa: S105 - the protocol's marker, no secret
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_FOUND: Final = "credentials not found"

RunHelper = Callable[[str, str], "subprocess.CompletedProcess[str]"]
"""Runs the helper program (first argument) with ``get`` and the host on standard input."""


@dataclass(frozen=True)
class Credential:
    """Who we are to one host: a user name with a password, or an identity token."""

    username: str
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def identity(self) -> str:
        """The name to show: the user's, or that an identity token was used."""
        return self.username or "an identity token"


def run_helper(program: str, host: str) -> "subprocess.CompletedProcess[str]":
    """Run ``program get`` with ``host`` on standard input, for at most 30 seconds.

    Raises:
        OSError: the program cannot be started (FileNotFoundError where there is none).
        subprocess.TimeoutExpired: it did not end in time, and was killed.
    """
    return subprocess.run(  # noqa: S603 - the user's docker configuration names the program
        [program, "get"],
        input=host,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        timeout=HELPER_TIMEOUT_SECONDS,
    )


class Credentials:
    """Looks up credentials by host; what was found is kept for the run, for all threads.

    Args:
        environment: the process's environment.
        docker_config: docker's configuration directory, which may hold ``config.json``.
        run_helper: runs a credential helper.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        docker_config: Path,
        run_helper: RunHelper = run_helper,
    ) -> None:
        self._environment = environment
        self._file = docker_config / "config.json"
        self._run_helper = run_helper
        self._found: dict[tuple[str, bool], Credential | SignerError | None] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Credentials({str(self._file)!r})"

    def for_host(self, host: str, *, notary: bool = False) -> Credential | None:
        """Return the credentials for ``HOST[:PORT]``, or None where no source has any.

        ``notary`` says that the host is asked as a Notary server, for which ``NOTARY_AUTH`` counts.

        Raises:
            AuthError: a variable is empty or malformed (``credentials-incomplete``), or a helper is
                missing or fails (``credential-helper``).
            UsageError: config.json is malformed (``bad-docker-config``).
        """
        key = (_normalised(host), notary)
        with self._lock:  # held while a helper runs: it may ask the user, who is asked once
            if key not in self._found:
                try:
                    self._found[key] = self._look_up(key[0], notary=notary)
                except SignerError as error:
                    self._found[key] = error  # a hanging helper is waited for once, not per thread
            found = self._found[key]
        if isinstance(found, SignerError):
            raise found
        return found

    def _look_up(self, host: str, *, notary: bool) -> Credential | None:
        return (
            self._from_dtr_variables(host)
            or (self._from_notary_variable() if notary else None)
            or self._from_docker(host)
        )

    def searched(self, *, notary: bool = False) -> str:
        """Say where credentials are looked for, in order."""
        variables = "DTR_USERNAME and DTR_PASSWORD, " + ("NOTARY_AUTH, " if notary else "")
        return f"{variables}{self._file}"

    def _from_dtr_variables(self, host: str) -> Credential | None:
        names = ("DTR_USERNAME", "DTR_PASSWORD")
        if not any(name in self._environment for name in names) or host in DOCKER_HUB_HOSTS:
            return None
        server = self._environment.get("DTR_SERVER")
        if server and _normalised(server) != host:
            return None
        missing = [name for name in names if not self._environment.get(name)]
        if server == "":
            # Without the check an unset variable would send the password to any host.
            missing.append("DTR_SERVER")
        if missing:
            raise AuthError(
                f"The credentials for {host} are incomplete: {' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} unset or empty.",
                hint="Protected CI variables exist only on protected branches and tags. Set all of "
                "them or none.",
                code="credentials-incomplete",
            )
        return Credential(self._environment[names[0]], self._environment[names[1]])

    def _from_notary_variable(self) -> Credential | None:
        value = self._environment.get("NOTARY_AUTH")
        if value is None:
            return None
        credential = _decode_basic(value)
        if credential is None:
            raise AuthError(
                "NOTARY_AUTH is empty or not the base64 form of USER:PASSWORD.",
                hint="Make it with: printf %s USER:PASSWORD | base64 -w0",
                code="credentials-incomplete",
            )
        return credential

    def _from_docker(self, host: str) -> Credential | None:
        config = self._config()
        key = DOCKER_HUB_KEY if host in DOCKER_HUB_HOSTS else host
        helpers = self._object(config, "credHelpers")
        helper = next((helpers[name] for name in (key, host) if name in helpers), None)
        if helper is None:
            helper = config.get("credsStore", "")
        if not isinstance(helper, str):
            raise self._malformed("a credential helper's name must be a string")
        return (self._from_helper(helper, key) if helper else None) or self._from_auths(
            self._object(config, "auths"), host, key
        )

    def _from_auths(self, auths: dict[str, Any], host: str, key: str) -> Credential | None:
        candidates = [name for name in auths if name == key]
        candidates += sorted(name for name in auths if name != key and _normalised(name) == host)
        for name in candidates:
            entry = auths[name]
            if not isinstance(entry, dict):
                raise self._malformed("an entry of 'auths' must be an object")
            token, text = entry.get("identitytoken", ""), entry.get("auth", "")
            if not isinstance(token, str) or not isinstance(text, str):
                raise self._malformed("'auth' and 'identitytoken' must be strings")
            # Beside an identity token docker stores the user with an empty password.
            basic = _decode_basic(text, needs_password=not token)
            if text and basic is None:
                raise self._malformed(f"the 'auth' of {name!r} is not base64 of USER:PASSWORD")
            if token:
                return Credential(basic.username if basic else "", identity_token=token)
            if basic:
                return basic
        return None

    def _from_helper(self, helper: str, key: str) -> Credential | None:
        if not _HELPER_NAME.fullmatch(helper):
            raise self._malformed(f"{helper!r} is no credential helper's name")
        program = f"docker-credential-{helper}"
        try:
            result = self._run_helper(program, key)
        except FileNotFoundError as error:
            raise _helper_failed(program, key, "there is no such program on PATH") from error
        except subprocess.TimeoutExpired:
            # Not chained: the exception holds what the helper has printed so far.
            why = f"it did not answer within {HELPER_TIMEOUT_SECONDS:.0f} seconds"
            raise _helper_failed(program, key, why) from None
        except OSError as error:
            raise _helper_failed(program, key, f"{error.strerror}") from error
        if result.returncode != 0:
            said = (result.stdout.strip() or result.stderr.strip()).partition("\n")[0]
            if _NOT_FOUND in f"{result.stdout}{result.stderr}".lower():
                return None
            shown = "" if said.startswith("{") else f": {printable(said)}"  # JSON may hold a secret
            raise _helper_failed(program, key, f"it ended with status {result.returncode}{shown}")
        return _helper_answer(result.stdout, program, key)

    def _config(self) -> dict[str, Any]:
        try:
            config = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UsageError(
                f"Docker's configuration {self._file} cannot be read: {error.strerror}.",
                code="bad-docker-config",
            ) from error
        except (ValueError, RecursionError):
            raise self._malformed("it is not JSON") from None  # the cause holds the content
        if not isinstance(config, dict):
            raise self._malformed("it is not a JSON object")
        return config

    def _object(self, config: dict[str, Any], name: str) -> dict[str, Any]:
        value = config.get(name) or {}
        if not isinstance(value, dict):
            raise self._malformed(f"{name!r} must be an object")
        return value

    def _malformed(self, why: str) -> UsageError:
        return UsageError(
            f"Docker's configuration {self._file} is malformed: {printable(why)}.",
            hint="Mend or remove the file, or point DOCKER_CONFIG at another directory.",
            code="bad-docker-config",
        )


def _helper_answer(text: str, program: str, key: str) -> Credential | None:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise _helper_failed(program, key, "its answer is not JSON") from None
    username = answer.get("Username") if isinstance(answer, dict) else None
    secret = answer.get("Secret") if isinstance(answer, dict) else None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise _helper_failed(program, key, "its answer lacks Username or Secret")
    if not secret:
        return None
    if username == _IDENTITY_TOKEN_USER:
        return Credential("", identity_token=secret)
    return Credential(username, secret)


def _helper_failed(program: str, key: str, why: str) -> AuthError:
    return AuthError(
        f"The credential helper {program} gave no credentials for {key}: {why}.",
        hint="Docker's config.json names this helper in credsStore or credHelpers: install or mend "
        "it, remove the entry, or set DTR_USERNAME and DTR_PASSWORD.",
        code="credential-helper",
    )


def _decode_basic(text: str, *, needs_password: bool = True) -> Credential | None:
    """Decode base64 of ``USER:PASSWORD``; None where it is empty or no such thing."""
    try:
        decoded = base64.b64decode(text, validate=True).decode().rstrip("\0")
    except (binascii.Error, ValueError):
        return None
    username, colon, password = decoded.partition(":")
    complete = colon and username and (password or not needs_password)
    return Credential(username, password) if complete else None


def _normalised(host: str) -> str:
    """Reduce a host, URL or config.json key to ``host[:port]`` in lower case, without ``:443``."""
    name = host.strip().lower()
    for scheme in ("https://", "http://"):
        name = name.removeprefix(scheme)
    return name.partition("/")[0].removesuffix(":443")
