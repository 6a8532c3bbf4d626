"""What may be loaded when: most of the transport is light until a request is made."""

import subprocess
import sys

import pytest


def loaded(*modules: str) -> set[str]:
    """Return the names of all modules loaded after importing these in a new process."""
    program = f"import {', '.join(modules)}, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["answers", "ca", "challenge", "credentials", "notary", "origin", "registry", "tokens"],
)
def test_importing_the_module_loads_no_http_library(module: str) -> None:
    heavy = {"httpx", "httpcore", "ssl", "cryptography", "tenacity", "asyncio"}
    assert loaded(f"signer.transport.{module}") & heavy == set()


def test_httpx_is_loaded_without_its_command_line() -> None:
    names = loaded("signer.transport.http")
    assert "httpx" in names
    assert names & {"httpx._main", "click", "rich", "pygments"} == set()


def test_httpx_imported_before_or_after_is_the_same() -> None:
    assert "httpx._main" in loaded("httpx", "signer.transport.http", "httpx._main")
    assert "httpx._main" in loaded("signer.transport.http", "httpx._main")
