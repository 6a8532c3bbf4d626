"""Which requests are free, and what the others ask for."""

import pytest

from signer.admission.engine.asks import Ask, Build, Deploy, MakeLocal, Pull, RollBack, Use
from signer.admission.engine.endpoints import read_asks, spec_asks
from signer.admission.engine.refusal import UnclearRequestError, UnknownEndpointError
from signer.admission.engine.request import EngineRequest
from signer.errors import SignerError
from signer.names import ImageReference
from tests.unit.admission_engine.asking import EMPTY, described

DIGEST = f"sha256:{'ab' * 32}"
OTHER = f"sha256:{'cd' * 32}"
TAR = {"Content-Type": "application/x-tar"}


def ref(text: str) -> ImageReference:
    return ImageReference.parse(text)


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("HEAD", "/_ping"),
        ("GET", "/v1.41/containers/json?all=1"),
        ("GET", "/v1.41/images/h.example/a/b:1/json"),
        ("GET", "/containers/create"),
        ("OPTIONS", "/anything"),
        ("DELETE", "/v1.41/images/h.example/a/b:1"),
        ("POST", "/v1.41/auth"),
        ("POST", "/v1.41/images/h.example:5000/a/b:1/tag?repo=x&tag=2"),
        ("POST", "/v1.41/images/h.example:5000/a/b/push?tag=1"),
        ("POST", "/v1.41/containers/c1/start"),
        ("POST", "/v1.41/containers/c1/exec"),
        ("POST", "/v1.41/containers/c1/rename?name=c11"),
        ("POST", "/v1.41/containers/c1/update"),
        ("PUT", "/v1.41/containers/c1/archive?path=%2F"),
        ("POST", "/v1.41/exec/0123/start"),
        ("POST", "/v1.41/build/prune?filters="),
        ("POST", "/v1.41/networks/create"),
        ("POST", "/v1.41/volumes/create"),
        ("POST", "/v1.41/secrets/create"),
        ("POST", "/v1.41/configs/0123/update?version=3"),
        ("POST", "/v1.41/swarm/init"),
        ("POST", "/v1.41/nodes/0123/update?version=3"),
        ("POST", "/v1.41/plugins/h.example/a/b:1/enable?timeout=30"),
        ("POST", "/session"),
    ],
)
def test_free(method: str, uri: str) -> None:
    assert read_asks(described(method, uri)) is None


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("POST", "/containers/future"),
        ("POST", "/v1.41/containers/c1"),
        ("PATCH", "/containers/c1"),
        ("PUT", "/containers/create"),
        ("post", "/containers/create"),
        ("", ""),
        ("POST", "/v2/containers/x/create"),
        ("POST", "/v1.41/v1.41/containers/create"),
        ("POST", "/Containers/create"),
    ],
)
def test_what_is_in_no_table_is_refused(method: str, uri: str) -> None:
    with pytest.raises(SignerError) as caught:
        read_asks(described(method, uri))
    assert caught.value.code in {"unknown-endpoint", "unclear-request"}


def test_an_unknown_endpoint_is_named() -> None:
    with pytest.raises(UnknownEndpointError, match="POST /containers/future is refused"):
        read_asks(described("POST", "/v1.50/containers/future"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fromImage=h.example%2Fa&tag=1", "h.example/a:1"),
        ("fromImage=busybox&tag=latest", "docker.io/library/busybox:latest"),
        (f"fromImage=h.example/a&tag={DIGEST}", f"h.example/a@{DIGEST}"),
        (f"fromImage=h.example/a:1&tag={DIGEST}", f"h.example/a@{DIGEST}"),
        (f"fromImage=h.example/a@{OTHER}&tag={DIGEST}", f"h.example/a@{DIGEST}"),
        ("fromImage=h.example/a:1&tag=2", "h.example/a:2"),
        (f"fromImage=h.example/a@{DIGEST}&tag=2", f"h.example/a:2@{DIGEST}"),
        ("fromImage=h.example/a:1", "h.example/a:1"),
        (f"fromImage=h.example/a:1@{DIGEST}", f"h.example/a:1@{DIGEST}"),
        ("fromImage=h.example/a", "h.example/a"),
        ("fromImage=h.example/a:", "h.example/a"),
        ("fromimage=x&fromImage=h.example/a&tag=1&Tag=2", "h.example/a:1"),
        ("fromImage=h.example/a&tag=1&fromSrc=-&repo=other", "h.example/a:1"),
    ],
)
def test_a_pull_is_of_what_the_engine_makes_of_name_and_tag(query: str, expected: str) -> None:
    asked = read_asks(described("POST", f"/v1.41/images/create?{query}"))
    assert asked == [Pull(ref(expected))]


@pytest.mark.parametrize(
    "query",
    [
        "fromImage=h.example/a&fromImage=h.example/b",
        "fromImage=h.example/a&tag=1&tag=2",
        "fromImage=h.example/a;tag=2",
        "fromImage=h.example/a%zz&tag=1",
        "x=1;fromImage=h.example/b&fromImage=h.example/a&tag=1",
        "x=%zz&fromImage=h.example/a&tag=1",
        "fromImage=h.example/A&tag=1",
        "fromImage=h.example/a&tag=sha256:12",
        f"fromImage=h.example/a&tag=sha512:{'ab' * 64}",
    ],
)
def test_a_pull_that_can_be_read_in_two_ways_is_refused(query: str) -> None:
    with pytest.raises(UnclearRequestError):
        read_asks(described("POST", f"/images/create?{query}"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Length": "35", "Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Length": "35", "Content-Type": "text/plain"},
        {"Content-Type": "text/plain"},
    ],
)
def test_a_pull_with_a_body_that_may_be_a_form_is_refused(headers: dict[str, str]) -> None:
    request = described("POST", "/images/create?fromImage=h.example/a&tag=1", headers=headers)
    with pytest.raises(UnclearRequestError, match="Content-Length: 0"):
        read_asks(request)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/images/create?fromSrc=-&repo=h.example%3A5999%2Fa%3A1&tag=", "h.example:5999/a:1"),
        ("/images/create?fromSrc=-", None),
        ("/images/create", None),
        ("/images/load?quiet=1", None),
        ("/commit?container=c11&repo=newname&tag=x", "newname"),
        ("/commit?container=c11", None),
        ("/plugins/create?name=h.example/p:1", "h.example/p:1"),
    ],
)
def test_what_makes_an_image_locally(uri: str, expected: str | None) -> None:
    (asked,) = read_asks(described("POST", uri, headers=TAR)) or []
    assert isinstance(asked, MakeLocal)
    assert asked.name == (ref(expected) if expected else None)


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("/v1.41/build?dockerfile=Dockerfile&t=built%3A1&version=1", ["built:1"]),
        ("/v1.41/build?remote=client-session&t=a&t=b&version=2", ["a", "b"]),
        ("/build?remote=https://h.example/x.git", []),
        ("/grpc", []),
    ],
)
def test_a_build_asks_for_its_names(uri: str, names: list[str]) -> None:
    assert read_asks(described("POST", uri, headers=TAR)) == [Build(tuple(map(ref, names)))]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/FORM-data; x"])
@pytest.mark.parametrize("path", ["/build", "/commit", "/images/create", "/plugins/create"])
def test_forms_are_refused_wherever_parameters_count(path: str, kind: str) -> None:
    with pytest.raises(UnclearRequestError, match="form"):
        read_asks(described("POST", path, headers={"Content-Type": kind}))


@pytest.mark.parametrize(
    "uri",
    ["/containers/create", "/v1.41/containers/%63reate", "/v1.41/containers%2Fcreate?name=c1"],
)
def test_a_container_is_made_of_its_image(uri: str) -> None:
    assert read_asks(described("POST", uri, {"Image": "h.example/a:1"})) == [Use("h.example/a:1")]


def test_images_that_are_mounted_are_asked_for_too() -> None:
    mounts = [{"Type": "bind", "Source": "/x"}, {"Type": "Image", "Source": "h.example/b"}]
    body = {"Image": "h.example/a", "HostConfig": {"Mounts": mounts}}
    asked = read_asks(described("POST", "/containers/create", body))
    assert asked == [Use("h.example/a"), Use("h.example/b")]


def service(image: str) -> dict[str, object]:
    return {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": image}}}


@pytest.mark.parametrize("uri", ["/services/create", "/services/0123/update?version=3"])
def test_a_service_runs_its_image(uri: str) -> None:
    assert read_asks(described("POST", uri, service("h.example/a:1"))) == [Deploy("h.example/a:1")]


def test_a_rollback_runs_what_was_before_whatever_the_body_says() -> None:
    request = described("POST", "/services/0123/update?rollback=previous", service("x"))
    assert read_asks(request) == [RollBack("0123")]
    described_service = (
        b'{"Spec":{},"PreviousSpec":{"TaskTemplate":{"ContainerSpec":{"Image":"b"}}}}'
    )
    assert spec_asks(described_service, "PreviousSpec") == [Deploy("b")]
    with pytest.raises(UnclearRequestError, match="nothing to go back to"):
        spec_asks(b'{"Spec":{}}', "PreviousSpec")


def test_a_plugin_is_pulled_from_its_remote_and_as_a_service() -> None:
    remote = "/plugins/pull?name=foo%3Alatest&remote=h.example%2Fp%3A1"
    expected: list[Ask] = [Pull(ref("h.example/p:1"), is_plugin=True)]
    assert read_asks(described("POST", remote, [])) == expected
    assert (
        read_asks(described("POST", remote.replace("pull", "foo:latest/upgrade"), [])) == expected
    )
    spec = {"TaskTemplate": {"PluginSpec": {"Remote": "h.example/p:1"}}}
    assert read_asks(described("POST", "/services/create", spec)) == expected


@pytest.mark.parametrize(
    "uri", ["/containers/create", "/services/create", "/services/x/update", "/plugins/pull"]
)
def test_a_body_that_the_engine_does_not_show_is_refused(uri: str) -> None:
    with pytest.raises(UnclearRequestError, match="1 MB"):
        read_asks(described("POST", uri))


@pytest.mark.parametrize(
    "body",
    [
        b'{"Image":"h.example/a","image":"h.example/b"}',
        b'{"Image":"h.example/a","Image":"h.example/a"}',
        b'{"Image":"h.example/a"}{"Image":"h.example/b"}',
        b'{"Image":""}',
        b'{"Image":" "}',
        b'{"Image":null}',
        b'{"Image":["h.example/a"]}',
        b"{}",
        b"[]",
        b"null",
        b'{"Image":"h.example/a","X":NaN}',
        b'{"Image":"h.example/a","X":"\xff"}',
        b"\xef\xbb\xbf" + b'{"Image":"h.example/a"}',
        b'{"Image":"h.example/a","HostConfig":[]}',
        b'{"Image":"h.example/a","HostConfig":{},"hostconfig":{}}',
        b'{"Image":"h.example/a","HostConfig":{"Mounts":[1]}}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(UnclearRequestError):
        read_asks(described("POST", "/containers/create", body))


@pytest.mark.parametrize(
    ("task", "container"), [("tas\u212atemplate", "container\u017fpec"), ("TASKTEMPLATE", "x")]
)
def test_go_folds_the_kelvin_sign_and_the_long_s(task: str, container: str) -> None:
    spec = {"Image": "h.example/a"}
    once = {task: {"ContainerSpec" if container == "x" else container: spec}}
    assert read_asks(described("POST", "/services/create", once)) == [Deploy("h.example/a")]
    twice = once | {"TaskTemplate": {"ContainerSpec": {"Image": "h.example/b"}}}
    with pytest.raises(UnclearRequestError, match="'TaskTemplate' 2 times"):
        read_asks(described("POST", "/services/create", twice))


@pytest.mark.parametrize(
    "uri",
    [
        "//containers/create",
        "/x/../containers/create",
        "/./containers/create",
        "/containers/create/",
        "http://h.example/containers/create",
        "containers/create",
        "*",
        "/containers/creat%",
        "/containers/creat%6",
        "/containers/create%00",
        "/containers/create%0a",
        "/containers/%2e%2e/create",
    ],
)
def test_a_path_in_another_form_is_refused(uri: str) -> None:
    with pytest.raises(UnclearRequestError, match="plain form"):
        read_asks(described("POST", uri, {"Image": "h.example/a"}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"RequestMethod":1}',
        b'{"RequestBody":"!"}',
        '{"RequestBody":"\u00e9"}'.encode(),
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_description_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(UnclearRequestError, match="unknown form"):
        EngineRequest.read(content)


def test_the_summary_keeps_the_parameters_which_may_hold_secrets_to_itself() -> None:
    request = described("POST", "/build?buildargs=%7B%22TOKEN%22%3A%22secret%22%7D", headers=EMPTY)
    assert request.summary == "POST /build"
