"""``signer --help`` starts light: it loads none of the heavy libraries."""

import json
import subprocess
import sys
from typing import Final

HEAVY: Final = {"asyncio", "cryptography", "httpx", "rich", "securesystemslib", "ssl", "tuf"}

_PROGRAM: Final = """
import json, sys
from signer.cli.main import main
sys.argv = ["signer", "--help"]
try:
    main()
except SystemExit as ended:
    status = ended.code or 0
else:
    status = 0
print(json.dumps({"status": status, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


def _run(program: str) -> tuple[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, object] = json.loads(done.stderr.splitlines()[-1])
    return done.stdout, facts


def _loaded(facts: dict[str, object]) -> set[str]:
    modules = facts["modules"]
    assert isinstance(modules, list)
    return {str(name).partition(".")[0] for name in modules}


def test_help_is_shown_without_loading_a_heavy_library() -> None:
    shown, facts = _run(_PROGRAM)
    assert facts["status"] == 0
    assert "verify" in shown
    assert _loaded(facts) & HEAVY == set()


def test_the_guard_sees_a_library_that_is_loaded() -> None:
    _, facts = _run("import ssl\n" + _PROGRAM)
    assert _loaded(facts) & HEAVY == {"ssl"}
