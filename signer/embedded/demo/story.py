"""The demonstration: push, scan, promote, webhook, sign, verify, overwrite, forge, pin.

Every step is the real thing: the DTR is a process, ``signer`` is run as a user runs it, and a step
whose exit code is not the expected one ends the demonstration as a failure.
"""

import json
import os
import queue
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from signer.embedded.demo.dtr import DtrAdmin
from signer.embedded.demo.receiver import Receiver
from signer.errors import ExitCode, SignerError

BUILD: Final = "admin/flask_build"
RELEASED: Final = "admin/flask"
_WEBHOOK_SECONDS: Final = 20
_RUN_SECONDS: Final = 60
_WIDTH: Final = 78
_PASSPHRASES: Final = {
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "worthless-root",
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "worthless-targets",
}


class DemonstrationError(SignerError):
    """A step did not end as it should."""

    default_code = "demonstration-failed"


@dataclass
class Story:
    """The demonstration's stage.

    Attributes:
        directory: everything happens in it.
        host: ``HOST:PORT`` of the DTR.
        dtr: its admin.
        environment: of the ``signer`` runs.
        say: shows a line.
        steps: what happened, for ``--json``.
    """

    directory: Path
    host: str
    dtr: DtrAdmin
    environment: Mapping[str, str]
    say: Callable[[str], None]
    steps: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, receiver: Receiver) -> None:
        """Tell the whole story.

        Raises:
            DemonstrationError: a step did not end as it should.
        """
        self._prepare(receiver)
        self._not_promoted()
        event, digest = self._promoted(receiver)
        self._signed(event, digest)
        self._overwritten()
        self._forged(event)
        self._pinned(digest)

    # Steps

    def _prepare(self, receiver: Receiver) -> None:
        self._step("An admin creates the repositories, and a policy: no critical finding.")
        for repository in (BUILD, RELEASED):
            namespace, _, name = repository.partition("/")
            self.dtr.call("POST", f"/api/v0/repositories/{namespace}", {"name": name})
        policy = {
            "enabled": True,
            "rules": [{"field": "vulnerability_critical", "operator": "lte", "values": ["0"]}],
            "targetRepository": RELEASED,
            "tagTemplate": "%n",
        }
        self.dtr.call("POST", f"/api/v0/repositories/{BUILD}/promotionPolicies", policy)
        hook = {"type": "PROMOTION", "key": BUILD, "endpoint": receiver.url}
        self.dtr.call("POST", "/api/v0/webhooks", hook | {"skipTLSVerification": True})
        self._step("The CI system has a certificate; the admin makes it a signer.")
        self._make_certificate()
        (self.directory / "signer.toml").write_text(
            f'[registry]\nhost = "{self.host}"\n[signing]\nsigner = "gitlab"\nkey = "key.pem"\n'
            'allow = ["admin/*"]\n[signing.gate]\npromoted = true\nmax_critical = 0\n',
            encoding="utf-8",
        )
        self._run(["init", f"{self.host}/{RELEASED}", "--signer", "gitlab=cert.pem"])

    def _not_promoted(self) -> None:
        self._step(f"A build pushes {BUILD}:1. Its scan has a critical finding.")
        self.dtr.push(BUILD, "1", content=b"worthless example with a finding")
        self._scan("1", critical=1)
        self._expect("it is not promoted", not self._tags(), self._tags())

    def _promoted(self, receiver: Receiver) -> tuple[bytes, str]:
        self._step(f"The next build pushes {BUILD}:2. Its scan is clean, so DTR promotes it.")
        digest = self.dtr.push(BUILD, "2", content=b"worthless clean example")
        self._scan("2", critical=0)
        self._expect(f"{RELEASED}:2 is there", self._tags() == ["2"], self._tags())
        try:
            event = receiver.wait(_WEBHOOK_SECONDS)
        except queue.Empty:
            raise DemonstrationError("No webhook was delivered.") from None
        self._note("DTR's webhook 'image promoted' is delivered")
        self._step("Nobody has signed it yet: a deployment refuses it.")
        self._run(["verify", f"{self.host}/{RELEASED}:2"], expect=ExitCode.NOT_SIGNED)
        return event, digest

    def _signed(self, event: bytes, digest: str) -> None:
        self._step("The webhook starts the signing job. Its gate asks DTR before it signs.")
        (self.directory / "event.json").write_bytes(event)
        self._run(["sign", "--event", "event.json"])
        self._step("Now the deployment accepts it, with this digest and no other.")
        shown = self._run(["verify", f"{self.host}/{RELEASED}:2", "--signer", "gitlab"])
        self._expect("the digest is the promoted one", digest in shown, shown)
        tag = self.dtr.call("GET", f"/api/v0/repositories/{RELEASED}/tags/2")
        seen = (tag["inNotary"], tag["hashMismatch"]) == (True, False)
        self._expect("DTR shows the tag as signed", seen, str(tag))

    def _overwritten(self) -> None:
        self._step("Somebody overwrites the tag in the registry. That image was never signed.")
        other = self.dtr.push(RELEASED, "2", content=b"worthless example from elsewhere")
        self._run(["verify", f"{self.host}/{RELEASED}:2@{other}"], expect=ExitCode.NOT_SIGNED)
        self._run(["verify", "--registry", f"{self.host}/{RELEASED}:2"], expect=ExitCode.NOT_SIGNED)

    def _forged(self, event: bytes) -> None:
        self._step("Somebody who knows the webhook's URL forges an event for that image.")
        forged = json.loads(event)
        tag = self.dtr.call("GET", f"/api/v0/repositories/{RELEASED}/tags/2")
        forged["contents"]["digest"] = tag["digest"]
        (self.directory / "forged.json").write_text(json.dumps(forged), encoding="utf-8")
        self._run(["sign", "--event", "forged.json"], expect=ExitCode.GATE)

    def _pinned(self, digest: str) -> None:
        self._step("A stack file is checked, and pinned to what was signed, whatever the tag says.")
        stack = self.directory / "stack.yml"
        stack.write_text(
            f"services:\n  web:\n    image: {self.host}/{RELEASED}:2  # the web server\n",
            encoding="utf-8",
        )
        self._run(["verify", "--file", stack.name])
        self._run(["pin", stack.name, "--in-place"])
        pinned = stack.read_text(encoding="utf-8")
        self.say(pinned.rstrip())
        wanted = f"{self.host}/{RELEASED}:2@{digest}  # the web server\n"
        self._expect("the digest was put in, and the comment kept", wanted in pinned, pinned)

    # What steps are made of

    def _scan(self, tag: str, *, critical: int) -> None:
        told = {"repository": BUILD, "tag": tag, "critical": critical, "major": 0, "minor": 0}
        self.dtr.call("POST", "/embedded/v0/scans", told)

    def _tags(self) -> list[str]:
        return [
            tag["name"] for tag in self.dtr.call("GET", f"/api/v0/repositories/{RELEASED}/tags")
        ]

    def _make_certificate(self) -> None:
        from signer.embedded.demo.identity import make_identity

        key, certificate = make_identity("gitlab")
        (self.directory / "cert.pem").write_bytes(certificate)
        private = self.directory / "key.pem"
        private.touch(mode=0o600)
        private.write_bytes(key)

    def _step(self, text: str) -> None:
        self.steps.append({"step": text, "outcomes": []})
        self.say(f"\n# {text}")

    def _note(self, text: str) -> None:
        self.steps[-1]["outcomes"].append(text)
        self.say(f"  {text}")

    def _expect(self, text: str, holds: bool, seen: object) -> None:
        if not holds:
            raise DemonstrationError(f"Expected that {text}, but saw {seen}.")
        self._note(text)

    def _run(self, arguments: Sequence[str], *, expect: ExitCode = ExitCode.OK) -> str:
        self.say(f"$ signer {shlex.join(arguments)}")
        done = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-m", "signer", *arguments],
            cwd=self.directory,
            env=dict(self.environment) | _PASSPHRASES,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
        )
        shown = done.stdout + done.stderr
        self.say(shown.rstrip())
        if expect:
            self.say(f"[exit code {done.returncode}]")
        if done.returncode != expect:
            raise DemonstrationError(
                f"'signer {shlex.join(arguments)}' ended with {done.returncode}, not {expect:d}."
            )
        self.steps[-1]["outcomes"].append(
            f"signer {shlex.join(arguments)}: exit code {done.returncode}"
        )
        return shown


def environment_of(directory: Path, *, host: str, password: str) -> dict[str, str]:
    """Return the environment of the demonstration's ``signer`` runs: nothing of the user's own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(directory),
        "DOCKER_CONFIG": str(directory / "docker"),
        "DTR_SERVER": host,
        "DTR_USERNAME": "admin",
        "DTR_PASSWORD": password,
        "PYTHONWARNINGS": "ignore",
    }
