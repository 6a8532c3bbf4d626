"""A signing job's machine beside an embedded DTR."""

import json
import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.components.dtr_api import Api
from tests.components.embedded import EmbeddedDtr
from tests.components.images import push_image
from tests.components.service import clean_environment
from tests.components.signer_cli import PROGRAM, SignerCli, passphrase_environment
from tests.e2e.material import write_bundle

TAGS: Final = ("1", "2", "3")


class Job:
    """A machine that signs what is promoted to one repository.

    Attributes:
        api: of the DTR.
        signer: the program with its configuration.
        bundle: of the signer gitlab.
        root_key_id: for pinning.
        digests: of the tags, by image.
    """

    def __init__(
        self,
        directory: Path,
        embedded: EmbeddedDtr,
        repository: str,
        *,
        tags: Sequence[str] = TAGS,
    ) -> None:
        """Initialise the collection, and have ``tags`` promoted."""
        self.api = Api(embedded, repository)
        self.variables = embedded.environment_variables
        self.signer = SignerCli(directory, authority=embedded.authority, env=self.variables)
        bundle = write_bundle(directory / "bundle")
        (directory / "signer.toml").write_text(
            f'[registry]\nhost = "{embedded.host}"\n'
            '[signing]\nsigner = "gitlab"\nkey = "bundle/key.pem"\nallow = ["admin/*"]\n'
            "[signing.gate]\npromoted = true\nmax_critical = 0\n"
            '[audit]\nfile = "audit.jsonl"\n'
        )
        image = f"{embedded.host}/{repository}"
        self.bundle = bundle
        made = self.signer.json("init", image, "--signer", f"gitlab={bundle / 'cert.pem'}")
        self.root_key_id: str = made["root_key_ids"][0]
        self.digests = {}
        for tag in tags:
            self.digests[f"{image}:{tag}"] = push_image(
                embedded, self.api.source, tag, content=tag.encode()
            )[0]
            self.api.scan(tag)

    def event(self, tag: str, digest: str) -> str:
        """Return DTR's webhook body for a promotion, as JSON text."""
        at = "2026-11-22T01:55:19.3Z"
        contents = {
            "promotionPolicyID": self.api.policy,
            "digest": digest,
            "sourceRepository": self.api.source,
            "sourceTag": tag,
            "targetRepository": self.api.target,
            "targetTag": tag,
            "promotedAt": at,
        }
        location = f"/repositories/{self.api.target}/tags/{tag}"
        body = {"type": "PROMOTION", "createdAt": at, "contents": contents, "location": location}
        return json.dumps(body)

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of the audit record after that of ``init``."""
        lines = (self.signer.home / "audit.jsonl").read_bytes().splitlines()
        return [json.loads(line) for line in lines[1:]]

    def at_a_terminal(self, *options: str) -> tuple[str, str]:
        """Run it with a terminal as standard error; return standard output and what is shown."""
        ours, theirs = pty.openpty()
        command = [str(PROGRAM), *self.signer._options, "reconcile", self.api.target]
        environment = {"DOCKER_CONFIG": str(self.signer.config), "TERM": "xterm", **self.variables}
        with subprocess.Popen(
            [*command, *options],
            env=clean_environment(self.signer.home) | passphrase_environment("x") | environment,
            cwd=self.signer.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            shown = _read_all(ours)
            assert process.stdout
            said = process.stdout.read()
        assert process.returncode == 0, shown
        return said, shown


def _read_all(terminal: int) -> str:
    """Read until nobody has the terminal open any more, which Linux reports as an error."""
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(terminal)
    return shown.decode()
