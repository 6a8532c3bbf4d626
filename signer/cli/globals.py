"""Options that every command takes, before or after its name."""

import functools
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from signer.constants import DEFAULT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from datetime import datetime

    from signer.cli.configuration import Configuration
    from signer.names import Gun
    from signer.signing.session import PinSources, Session
    from signer.trust.fetch import MetadataSource
    from signer.trust.pinning import Pins

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class GlobalOptions:
    """The options given so far; None is "not given".

    Attributes:
        config: the configuration file.
        server: URL of the Notary server.
        ca: PEM files of authorities.
        trust_dir: keys, cache and trust state.
        timeout: seconds for one request.
        as_json: print one JSON object.
        quiet: print nothing but errors and refusals.
        verbose: log what is done to standard error.
    """

    config: Path | None = None
    server: str | None = None
    ca: tuple[Path, ...] = ()
    trust_dir: Path | None = None
    timeout: float | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def over(self, outer: "GlobalOptions") -> "GlobalOptions":
        """Return these options, completed by those given before the command's name."""
        merged = {
            field.name: getattr(self, field.name) or getattr(outer, field.name)
            for field in fields(self)
        }
        return GlobalOptions(**merged)

    @functools.cached_property
    def configuration(self) -> "Configuration":
        """The configuration file's content; empty where there is none.

        Raises:
            UsageError: it cannot be read, or has unknown keys.
        """
        from signer.cli.configuration import find_configuration

        return find_configuration(self.config)

    def session(
        self,
        pins: "PinSources | None" = None,
        *,
        offline: bool = False,
        at: "datetime | None" = None,
        state_url: str = "",
        sources: "Callable[[Gun], MetadataSource] | None" = None,
        vouched_pins: "Callable[[Gun], Pins] | None" = None,
    ) -> "Session":
        """Open a session with these options.

        Args:
            pins: given on the command line; otherwise those of the configuration file.
            offline: decide by what the trust directory holds.
            at: the moment to decide as of; None for now.
            state_url: where the trust state is; empty for the trust directory.
            sources: where metadata come from instead of servers.
            vouched_pins: pins that hold where nothing else is pinned.
        """
        from signer.cli.prompt import root_confirmation, terminal_prompt
        from signer.cli.recording import current_recording
        from signer.signing.session import Session, Settings

        docker_config = docker_directory(os.environ)
        file = self.configuration
        environment = dict(os.environ)
        if file.host:
            environment["DTR_SERVER"] = file.host  # where DTR_USERNAME and DTR_PASSWORD may go
        settings = Settings(
            trust_dir=self.trust_dir or docker_config / "trust",
            docker_config=docker_config,
            server=self._server(os.environ),
            ca_files=(*self.ca, *file.ca_files),
            timeout_seconds=self.timeout or DEFAULT_TIMEOUT_SECONDS,
            pins=pins or file.pins,
            environment=environment,
            offline=offline,
            at=at,
            state_url=state_url,
        )
        recording = current_recording()
        return Session(
            settings,
            prompt=terminal_prompt(),
            confirm=None if self.as_json else root_confirmation(),
            on_upload=recording.on_upload if recording else None,
            sources=sources,
            vouched_pins=vouched_pins,
        )

    def _server(self, environment: Mapping[str, str]) -> str:
        """Decision 8: where the file names a host, no variable changes the server."""
        if self.server:
            return self.server
        if self.configuration.host:
            return self.configuration.server
        return environment.get("SIGNER_SERVER") or environment.get(
            "DOCKER_CONTENT_TRUST_SERVER", ""
        )


def docker_directory(environment: Mapping[str, str]) -> Path:
    """Return docker's configuration directory: ``$DOCKER_CONFIG``, or ``~/.docker``."""
    given = environment.get("DOCKER_CONFIG")
    return Path(given) if given else Path.home() / ".docker"


def global_options(function: _Function) -> _Function:
    """Add the options; the function gets them as its first argument, ``options``."""

    @functools.wraps(function)
    def wrapper(**params: Any) -> Any:  # noqa: ANN401 - whatever the command takes and returns
        own = GlobalOptions(
            config=params.pop("config"),
            server=params.pop("server"),
            ca=params.pop("ca"),
            trust_dir=params.pop("trust_dir"),
            timeout=params.pop("timeout"),
            as_json=params.pop("as_json"),
            quiet=params.pop("quiet"),
            verbose=params.pop("verbose"),
        )
        context = click.get_current_context()
        outer = context.parent.obj if context.parent else None
        merged = own.over(outer) if isinstance(outer, GlobalOptions) else own
        context.obj = merged
        if merged.verbose:
            logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
        return function(merged, **params)

    return _decorated(wrapper)  # type: ignore[return-value] # click adds parameters to it


def _decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    file = click.Path(path_type=Path, dir_okay=False)
    options = [
        click.option(
            "--config", type=file, help="Configuration file.  [default: signer.toml, if there]"
        ),
        click.option("--server", metavar="URL", help="Notary server."),
        click.option(
            "--ca", type=file, multiple=True, help="CA certificates, beside the system's."
        ),
        click.option(
            "--trust-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help="Keys and trust state.  [default: $DOCKER_CONFIG/trust]",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="For one request.  [default: 30]",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("-q", "--quiet", is_flag=True, help="Print errors and refusals only."),
        click.option("-v", "--verbose", is_flag=True, help="Say on standard error what is done."),
    ]
    for option in reversed(options):
        function = option(function)
    return function
