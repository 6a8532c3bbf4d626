"""The engine's endpoints: which are free, which ask for images, and what for.

- GET, HEAD, OPTIONS and DELETE are free: they read or remove.
- What else changes something is free where ``FREE`` lists it, and looked into where ``_READERS``
  does. Everything that is in neither table is refused.

Source: docker engine API 1.41 and newer; requests of real docker programs to a real engine 20.10.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from signer.admission.engine.asks import Ask, Build, Deploy, MakeLocal, Pull, RollBack, Use
from signer.admission.engine.gojson import Fields, read_fields
from signer.admission.engine.refusal import UnknownEndpointError, unseen
from signer.admission.engine.request import EngineRequest
from signer.errors import UsageError
from signer.names import ImageReference, printable

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
REMOVING: Final = "DELETE"

FREE: Final = (
    ("POST", "/auth"),
    ("POST", "/build/(cancel|prune)"),
    ("POST", "/configs/create"),
    ("POST", "/configs/.+/update"),
    ("POST", "/containers/prune"),
    (
        "POST",
        "/containers/.+/(attach|checkpoints|exec|kill|pause|rename|resize|restart|start|stop"
        "|unpause|update|wait)",
    ),
    ("PUT", "/containers/.+/archive"),
    ("POST", "/exec/.+/(resize|start)"),
    ("POST", "/images/prune"),
    ("POST", "/images/.+/(push|tag)"),
    ("POST", "/networks/(create|prune)"),
    ("POST", "/networks/.+/(connect|disconnect)"),
    ("POST", "/nodes/.+/update"),
    ("POST", "/plugins/.+/(disable|enable|push|set)"),
    ("POST", "/secrets/create"),
    ("POST", "/secrets/.+/update"),
    ("POST", "/session"),  # BuildKit fetches files through it; the build itself is at /build
    ("POST", "/swarm/(init|join|leave|unlock|update)"),
    ("POST", "/volumes/(create|prune)"),
    ("PUT", "/volumes/.+"),
)
"""Methods and patterns of whole paths that bring and start no image that was not decided upon."""

_FREE: Final = [(method, re.compile(pattern)) for method, pattern in FREE]


def read_asks(request: EngineRequest) -> list[Ask] | None:
    """Tell what a request asks for; None where it is free.

    Raises:
        UnclearRequestError: that cannot be told.
        UnknownEndpointError: it may change something, by an endpoint that is not known.
    """
    if request.method in READING or request.method == REMOVING:
        return None
    path = request.path
    for method, pattern, reader in _READERS:
        if request.method == method and pattern.fullmatch(path):
            return list(reader(request))
    if any(method == request.method and free.fullmatch(path) for method, free in _FREE):
        return None
    raise UnknownEndpointError(
        f"{printable(request.method)} {printable(path)} is refused: this program does not know "
        "what it does.",
        hint="If it does no harm, please report it, so that it is let through.",
    )


def _images_create(request: EngineRequest) -> Iterator[Ask]:
    """``docker pull`` and ``docker import``: a pull is what has a ``fromImage``."""
    query = request.query
    name, tag = query.one("fromImage"), query.one("tag")
    if name:
        request.require_no_form("The pull")
        yield Pull(pulled_reference(name, tag))
        return
    query.one("fromSrc")
    _refuse_form_type(request, "The import")
    yield MakeLocal("import", _repository(query.one("repo"), "The import"))


def pulled_reference(name: str, tag: str) -> ImageReference:
    """Put together what the engine pulls; ``tag`` may be a digest, and counts before the name's.

    Source: docker engine 20.10, ``daemon/images/image_pull.go``.

    Raises:
        UnclearRequestError: it is no reference.
    """
    reference = _reference(name.removesuffix(":"), "The pull")
    if not tag:
        return reference
    if ":" in tag:  # which no tag has
        return _reference(f"{reference.gun}@{tag}", "The pull")
    digest = f"@{reference.digest}" if reference.digest else ""
    return _reference(f"{reference.gun}:{tag}{digest}", "The pull")


def _images_load(_request: EngineRequest) -> Iterator[Ask]:
    yield MakeLocal("load", None)


def _commit(request: EngineRequest) -> Iterator[Ask]:
    _refuse_form_type(request, "The commit")
    yield MakeLocal("commit", _repository(request.query.one("repo"), "The commit"))


def _build(request: EngineRequest) -> Iterator[Ask]:
    _refuse_form_type(request, "The build")
    names = [_reference(name, "The build") for name in request.query.all("t") if name]
    yield Build(tuple(names))


def _grpc(_request: EngineRequest) -> Iterator[Ask]:
    """BuildKit's own protocol, of which nothing can be seen."""
    yield Build(())


def _containers_create(request: EngineRequest) -> Iterator[Ask]:
    what = "The container"
    body = read_fields(request.require_body(what), what=what)
    yield Use(_image(body, what))
    host = body.fields("HostConfig")
    if host is not None:
        yield from _mounts(host)


def _mounts(fields: Fields) -> Iterator[Ask]:
    """Images that are mounted: engines since 28."""
    for mount in fields.list("Mounts"):
        if mount.text("Type").casefold() == "image":
            yield Use(mount.text("Source"))


def _services_create(request: EngineRequest) -> Iterator[Ask]:
    what = "The service"
    yield from _service_asks(read_fields(request.require_body(what), what=what), what)


def _services_update(request: EngineRequest) -> Iterator[Ask]:
    what = "The service's update"
    if request.query.one("rollback") == "previous":
        yield RollBack(request.path.removeprefix("/services/").removesuffix("/update"))
        return
    yield from _service_asks(read_fields(request.require_body(what), what=what), what)


def _service_asks(spec: Fields, what: str) -> Iterator[Ask]:
    task = spec.fields("TaskTemplate")
    container = task.fields("ContainerSpec") if task else None
    plugin = task.fields("PluginSpec") if task else None
    if container is None and plugin is None:
        raise unseen(what, "it names no image")
    if container is not None:
        yield Deploy(_image(container, what))
        yield from _mounts(container)
    if plugin is not None:
        yield Pull(_reference(_image(plugin, what, "Remote"), what), is_plugin=True)


def spec_asks(service: bytes, name: str) -> list[Ask]:
    """Return what a member of the engine's description of a service asks for.

    Args:
        service: the engine's answer to ``GET /services/ID``.
        name: ``Spec`` or ``PreviousSpec``.

    Raises:
        UnclearRequestError: it has no such member, or that names no image.
    """
    what = "The service's rollback"
    spec = read_fields(service, what=what).fields(name)
    if spec is None:
        raise unseen(what, "there is nothing to go back to")
    return list(_service_asks(spec, what))


def _plugins_pull(request: EngineRequest) -> Iterator[Ask]:
    what = "The plugin"
    _refuse_form_type(request, what)
    request.require_body(what)  # shown only where it is JSON, which no form is
    yield Pull(_reference(request.query.one("remote"), what), is_plugin=True)


def _plugins_create(request: EngineRequest) -> Iterator[Ask]:
    _refuse_form_type(request, "The plugin")
    yield MakeLocal("plugin create", _repository(request.query.one("name"), "The plugin"))


def _image(fields: Fields, what: str, name: str = "Image") -> str:
    text = fields.text(name)
    if not text.strip():
        raise unseen(what, "it names no image")
    return text


def _reference(text: str, what: str) -> ImageReference:
    try:
        return ImageReference.parse(text)
    except UsageError as error:
        raise unseen(what, error.message.rstrip("."), hint=error.hint) from error


def _repository(text: str, what: str) -> ImageReference | None:
    return _reference(text, what) if text else None


def _refuse_form_type(request: EngineRequest, what: str) -> None:
    if "form" in request.headers.get("content-type", "").casefold():
        raise unseen(what, "it is sent as a form, which the engine does not show")


_Reader = Callable[[EngineRequest], Iterator[Ask]]

_READERS: Final[list[tuple[str, re.Pattern[str], _Reader]]] = [
    (method, re.compile(pattern), reader)
    for method, pattern, reader in (
        ("POST", "/images/create", _images_create),
        ("POST", "/images/load", _images_load),
        ("POST", "/commit", _commit),
        ("POST", "/build", _build),
        ("POST", "/grpc", _grpc),
        ("POST", "/containers/create", _containers_create),
        ("POST", "/services/create", _services_create),
        ("POST", "/services/.+/update", _services_update),
        ("POST", "/plugins/pull", _plugins_pull),
        ("POST", "/plugins/create", _plugins_create),
        ("POST", "/plugins/.+/upgrade", _plugins_pull),
    )
]
