"""Remembered states in Redis, for replicas that share them (extra ``redis``).

Each state is one string of JSON under ``signer:state:GUN``. A write is a compare-and-set (WATCH,
MULTI): of replicas that write at once each merges what the others wrote, so marks only rise.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from signer.constants import DEFAULT_TIMEOUT_SECONDS
from signer.errors import AuthError, ConflictError, SignerError, UsageError
from signer.files import read_named_file
from signer.names import Gun, parse_gun
from signer.trust.state import (
    DAMAGE,
    StateError,
    StateUnavailableError,
    TrustState,
    checked_merge,
    merge,
    read_content,
    state_content,
    unreadable_state,
)

try:
    import redis
    from redis.backoff import ExponentialBackoff
    from redis.exceptions import (
        AuthenticationError,
        AuthorizationError,
        NoPermissionError,
        RedisError,
        WatchError,
    )
    from redis.exceptions import ConnectionError as ConnectionFailedError
    from redis.exceptions import TimeoutError as TimeoutFailedError
    from redis.retry import Retry
except ImportError as error:
    raise UsageError(
        "Trust state in Redis needs a library that is not installed.",
        hint="pip install 'signer[redis]'",
        code="missing-extra",
    ) from error

PREFIX: Final = "signer:state:"
DEFAULT_PORT: Final = 6379

_OPTIONS: Final = {"db"}
_SOCKET_OPTIONS: Final = {"db", "username", "password"}
"""A socket's URL has no other place for them. Nothing in a URL can weaken TLS."""

_ANSWER_SECONDS: Final = 3.0
"""Redis answers at once or not at all, and a cluster that waits for a verdict waits twice this."""

_CONFLICT_SECONDS: Final = 30.0
_REFUSED: Final = (AuthenticationError, AuthorizationError, NoPermissionError)


class RedisStates:
    """States in Redis; a ``StateStore``.

    Args:
        url: ``redis://[USER:PASSWORD@]HOST[:PORT][/DB]``, ``rediss://`` with TLS, or
            ``unix://PATH[?db=N&username=USER&password=PASSWORD]``.
        password: where the URL has none.
        ca_files: authorities of the server's certificate, beside the system's.
        timeout_seconds: how long to wait for a connection, and for an answer; three at most.

    Raises:
        UsageError: the URL is malformed, or a file of ``ca_files`` cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str = "",
        ca_files: Iterable[Path] = (),
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        settings = _parse(url)
        self._name = settings.name
        options: dict[str, Any] = {
            **settings.options,
            "socket_timeout": min(timeout_seconds, _ANSWER_SECONDS),
            "socket_connect_timeout": min(timeout_seconds, _ANSWER_SECONDS),
            # One more try, at once: the server may have closed a connection that was kept.
            "retry": Retry(ExponentialBackoff(cap=0.1, base=0.02), 1),
            "retry_on_error": [ConnectionFailedError, TimeoutFailedError],
        }
        if password and not options.get("password"):
            options["password"] = password
        if options.get("ssl"):
            options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
            authorities = b"\n".join(read_named_file(path) for path in ca_files)
            if authorities:
                options["ssl_ca_data"] = authorities.decode("ascii", "replace")
        self._redis = redis.Redis(**options)

    def __repr__(self) -> str:
        return f"RedisStates({self._name!r})"

    @property
    def description(self) -> str:
        """The URL without user and password."""
        return self._name

    def location(self, gun: Gun) -> str:
        """Return the key and the URL without user and password."""
        return f"key {_key(gun)} of {self._name}"

    def load(self, gun: Gun) -> TrustState | None:
        """Read a collection's state; None where nothing is remembered.

        Raises:
            StateError: it is there but damaged: nothing is assumed in its place.
            StateUnavailableError: the server cannot be reached.
            AuthError: it refuses the password, or the user may not read.
        """
        with self._translated():
            value = self._get(gun)
        return self._decode(gun, value)

    def unreadable(self, gun: Gun) -> StateError:
        """Return the error for a state whose value, or whose content, is damaged."""
        return unreadable_state(gun, location=self.location(gun))

    def forget(self, gun: Gun) -> None:
        """Forget a collection that is made anew; nothing guards its versions afterwards.

        Raises:
            StateUnavailableError, AuthError: it is still remembered.
        """
        with self._translated():
            self._redis.delete(_key(gun))

    def save(self, gun: Gun, state: TrustState) -> None:
        """Remember ``state`` merged with what is known; unchanged states are not written.

        Raises:
            StateConflictError: another root of the same version was trusted meanwhile.
            StateError: what is known is damaged.
            StateUnavailableError, AuthError: as ``load``; perhaps it was written all the same.
            ConflictError: others wrote all the time.
        """
        self.save_all({gun: state})

    def save_all(self, states: Mapping[Gun, TrustState]) -> None:
        """Remember several states in one transaction, or none.

        Raises:
            As ``save``.
        """
        known = self._load_all(list(states))
        changed = {
            gun: state for gun, state in states.items() if merge(known[gun], state) != known[gun]
        }
        if not changed:
            return
        attempts = Retrying(
            retry=retry_if_exception_type(WatchError),
            wait=wait_random_exponential(multiplier=0.005, max=0.25),
            stop=stop_after_delay(_CONFLICT_SECONDS),
        )
        try:
            with self._translated():
                attempts(self._compare_and_set, changed)
        except RetryError as error:
            raise ConflictError(
                f"Other replicas write the trust state all the time: {self._name}.",
                hint="Try again.",
            ) from error

    def guns(self) -> list[Gun]:
        """Return the collections that are remembered, sorted.

        Raises:
            StateUnavailableError, AuthError: as ``load``.
        """
        found = set()
        with self._translated():
            for key in self._redis.scan_iter(match=f"{PREFIX}*", count=1000):
                try:
                    found.add(parse_gun(key.decode("utf-8", "replace").removeprefix(PREFIX)))
                except SignerError:
                    continue  # no name of a collection, so nothing that was written here
        return sorted(found)

    def changed(self, gun: Gun) -> datetime | None:
        """Return when a collection's state was last written, by the writer's clock, in UTC.

        Raises:
            StateUnavailableError, AuthError: as ``load``.
        """
        with self._translated():
            value = self._get(gun)
        try:
            return datetime.fromisoformat(json.loads(value or b"")["saved"]).astimezone(UTC)
        except DAMAGE:
            return None

    def close(self) -> None:
        """Close the connections; calling it twice is harmless."""
        self._redis.close()

    def _get(self, gun: Gun) -> bytes | None:
        return cast("bytes | None", self._redis.get(_key(gun)))

    def _load_all(self, guns: Sequence[Gun]) -> dict[Gun, TrustState | None]:
        if not guns:
            return {}
        with self._translated():
            values = cast("list[bytes | None]", self._redis.mget([_key(gun) for gun in guns]))
        return {gun: self._decode(gun, value) for gun, value in zip(guns, values, strict=True)}

    def _compare_and_set(self, states: Mapping[Gun, TrustState]) -> None:
        """Merge and write, if nobody else wrote in between.

        Raises:
            WatchError: somebody did; nothing was written.
        """
        keys = [_key(gun) for gun in states]
        with self._redis.pipeline() as pipe:
            pipe.watch(*keys)  # type: ignore[no-untyped-call] # the library's own
            values = cast("list[bytes | None]", pipe.mget(keys))
            merged = {
                gun: checked_merge(
                    gun, self._decode(gun, value), state, location=self.location(gun)
                )
                for (gun, state), value in zip(states.items(), values, strict=True)
            }
            pipe.multi()
            saved = datetime.now(tz=UTC).isoformat(timespec="seconds")
            for gun, state in merged.items():
                pipe.set(_key(gun), json.dumps(state_content(gun, state) | {"saved": saved}))
            pipe.execute()

    def _decode(self, gun: Gun, value: bytes | None) -> TrustState | None:
        if value is None:
            return None
        try:
            return read_content(json.loads(value), gun)
        except DAMAGE as error:
            raise self.unreadable(gun) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the library's errors into ours; what the server says is not repeated."""
        try:
            yield
        except WatchError:
            raise
        except _REFUSED as error:
            raise AuthError(
                f"Redis does not accept user or password, or does not allow the command: "
                f"{self._name}.",
                hint="Put them into the URL (redis://USER:PASSWORD@HOST), or the password into "
                "SIGNER_STATE_PASSWORD.",
                code="trust-state-unauthorised",
            ) from error
        except (RedisError, OSError, UnicodeError) as error:
            raise StateUnavailableError(
                f"The trust state cannot be asked for: {self._name} ({_reason(error)}).",
                hint="Without it a rollback could not be noticed, so nothing is decided. Is Redis "
                "running and reachable?",
            ) from error


class _Settings:
    """What a URL says: the library's options, and a name that is fit to be shown."""

    def __init__(self, name: str, **options: Any) -> None:  # noqa: ANN401 - the library's
        self.name = name
        self.options = {key: value for key, value in options.items() if value not in {None, ""}}


def _parse(url: str) -> _Settings:
    try:
        parts = urlsplit(url)
        unix = parts.scheme == "unix"
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        unknown = query.keys() - (_SOCKET_OPTIONS if unix else _OPTIONS)
        if unknown or parts.fragment:
            raise ValueError("an option that is not known")
        given = {name: values[-1] for name, values in query.items()}
        return _socket(parts, given) if unix else _server(parts, given)
    except ValueError as error:
        raise UsageError(
            "The URL of the trust state is malformed.",  # it may hold a password: it is not shown
            hint="Write redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss://... for TLS, or "
            "unix:///PATH[?db=N]; special characters of a password as %XX.",
            code="bad-state-url",
        ) from error


def _socket(parts: SplitResult, given: Mapping[str, str]) -> _Settings:
    database = int(given.get("db") or 0)
    if not parts.path or parts.path == "/" or parts.hostname:
        raise ValueError("no path")
    path = unquote(parts.path)
    return _Settings(
        f"unix://{path}?db={database}",
        unix_socket_path=path,
        db=database,
        username=unquote(parts.username or "") or given.get("username"),
        password=unquote(parts.password or "") or given.get("password"),
    )


def _server(parts: SplitResult, given: Mapping[str, str]) -> _Settings:
    database = int(given.get("db") or parts.path.strip("/") or 0)
    host, port = parts.hostname, parts.port or DEFAULT_PORT
    if not host or database < 0:
        raise ValueError("no host")
    shown = f"[{host}]" if ":" in host else host
    return _Settings(
        f"{parts.scheme}://{shown}:{port}/{database}",
        host=host,
        port=port,
        db=database,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        ssl=parts.scheme == "rediss" or None,
    )


def _key(gun: Gun) -> str:
    return f"{PREFIX}{gun}"


def _reason(error: BaseException) -> str:
    """Return the system's word for a failure, or else the kind of it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return str(seen.strerror)
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__
