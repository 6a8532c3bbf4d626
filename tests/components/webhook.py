"""The admission webhook as a cluster runs it: the process ``signer admission kubernetes``."""

import base64
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx

from tests.components.certificates import Authority
from tests.components.service import clean_environment
from tests.components.signer_cli import PROGRAM
from tests.components.web import WebService

Json = dict[str, Any]
_POLL_SECONDS: Final = 0.1
_numbers = itertools.count(1)


class Webhook(WebService):
    """``signer admission kubernetes --json`` on ``https://localhost:PORT``.

    Args:
        directory: the home of the process.
        authority: of its certificate.
        policy: the policy file.
        options: further options.
        env: further environment variables.
    """

    name: ClassVar[str] = "signer-admission"

    def __init__(
        self,
        directory: Path,
        authority: Authority,
        *,
        policy: Path,
        options: Sequence[str | Path] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(directory, authority)
        issued = authority.issue(f"webhook-{next(_numbers)}", "localhost", "127.0.0.1")
        self.certificate, self.key = issued.certificate, issued.key
        self.policy = policy
        self._options = options
        self._env = dict(env or {})

    def configure(self) -> Sequence[str | Path]:
        """Nothing but the command line."""
        tls = ("--tls-cert", self.certificate, "--tls-key", self.key)
        where = ("--policy", self.policy, "--listen", self.host)
        return [PROGRAM, "admission", "kubernetes", *where, *tls, *self._options, "--json"]

    def environment(self) -> Mapping[str, str]:
        """A home of its own, and what was given."""
        return {**clean_environment(self.directory), **self._env}

    def is_ready(self) -> bool:
        """It has printed its line."""
        return '{"schema": "signer.admission/1"' in self.log

    def wait_until(self, true: Callable[[], bool], *, seconds: float = 30.0) -> None:
        """Wait until something is so; fails after ``seconds``."""
        ends = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < ends, self.log[-4000:]
            time.sleep(_POLL_SECONDS)

    def decisions(self) -> list[Json]:
        """Return the log's lines of decisions since the start."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == "decision"]

    def metrics(self) -> dict[str, float]:
        """Return the metrics by name with labels, as they are written."""
        with self.client() as client:
            text = client.get("/metrics").text
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def mutate(self, found: Json, **fields: Any) -> "Answer":  # noqa: ANN401 - of the review
        """Have an object reviewed, created where nothing else is said, and pinned."""
        return self.review("/mutate", found, **fields)

    def validate(self, found: Json, **fields: Any) -> "Answer":  # noqa: ANN401 - of the review
        """Have an object reviewed, created where nothing else is said."""
        return self.review("/validate", found, **fields)

    def review(self, path: str, found: Json | None, **fields: Any) -> "Answer":  # noqa: ANN401 - of the review
        """Send a review, which must be answered in good form."""
        sent = review_of(found, **fields)
        with self.client() as client:
            answer = client.post(path, json=sent)
        assert answer.status_code == 200, answer.text
        return Answer.of(answer, uid=sent["request"]["uid"])


@dataclass(frozen=True)
class Answer:
    """What the webhook answered.

    Attributes:
        response: of the review.
        patch: decoded.
    """

    response: Json
    patch: list[Json]

    @classmethod
    def of(cls, answer: httpx.Response, *, uid: str) -> "Answer":
        """Check the form of an answer."""
        return cls.of_content(answer.json(), uid=uid)

    @classmethod
    def of_content(cls, content: Json, *, uid: str) -> "Answer":
        """Check the form of an answer that is decoded."""
        assert (content["apiVersion"], content["kind"]) == (
            "admission.k8s.io/v1",
            "AdmissionReview",
        )
        response = content["response"]
        assert response["uid"] == uid
        assert ("patch" in response) == ("patchType" in response)
        if not response["allowed"]:
            status = response["status"]
            assert status["message"]
            assert status["reason"]
            assert 400 <= status["code"] < 500
        patch = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
        return cls(response, patch)

    @property
    def allowed(self) -> bool:
        """Whether the object may be stored."""
        return bool(self.response["allowed"])

    @property
    def message(self) -> str:
        """Why not."""
        return str(self.response["status"]["message"])

    @property
    def reason(self) -> str:
        """Why not, as a name."""
        return str(self.response["status"]["reason"])

    def applied(self, found: Json) -> Json:
        """Return the object as the API server patches it, by RFC 6902's own rules."""
        patched: Json = json.loads(json.dumps(found))
        for operation in self.patch:
            _apply(patched, operation)
        return patched


def _apply(found: Any, operation: Json) -> None:  # noqa: ANN401 - JSON
    first, *parts = operation["path"].split("/")
    assert first == ""
    steps = [part.replace("~1", "/").replace("~0", "~") for part in parts]
    for step in steps[:-1]:
        found = found[int(step)] if isinstance(found, list) else found[step]
    last: Any = int(steps[-1]) if isinstance(found, list) else steps[-1]
    if operation["op"] == "test":
        assert found[last] == operation["value"]
    elif operation["op"] == "replace":
        assert found[last] is not None
        found[last] = operation["value"]
    else:
        assert operation["op"] == "add"
        found[last] = operation["value"]


def review_of(
    found: Json | None,
    *,
    operation: str = "CREATE",
    old: Json | None = None,
    **fields: Any,  # noqa: ANN401 - of the request
) -> Json:
    """Return a review as the API server sends it."""
    named = found or old or {"apiVersion": "v1", "kind": "Pod"}
    group, _, version = named["apiVersion"].rpartition("/")
    request = {
        "uid": f"uid-{next(_numbers)}",
        "kind": {"group": group, "version": version, "kind": named["kind"]},
        "resource": {"group": group, "version": version, "resource": "any"},
        "requestKind": {"group": group, "version": version, "kind": named["kind"]},
        "name": named.get("metadata", {}).get("name", ""),
        "namespace": "shop",
        "operation": operation,
        "userInfo": {"username": "example-user", "groups": ["system:authenticated"]},
        "object": found,
        "oldObject": old,
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        **fields,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def pod(*images: str, **metadata: Any) -> Json:  # noqa: ANN401 - of the object
    """Return a pod."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "example", **metadata},
        "spec": pod_spec(*images),
    }


def pod_spec(*images: str) -> Json:
    """Return the specification of a pod."""
    named = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"containers": named}


def workload(kind: str, api_version: str, spec: Json, *way: str) -> Json:
    """Return an object with the specification of its pods at the end of a way."""
    content: Any = spec
    for name in reversed(way):
        content = {name: content}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "example"}, **content}
