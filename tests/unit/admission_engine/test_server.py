"""The socket by which the engine finds the plugin, and the one of the engine's own."""

import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from signer.admission.engine.api import EngineApi
from signer.admission.engine.refusal import UnclearRequestError
from signer.admission.engine.server import PluginSocket
from signer.errors import NetworkError, UsageError


def test_the_socket_is_made_with_its_directory_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "plugins" / "x.sock"
    bound = PluginSocket(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bound.close()
    assert not path.exists()


def test_a_stale_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    bound = PluginSocket(path)
    bound.socket.listen()
    with pytest.raises(UsageError, match="another process listens there"):
        PluginSocket(path)
    bound.close()


def test_what_is_no_socket_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    path.write_text("worthless")
    with pytest.raises(UsageError, match="no socket"):
        PluginSocket(path)
    assert path.read_text() == "worthless"


def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="longer than 107"):
        PluginSocket(tmp_path / ("x" * 120))


def test_a_socket_that_another_process_has_put_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    bound = PluginSocket(path)
    other = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as newer:
        newer.bind(str(other))
        other.rename(path)
        bound.close()
        assert path.exists()


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:2375", "unix://relative", "/run/docker.sock"])
def test_a_docker_host_that_is_no_unix_socket_is_wrong(host: str) -> None:
    with pytest.raises(UsageError, match="DOCKER_HOST"):
        EngineApi.of({"DOCKER_HOST": host})


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[tuple[EngineApi, list[bytes], list[bytes]]]:
    """An engine that gives prepared answers, and the request lines that it got."""
    path = tmp_path / "engine.sock"
    prepared: list[bytes] = []
    lines: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            while True:
                connection, _ = listening.accept()
                with connection:
                    line = connection.recv(65536).split(b"\r\n")[0]
                    lines.append(line)
                    if line.startswith(b"END"):
                        return
                    connection.sendall(prepared.pop(0))

        thread = threading.Thread(target=serve)
        thread.start()
        api = EngineApi(f"unix://{path}")
        yield api, prepared, lines
        api.close()
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(str(path))
            end.sendall(b"END")
        thread.join()


def reply(status: int, body: str) -> bytes:
    return (
        f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()


def test_an_image_is_described_by_its_names(
    answers: tuple[EngineApi, list[bytes], list[bytes]],
) -> None:
    api, prepared, lines = answers
    digest = f"sha256:{'ab' * 32}"
    prepared += [
        reply(
            200,
            f'{{"Id":"{digest}","RepoTags":["x:1","<none>:<none>"],"RepoDigests":["x@{digest}"]}}',
        ),
        reply(200, '{"Id":"y","RepoTags":null}'),
        reply(404, "{}"),
        reply(500, "{}"),
        reply(200, "no JSON"),
    ]
    image = api.image("h.example:5000/x:1")
    assert lines == [b"GET /images/h.example:5000/x:1/json HTTP/1.1"]
    assert image is not None
    assert [str(tag) for tag in image.tags] == ["docker.io/library/x:1"]
    assert [str(found) for found in image.digests] == [f"docker.io/library/x@{digest}"]
    assert api.image("y") is not None
    assert api.image("none") is None
    for _ in range(2):
        with pytest.raises(NetworkError):
            api.image("x")


@pytest.mark.parametrize("name", ["", "../containers/x", "a//b", "a b", "a?b", "a%2fb", "/a", "a/"])
def test_what_could_be_another_path_is_not_asked(name: str, tmp_path: Path) -> None:
    api = EngineApi(f"unix://{tmp_path}/none.sock")
    with pytest.raises(UnclearRequestError):
        api.image(name)
    api.close()


def test_an_engine_that_does_not_answer_is_named(
    answers: tuple[EngineApi, list[bytes], list[bytes]],
) -> None:
    api, prepared, _ = answers
    prepared.append(b"")
    with pytest.raises(NetworkError, match=r"engine\.sock could not be asked"):
        api.image("x")


def test_containers_are_looked_up_and_removed(
    answers: tuple[EngineApi, list[bytes], list[bytes]],
) -> None:
    api, prepared, lines = answers
    prepared += [reply(200, '{"Image":"sha256:ab"}'), reply(404, "{}"), reply(204, "")]
    assert api.image_of("c0ffee") == "sha256:ab"
    with pytest.raises(NetworkError, match="which image"):
        api.image_of("gone")
    api.remove("c0ffee")
    assert lines[-1] == b"DELETE /containers/c0ffee?force=1&v=1 HTTP/1.1"
    prepared.append(reply(500, "{}"))
    with pytest.raises(NetworkError, match="removed"):
        api.remove("c0ffee")
