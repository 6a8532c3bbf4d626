"""What ``import signer`` gives: twelve names, described, and loaded only when they are used."""

import inspect
import json
import subprocess
import sys
from typing import Final

import pytest

import signer

_EXPORTS: Final = {
    "ImageReference",
    "PinSources",
    "Requirement",
    "Session",
    "Settings",
    "SignerError",
    "decide_images",
    "init_collection",
    "inspect_collection",
    "load_policy",
    "sign_images",
    "verify_images",
}
_HEAVY: Final = {"asyncio", "cryptography", "httpx", "securesystemslib", "ssl", "tuf"}


def _modules_after(program: str) -> set[str]:
    program += "\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return {str(name).partition(".")[0] for name in json.loads(done.stdout)}


def test_the_exported_names_are_these_twelve() -> None:
    assert set(signer.__all__) == _EXPORTS
    assert list(signer.__all__) == sorted(_EXPORTS)


@pytest.mark.parametrize("name", sorted(_EXPORTS))
def test_an_export_is_what_its_own_module_calls_so_and_is_described(name: str) -> None:
    exported = getattr(signer, name)
    assert exported.__name__ == name
    assert exported.__module__.startswith("signer.")
    assert inspect.getdoc(exported)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'sign_image'"):
        _ = signer.sign_image


def test_importing_the_package_loads_no_heavy_library() -> None:
    assert _modules_after("import signer") & _HEAVY == set()


@pytest.mark.parametrize(
    "name",
    [
        "ImageReference",
        "PinSources",
        "Requirement",
        "Session",
        "Settings",
        "SignerError",
    ],
)
def test_light_exports_load_no_heavy_library(name: str) -> None:
    assert _modules_after(f"from signer import {name}") & _HEAVY == set()


def test_python_m_signer_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "signer", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"signer, version {signer.__version__}\n")


def test_the_version_is_a_release_number() -> None:
    assert all(part.isdecimal() for part in signer.__version__.split("."))
