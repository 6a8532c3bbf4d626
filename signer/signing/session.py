"""What the commands share: settings, connections, the trust directory, keys at hand."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from signer.constants import DEFAULT_CONNECTIONS, DEFAULT_TIMEOUT_SECONDS
from signer.files import read_named_file
from signer.names import DEFAULT_DOMAIN, Gun, ImageReference, parse_signer

if TYPE_CHECKING:
    import ssl
    from concurrent.futures import Future

    from signer.keys.passphrase import Passphrases
    from signer.keys.signers import NotarySigner
    from signer.keys.store import KeyStore
    from signer.publish.publisher import Publisher
    from signer.publish.signing import Keyring
    from signer.transport.credentials import Credentials
    from signer.transport.http import HttpPool
    from signer.transport.notary import NotaryServer, OnUpload
    from signer.transport.registry import Registry
    from signer.transport.tls import TlsSettings
    from signer.trust.cache import MetadataCache
    from signer.trust.client import TrustClient
    from signer.trust.fetch import Downloads, MetadataSource
    from signer.trust.pinning import Pins
    from signer.trust.state import StateStore

DOCKER_HUB_SERVER: Final = "https://notary.docker.io"
STATE_DIRECTORY: Final = "signer"
"""Below the trust directory: known roots and high-water marks, apart from the cache."""

_REQUESTS_AT_ONCE: Final = 16
_COLLECTIONS_AT_ONCE: Final = 32


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(tz=UTC)


@dataclass(frozen=True)
class PinSources:
    """Where pins come from, as users give them; files are read when a pin is first needed.

    Attributes:
        key_ids: TUF ids or canonical ids of root keys.
        certificates: PEM files of root certificates or public keys.
        authorities: PEM files of CA bundles.
        trust_on_first_use: whether an unknown root may be trusted.
    """

    key_ids: tuple[str, ...] = ()
    certificates: tuple[Path, ...] = ()
    authorities: tuple[Path, ...] = ()
    trust_on_first_use: bool = False

    def load(self) -> "Pins":
        """Read the files.

        Raises:
            UsageError: a file cannot be read, or has no certificate.
        """
        from signer.trust.pinning import Pins

        return Pins.load(
            self.key_ids,
            [(str(path), read_named_file(path)) for path in self.certificates],
            authorities=[(str(path), read_named_file(path)) for path in self.authorities],
            trust_on_first_use=self.trust_on_first_use,
        )


@dataclass(frozen=True)
class Settings:
    """Settings of one run.

    Attributes:
        trust_dir: keys, metadata cache and trust state.
        docker_config: docker's configuration directory: credentials, ``tls/HOST``.
        server: URL of the Notary server; empty for the one that belongs to the reference's host.
        ca_files: PEM files of authorities, added to the system's.
        timeout_seconds: how long one request may take.
        max_connections: to one server.
        pins: how an unknown root may be trusted.
        environment: environment variables: secrets and defaults.
        offline: decide by what the trust directory holds, and ask no server.
        at: the moment to decide as of; None for now.
        state_url: where known roots and high-water marks are: a directory, or the URL of a Redis
            that replicas share; empty for the trust directory.
    """

    trust_dir: Path
    docker_config: Path
    server: str = ""
    ca_files: tuple[Path, ...] = ()
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    max_connections: int = DEFAULT_CONNECTIONS
    pins: PinSources = field(default_factory=PinSources)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    offline: bool = False
    at: datetime | None = None
    state_url: str = field(default="", repr=False)  # it may hold a password


class Session:
    """Connections and stores of one run; use it as a context manager.

    Args:
        settings: what the user chose.
        prompt: asks for a secret on a terminal; None where there is nobody to ask.
        confirm: asks whether a root with these key ids is to be trusted on first use.
        clock: returns the current time, with its zone.
        sleep: waits, in seconds.
        on_upload: is told of every publish that a server took, or may have taken.
        sources: where metadata come from instead of servers: a bundle's.
        vouched_pins: pins that hold for a collection where nobody pins anything else: those of
            a bundle whose maker is trusted.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        prompt: Callable[[str], str] | None = None,
        confirm: Callable[[Gun, str], bool] | None = None,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        on_upload: "OnUpload | None" = None,
        sources: "Callable[[Gun], MetadataSource] | None" = None,
        vouched_pins: "Callable[[Gun], Pins] | None" = None,
    ) -> None:
        self.settings = settings
        self.on_upload = on_upload
        moment = settings.at
        self.clock = clock if moment is None else lambda: moment
        self._sources = sources
        self._vouched_pins = vouched_pins
        self.sleep = sleep
        self.prompt = prompt
        self.confirm = confirm
        self._making = threading.RLock()  # what is shared by threads is made once
        self._pool: HttpPool | None = None
        self._tls: _TlsAhead | None = None
        self._pins: Pins | None = None
        self._credentials: Credentials | None = None
        self._states: StateStore | None = None
        self._downloads: dict[Gun, Downloads] = {}
        self._executors: dict[str, ThreadPoolExecutor] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and end threads; what is under way is abandoned."""
        for executor in self._executors.values():
            executor.shutdown(wait=False, cancel_futures=True)
        self._executors.clear()
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._states is not None:
            self._states.close()
            self._states = None

    @property
    def requests(self) -> Executor:
        """Runs requests."""
        return self._executor("requests", _REQUESTS_AT_ONCE)

    @property
    def collections(self) -> Executor:
        """Runs work on collections, which waits for ``requests``."""
        return self._executor("collections", _COLLECTIONS_AT_ONCE)

    def _executor(self, name: str, workers: int) -> ThreadPoolExecutor:
        with self._making:
            if name not in self._executors:
                self._executors[name] = ThreadPoolExecutor(workers, thread_name_prefix=name)
            return self._executors[name]

    @property
    def store(self) -> "KeyStore":
        """The private keys of the trust directory."""
        from signer.keys.store import KeyStore

        return KeyStore(self.settings.trust_dir / "private")

    @property
    def states(self) -> "StateStore":
        """Known roots and high-water marks."""
        with self._making:
            if self._states is None:
                from signer.trust.state import open_states

                settings = self.settings
                self._states = open_states(
                    settings.state_url or settings.trust_dir / STATE_DIRECTORY,
                    password=settings.environment.get("SIGNER_STATE_PASSWORD", ""),
                    ca_files=settings.ca_files,
                    timeout_seconds=settings.timeout_seconds,
                )
            return self._states

    @property
    def live(self) -> bool:
        """Whether servers are asked, and asked about the present."""
        return self._sources is None and not self.settings.offline and self.settings.at is None

    @property
    def pins(self) -> "Pins":
        """How an unknown root may be trusted."""
        with self._making:
            if self._pins is None:
                self._pins = self.settings.pins.load()
            return self._pins

    @property
    def passphrases(self) -> "Passphrases":
        """Where passphrases come from."""
        from signer.keys.passphrase import Passphrases

        return Passphrases(self.settings.environment, prompt=self.prompt)

    def load_signers(
        self, source: str, *, role: str = "", allow_shared_key_file: bool = False
    ) -> "list[NotarySigner]":
        """Load the private keys that ``--key`` would name, without storing them.

        The worthless example keys are loaded, too; they are refused where they would sign for
        another host than loopback.

        Args:
            source: a key file, client bundle, key id, ``-``, ``env:NAME``, PEM text or a URI.
            role: decides which passphrases are tried for keys that name no role themselves.
            allow_shared_key_file: accept a key file that others may read.

        Returns:
            At least one signer, each key once.

        Raises:
            KeyUnusableError: there is no such key, or it cannot be used.
            PassphraseError: a passphrase is missing or was rejected.
        """
        from signer.keys.sources import load_signers

        return load_signers(
            source,
            store=self.store,
            passphrases=self.passphrases,
            environment=self.settings.environment,
            role=role,
            allow_example_keys=True,
            allow_shared_key_file=allow_shared_key_file,
            prompt=self.prompt,
        )

    @property
    def credentials(self) -> "Credentials":
        """Where user names and passwords come from."""
        with self._making:
            if self._credentials is None:
                from signer.transport.credentials import Credentials

                self._credentials = Credentials(
                    self.settings.environment, self.settings.docker_config
                )
            return self._credentials

    @property
    def pool(self) -> "HttpPool":
        """Connections, kept alive."""
        with self._making:
            if self._pool is None:
                from signer.transport.http import HttpPool

                self._pool = HttpPool(
                    tls=self._tls_contexts,
                    timeout_seconds=self.settings.timeout_seconds,
                    max_connections=self.settings.max_connections,
                    insecure_http_hosts=_plain_http_hosts(self.settings.server),
                )
            return self._pool

    @property
    def _tls_contexts(self) -> "_TlsAhead":
        if self._tls is None:
            from signer.transport.tls import TlsSettings

            settings = TlsSettings(self.settings.ca_files, self.settings.docker_config)
            self._tls = _TlsAhead(settings)
        return self._tls

    def server_url(self, gun: Gun) -> str:
        """Return the base URL of the Notary server of a collection."""
        if self.settings.server:
            return self.settings.server
        domain = gun.partition("/")[0]
        return DOCKER_HUB_SERVER if domain == DEFAULT_DOMAIN else f"https://{domain}"

    def server(self, gun: Gun, *, url: str = "") -> "NotaryServer":
        """Return the Notary server's side of a collection, at ``url`` or the session's server."""
        from signer.transport.notary import NotaryServer

        return NotaryServer(
            self.pool,
            url or self.server_url(gun),
            gun,
            credentials=self.credentials,
            on_upload=self.on_upload,
        )

    def registry(self, reference: ImageReference) -> "Registry":
        """Return the registry that holds an image."""
        from signer.transport.registry import Registry

        return Registry(self.pool, reference.registry_host, credentials=self.credentials)

    def prefetch(self, images: Iterable[str], *, signers: Iterable[str] = ()) -> None:
        """Send the first requests for the images' collections, before what reads them is loaded.

        Args:
            images: references.
            signers: names of signers whose roles will be needed.

        Raises:
            UsageError: a malformed reference, or no signer's name.
        """
        from signer.transport.origin import Origin

        guns = list(dict.fromkeys(ImageReference.parse(image).gun for image in images))
        delegations = [parse_signer(name) for name in signers]
        asked = guns if self._sources is None and not self.settings.offline else []
        for origin in {Origin.of(self.server_url(gun)) for gun in asked}:
            if origin.scheme == "https":
                self._tls_contexts.start(origin.authority, self.requests)

        from signer.trust.fetch import start_first_round

        for gun in guns:
            if gun not in self._downloads:
                self._downloads[gun] = downloads = self._new_downloads(gun)
                start_first_round(
                    downloads,
                    gun,
                    states=self.states,
                    cache=self.cache(gun),
                    delegations=delegations,
                )

    def _new_downloads(self, gun: Gun, *, server: str = "") -> "Downloads":
        from signer.trust.fetch import Downloads

        return Downloads(self._source(gun, server=server), self.requests)

    def _source(self, gun: Gun, *, server: str) -> "MetadataSource":
        if self._sources is not None:
            return self._sources(gun)
        if self.settings.offline:
            from signer.trust.stored import StoredSource

            return StoredSource(gun, cache=self.cache(gun), states=self.states)
        return self.server(gun, url=server)

    def cache(self, gun: Gun) -> "MetadataCache":
        """Return what is cached of a collection."""
        from signer.trust.cache import MetadataCache

        return MetadataCache(self.settings.trust_dir, gun)

    def client(self, gun: Gun, *, pins: "Pins | None" = None, server: str = "") -> "TrustClient":
        """Return a verifying reader of a collection; a prefetch under way is its first round.

        Args:
            gun: the collection.
            pins: how its root may be trusted; the session's where none are given.
            server: URL of its Notary server; the session's where none is given.
        """
        downloads = self._downloads.pop(gun, None)
        if downloads is None or server:
            downloads = self._new_downloads(gun, server=server)
        return self._client(gun, downloads, pins=pins, live=self.live)

    def stored_client(self, gun: Gun, *, pins: "Pins | None" = None) -> "TrustClient":
        """Return a reader of what is stored of a collection, for a server that does not answer."""
        from signer.trust.fetch import Downloads
        from signer.trust.stored import StoredSource

        source = StoredSource(gun, cache=self.cache(gun), states=self.states)
        return self._client(gun, Downloads(source, self.requests), pins=pins, live=False)

    def _client(
        self, gun: Gun, downloads: "Downloads", *, pins: "Pins | None", live: bool
    ) -> "TrustClient":
        from signer.trust.client import TrustClient

        given = self.pins if pins is None else pins
        vouched = self._vouched_pins if not given.explicit else None
        if vouched is not None and self.states.load(gun) is None:
            given = vouched(gun) or given  # a root that is known needs nobody to vouch for it
        return TrustClient(
            gun,
            downloads,
            cache=self.cache(gun),
            states=self.states,
            pins=given,
            clock=self.clock,
            confirm=self.confirm,
            live=live,
        )

    def publisher(self, gun: Gun, keyring: "Keyring") -> "Publisher":
        """Return a publisher to a collection with the keys of ``keyring``.

        Raises:
            KeyUnusableError: one is a worthless example, and the collection is not on loopback.
        """
        from signer.publish.publisher import Publisher

        for signer in keyring:
            self.refuse_example_key(signer.canonical_id, gun)
        return Publisher(
            gun, self.client(gun), server=self.server(gun), keyring=keyring, sleep=self.sleep
        )

    def refuse_example_key(self, canonical_id: str, gun: Gun) -> None:
        """Refuse a worthless example key unless registry and Notary server are both on loopback.

        Raises:
            KeyUnusableError: the key is one of the examples, and one of the hosts is another's.
        """
        from signer.keys.example import refuse_example_key
        from signer.transport.origin import Origin

        refuse_example_key(canonical_id, gun.partition("/")[0])
        refuse_example_key(canonical_id, Origin.of(self.server_url(gun)).authority)


class _TlsAhead:
    """TLS contexts that may be under way in threads.

    OpenSSL reads the system's roots without Python's lock, so this costs no time while libraries
    are imported.
    """

    def __init__(self, settings: "TlsSettings") -> None:
        self._settings = settings
        self._started: dict[str, Future[ssl.SSLContext]] = {}

    def start(self, host: str, executor: Executor) -> None:
        """Begin to build the context of a host (``HOST[:PORT]``)."""
        if host not in self._started:
            self._started[host] = executor.submit(self._settings.ssl_context, host)

    def ssl_context(self, host: str) -> "ssl.SSLContext":
        """Return a host's context."""
        started = self._started.get(host)
        return started.result() if started else self._settings.ssl_context(host)

    def searched(self, host: str) -> "tuple[Path, ...]":
        """Return where certificates for a host are looked for."""
        return self._settings.searched(host)


def _plain_http_hosts(server: str) -> frozenset[str]:
    scheme, _, rest = server.partition("://")
    return frozenset([rest.partition("/")[0]]) if scheme == "http" else frozenset()
