"""The first answers of a run arrive in several threads at once."""

import subprocess
import sys
from pathlib import Path
from typing import Final

STORY: Final = """
import importlib, sys, threading
import signer.transport.answers as answers

body = b'{"errors": [{"code": "X", "message": "m", "detail": {"Name": "n"}}]}'
sys.setswitchinterval(1e-6)
for _ in range(300):
    importlib.reload(answers)  # its types are new, as at the start of a run
    response = answers.Response(404, answers.Headers({}), body, "https://localhost")
    barrier = threading.Barrier(2)

    def read():
        barrier.wait()
        answers.server_errors(response)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_two_threads_read_the_first_error_answers_without_a_crash() -> None:
    """Msgspec ends the process where two threads decode to a type that it has not analysed yet."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", STORY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
