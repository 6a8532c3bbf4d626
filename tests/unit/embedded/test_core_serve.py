"""``signer serve``: where it listens, and what it says when it cannot."""

import json
import sys
from pathlib import Path
from typing import Final

import pytest

from signer.cli.main import run
from signer.embedded.server import DEFAULT_LISTEN
from signer.errors import UsageError
from signer.serving.listen import Listen


@pytest.mark.parametrize(
    ("text", "host", "url"),
    [
        ("localhost:8443", "localhost", "https://localhost:8443"),
        ("127.0.0.1:8443", "127.0.0.1", "https://127.0.0.1:8443"),
        ("dtr.test:443", "dtr.test", "https://dtr.test"),
        ("[::1]:8443", "::1", "https://[::1]:8443"),
        ("0.0.0.0:8443", "0.0.0.0", "https://localhost:8443"),  # noqa: S104 - only parsed
    ],
)
def test_an_address_is_read_and_clients_are_told_how_to_reach_it(
    text: str, host: str, url: str
) -> None:
    listen = Listen.parse(text, example=DEFAULT_LISTEN)
    assert listen.host == host
    assert listen.url(listen.port) == url


@pytest.mark.parametrize(
    "text", ["", "localhost", ":8443", "localhost:", "localhost:x", "localhost:65536", "::1:8443"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        Listen.parse(text, example=DEFAULT_LISTEN)


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    from signer.cli.serve import command

    (option,) = [option for option in command.params if option.name == "listen"]
    assert option.default == DEFAULT_LISTEN
    assert Listen.parse(DEFAULT_LISTEN, example="HOST:PORT").host == "localhost"


_SERVERS: Final = ("signer.embedded", "signer.serving")


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_extra_is_named_with_what_to_install(
    missing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == missing or name.startswith(_SERVERS):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert run(["serve", "--data", str(tmp_path / "data"), "--json"]) == 2
    shown = json.loads(capsys.readouterr().out)
    assert shown["code"] == "missing-extra"
    assert missing in shown["message"]
    assert shown["hint"] == "pip install 'signer[server]'"
    assert not (tmp_path / "data").exists()


def test_the_data_directory_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve"]) == 2
    assert "--data" in capsys.readouterr().err
