"""``signer admission engine`` as the plugin of a real dockerd, and the ways around it."""

import itertools
import json
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from tests.components.embedded import EmbeddedDtr
from tests.components.fixtures import installed
from tests.components.guarded_engine import AdmissionPlugin, GuardedEngine
from tests.components.images import push_image
from tests.components.peers import docker_programs
from tests.components.signer_cli import SignerCli
from tests.interop.identities import Identity, make_identity
from tests.interop.logged_in import LoggedIn

if TYPE_CHECKING:
    from tests.components.registry import Registry

JSON: Final = [("Content-Type", "application/json")]
NO_BODY: Final = [("Content-Length", "0")]
_contents = itertools.count(1)
_repositories = itertools.count(1)


@dataclass
class House:
    """A DTR, an engine under guard, and who signs.

    Attributes:
        rules: what the policy has besides the rule for signed images.
    """

    dtr: EmbeddedDtr
    engine: GuardedEngine
    docker: LoggedIn
    admin: SignerCli
    gitlab: Identity
    root_ids: list[str] = field(default_factory=list)

    @property
    def plugin(self) -> AdmissionPlugin:
        return self.engine.plugin

    def collection(self) -> str:
        """Create a collection with the signer gitlab; return its repository's path."""
        path = f"admin/guarded-{next(_repositories)}"
        made = self.admin.json(
            "init", f"{self.dtr.host}/{path}", f"--signer=gitlab={self.gitlab.certificate}"
        )
        self.root_ids += made["root_key_ids"]
        return path

    def push(self, path: str, tag: str) -> str:
        """Put a new image under a tag; return its digest."""
        content = f"worthless example {next(_contents)}".encode()
        return push_image(self.dtr, path, tag, content=content)[0]

    def sign(self, path: str, tag: str) -> None:
        self.admin("sign", self.image(path, tag), "--key", self.gitlab.key)

    def signed(self, path: str, tag: str) -> str:
        """Put a new image under a tag and sign it; return its digest."""
        digest = self.push(path, tag)
        self.sign(path, tag)
        return digest

    def image(self, path: str, tag: str) -> str:
        return f"{self.dtr.host}/{path}:{tag}"


def policy_text(dtr: EmbeddedDtr, certificate: Path, root_ids: list[str], hanging: str) -> str:
    """Return the policy: guarded images signed by gitlab, and rules for what is local."""
    host = dtr.host
    return json.dumps(
        {
            "apiVersion": "signer/v1",
            "kind": "TrustPolicy",
            "default": "deny",
            "signers": {"gitlab": {"keys": [str(certificate)]}},
            "rules": [
                {
                    "match": f"{host}/admin/guarded-*",
                    "root": {"key_ids": root_ids},
                    "require": {"signers": ["gitlab"]},
                },
                {
                    "match": "local/*",
                    "root": {"key_ids": root_ids},
                    "require": {"signers": ["gitlab"]},
                    "engine": {"local": True, "build": True},
                },
                {"match": f"{host}/admin/approved", "approve": True},
                {
                    "match": f"{host}/admin/warned",
                    "root": {"key_ids": root_ids},
                    "require": {"signers": ["gitlab"]},
                    "mode": "warn",
                },
                {
                    "match": f"{host}/admin/hanging",
                    "root": {"key_ids": root_ids},
                    "require": {"signers": ["gitlab"]},
                    "server": hanging,
                },
            ],
        },
        indent=1,
    )


@pytest.fixture(scope="module")
def hanging() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, embedded: EmbeddedDtr, hanging: socket.socket
) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("guarded")
    gitlab = make_identity(directory / "identities", "gitlab")
    admin = SignerCli(
        directory / "admin", authority=embedded.authority, env=embedded.environment_variables
    )
    plugin = AdmissionPlugin(directory / "plugin", embedded)
    (directory / "plugin" / "signer.toml").write_text('[audit]\nfile = "audit.jsonl"\n')
    engine = GuardedEngine(directory / "engine", plugin)
    house = House(embedded, engine, cast("LoggedIn", None), admin, gitlab)
    house.collection()
    silent = f"https://localhost:{hanging.getsockname()[1]}"
    plugin.policy.write_text(policy_text(embedded, gitlab.certificate, house.root_ids, silent))
    with installed(engine.start):
        engine.trust_registry(cast("Registry", embedded))
        house.docker = LoggedIn(engine, embedded.host, embedded.admin, directory / "docker-config")
        yield house


@pytest.fixture(scope="module")
def path(house: House) -> str:
    """The repository whose images are signed; tests have tags of their own."""
    return "admin/guarded-1"


@pytest.fixture(scope="module")
def good(house: House, path: str) -> str:
    """A signed image that the engine has."""
    house.signed(path, "good")
    house.docker("pull", house.image(path, "good"))
    return house.image(path, "good")


@pytest.fixture(scope="module")
def evil(house: House, path: str) -> str:
    """An image that nobody signed, under a name whose images must be signed."""
    house.engine.import_image("local/evil:1")
    house.docker("tag", "local/evil:1", house.image(path, "evil"))
    house.docker("rmi", "local/evil:1")  # by which it might be run
    return house.image(path, "evil")


# --- pull


def test_a_signed_tag_is_pulled_and_run_by_tag_and_by_digest(house: House, path: str) -> None:
    digest = house.signed(path, "first")
    house.docker("pull", house.image(path, "first"))
    house.docker("create", house.image(path, "first"), "/x")
    house.docker("create", f"{house.dtr.host}/{path}@{digest}", "/x")
    line = house.plugin.lines("decision")[-1]
    assert (line["verdict"], line["digest"], line["signers"]) == ("accept", digest, ["gitlab"])


def test_an_unsigned_tag_is_refused_on_the_users_terminal_with_reason_and_code(
    house: House, path: str
) -> None:
    house.push(path, "unsigned")
    for command in (["pull"], ["create"], ["run"]):
        said = house.docker(
            *command, house.image(path, "unsigned"), expect=125 if command == ["run"] else 1
        )
        assert f"authorization denied by plugin {house.plugin.plugin}" in said
        assert "unsigned" in said
        assert "(not-signed)" in said


def test_what_was_signed_a_moment_ago_is_let_through_at_once(house: House, path: str) -> None:
    for tag in ("soon1", "soon2", "soon3"):
        house.push(path, tag)
        assert "(not-signed)" in house.docker("pull", house.image(path, tag), expect=1)
        house.sign(path, tag)
        house.docker("pull", house.image(path, tag))


def test_an_unsigned_digest_is_refused(house: House, path: str) -> None:
    digest = house.push(path, "unsigned-digest")
    said = house.docker("pull", f"{house.dtr.host}/{path}@{digest}", expect=1)
    assert "authorization denied" in said


def test_of_a_tag_that_was_moved_in_the_registry_the_signed_digest_is_named_and_pulled(
    house: House, path: str
) -> None:
    signed = house.signed(path, "moved")
    moved = house.push(path, "moved")
    by_digest = f"{house.dtr.host}/{path}@{signed}"
    said = house.docker("pull", house.image(path, "moved"), expect=1)
    assert moved in said
    assert f"Pull the signed one by digest: {by_digest}" in said
    house.docker("pull", by_digest)
    house.docker("create", by_digest, "/x")


def test_all_tags_at_once_are_refused(house: House, path: str) -> None:
    assert "(all-tags)" in house.docker("pull", "-a", f"{house.dtr.host}/{path}", expect=1)


def test_a_repository_without_a_rule_is_refused(house: House) -> None:
    house.push("admin/other", "1")
    assert "(no-rule)" in house.docker("pull", house.image("admin/other", "1"), expect=1)


def test_an_approved_repository_needs_no_signature_and_a_warning_lets_through(
    house: House,
) -> None:
    for path in ("admin/approved", "admin/warned"):
        house.push(path, "1")
        house.docker("pull", house.image(path, "1"))
        house.docker("create", house.image(path, "1"), "/x")
    assert house.plugin.lines("decision")[-1]["verdict"] == "warn"


def test_a_notary_server_that_hangs_refuses_in_time_and_delays_nobody(
    house: House, good: str
) -> None:
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(house.docker, "pull", f"{house.dtr.host}/admin/hanging:1", expect=1)
        house.docker("create", good, "/x")
        house.docker("ps")
        assert not hanging.done()
        assert "authorization denied" in hanging.result()
    assert time.monotonic() - begun < 14


# --- what the engine has


def test_a_tag_that_was_moved_on_the_engine_is_refused_and_tagging_stays_free(
    house: House, path: str, evil: str
) -> None:
    signed = house.signed(path, "retagged")
    house.docker("pull", house.image(path, "retagged"))
    house.docker("tag", evil, house.image(path, "retagged"))
    said = house.docker("create", house.image(path, "retagged"), "/x", expect=1)
    assert "(local-differs)" in said
    assert f"docker pull {house.dtr.host}/{path}@{signed}" in said


def test_a_tag_that_is_moved_to_and_fro_meanwhile_makes_no_unsigned_container(
    house: House, path: str, evil: str
) -> None:
    house.signed(path, "race")
    house.docker("pull", house.image(path, "race"))
    ids = {
        name: json.loads(house.docker("image", "inspect", house.image(path, name)))[0]["Id"]
        for name in ("race", "evil")
    }
    assert evil == house.image(path, "evil")
    ended = threading.Event()

    def move() -> None:
        where = f"repo={house.dtr.host}/{path}&tag=race"
        while not ended.is_set():
            for name in ("evil", "race"):
                house.engine.request(f"POST /images/{ids[name]}/tag?{where}", NO_BODY)

    body = json.dumps({"Image": house.image(path, "race"), "Cmd": ["/x"]}).encode()
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(move)
        answers = [house.engine.request(CREATE, JSON, body=body) for _ in range(60)]
        ended.set()
        moving.result()
    assert {answer.status for answer in answers} == {201, 403}
    listed = json.loads(house.engine.request("GET /containers/json?all=1").text)
    assert ids["race"] in {one["ImageID"] for one in listed}
    assert ids["evil"] not in {one["ImageID"] for one in listed}


@pytest.mark.parametrize("length", [12, 64, 71])
def test_an_image_is_accepted_by_its_id_where_one_of_its_digests_is_signed(
    house: House, good: str, length: int
) -> None:
    (found,) = json.loads(house.docker("image", "inspect", good))
    name = found["Id"] if length == 71 else found["Id"].removeprefix("sha256:")[:length]
    house.docker("create", name, "/x")


def test_an_unsigned_image_is_refused_by_its_id(house: House, path: str) -> None:
    identifier = house.engine.import_image("local/unnamed:1", b"without a name of its own")
    house.docker("create", identifier, "/x")  # its rule says local
    house.docker("tag", "local/unnamed:1", house.image(path, "unnamed"))
    house.docker("rmi", "local/unnamed:1")
    assert "(local-image)" in house.docker("create", identifier, "/x", expect=1)
    assert "(local-image)" in house.docker("create", identifier[7:19], "/x", expect=1)


def test_what_is_made_locally_is_refused_unless_the_rule_says_local(
    house: House, path: str, good: str, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    container = _container(house, good)
    house.docker("commit", container, "local/committed:1")
    house.docker("create", "local/committed:1", "/x")
    house.docker("save", "-o", str(archive), good)
    for command in (
        ["import", str(archive), house.image(path, "imported")],
        ["import", str(archive)],
        ["commit", container, house.image(path, "committed")],
        ["commit", container],
        ["load", "-i", str(archive)],
    ):
        said = house.docker(*command, expect=1)
        assert "(local-image)" in said, command
        assert "engine: {local: true}" in said


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_a_build_is_refused_unless_the_rule_of_its_name_says_build(
    house: House, path: str, tmp_path: Path, buildkit: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")

    def build(*options: str) -> tuple[int, str]:
        done = house.engine.docker(
            "build", *options, str(tmp_path), env={"DOCKER_BUILDKIT": buildkit}
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    for options in (["-t", house.image(path, "built")], [], ["-t", "local/x", "-t", "other/x"]):
        status, said = build(*options)
        assert status == 1, said
        assert "(unseen-build)" in said or "(no-rule)" in said
    status, said = build("-t", "local/built:1")
    assert status == 0, said
    house.docker("create", "local/built:1", "/x")


def test_plugins_are_decided_by_policy(house: House, path: str, tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text('{"description": "worthless"}')
    name = house.image(path, "plugin")
    assert "(local-image)" in house.docker("plugin", "create", name, str(tmp_path), expect=1)
    house.push(path, "plugin")
    for uri in (f"/plugins/pull?remote={name}&name=x", f"/plugins/x/upgrade?remote={name}"):
        answer = house.engine.request(f"POST {uri}", JSON, body=b"[]")
        assert answer.is_refused, answer
        assert "(not-signed)" in answer.text


def test_decisions_are_in_the_audit_record(house: House, path: str, evil: str) -> None:
    house.docker("create", evil, "/x", expect=1)
    log = house.plugin.directory / "audit.jsonl"
    found: list[dict[str, Any]] = []

    def is_recorded() -> bool:
        found[:] = (
            [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        )
        return bool(found) and found[-1]["what"].get("tag") == "evil"

    _until(is_recorded)
    last = found[-1]
    assert (last["status"], last["error"]["code"]) == ("refused", "not-signed")
    assert last["what"]["gun"] == f"{house.dtr.host}/{path}"
    assert last["what"]["request"] == "POST /v1.41/containers/create"


# --- what stays free


def test_what_brings_no_image_stays_free(house: House, good: str, evil: str) -> None:
    container = _container(house, good)
    for command in (
        "version",
        "info",
        "ps -a",
        "images",
        f"inspect {evil}",
        f"history {evil}",
        f"tag {evil} anything/else:1",
        "rmi anything/else:1",
        f"rename {container} renamed",
        "update --cpu-shares 512 renamed",
        "rm renamed",
        "network ls",
        "volume create volume",
        "volume rm volume",
        "image prune -f",
        "container prune -f",
        "builder prune -f",
    ):
        house.docker(*command.split())


# --- ways around, each seen to work on an engine 20.10 without this plugin


@dataclass(frozen=True)
class Way:
    """A request that would use EVIL; ``{good}`` and ``{evil}`` stand for images."""

    line: str
    body: str = ""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    is_chunked: bool = False


CREATE: Final = "POST /v1.41/containers/create"
EVIL: Final = '{"Image":"{evil}","Cmd":["/x"]}'
FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")
TEXT: Final = ("Content-Type", "text/plain")
WAYS: Final = {
    "without a version": Way("POST /containers/create", EVIL),
    "an unknown version": Way("POST /v1.99/containers/create", EVIL),
    "a percent-encoded letter": Way("POST /v1.41/containers/%63reate", EVIL),
    "a percent-encoded slash": Way("POST /v1.41/containers%2Fcreate", EVIL),
    "a percent-encoded version": Way("POST /%761.41/containers/create", EVIL),
    "an absolute URI": Way("POST http://elsewhere/v1.41/containers/create", EVIL),
    "image after Image": Way(CREATE, '{"Image":"{good}","Cmd":["/x"],"image":"{evil}"}'),
    "Image after image": Way(CREATE, '{"image":"{good}","Cmd":["/x"],"Image":"{evil}"}'),
    "Image twice": Way(CREATE, '{"Image":"{good}","Cmd":["/x"],"Image":"{evil}"}'),
    "imAge alone": Way(CREATE, '{"imAge":"{evil}","Cmd":["/x"]}'),
    "an escaped name": Way(CREATE, '{"\\u0049mage":"{evil}","Cmd":["/x"]}'),
    "a second document": Way(CREATE, EVIL + EVIL),
    "no image": Way(CREATE, '{"Cmd":["/x"]}'),
    "a blank image": Way(CREATE, '{"Image":"","Cmd":["/x"]}'),
    "a body over 1 MB": Way(CREATE, EVIL[:-1] + ',"Labels":{"a":"' + "b" * 1_100_000 + '"}}'),
    "a chunked body": Way(CREATE, EVIL, is_chunked=True),
    "a chunked body over 1 MB": Way(
        CREATE, EVIL[:-1] + ',"Labels":{"a":"' + "b" * 1_100_000 + '"}}', is_chunked=True
    ),
    "a parameter that ends like /auth": Way(CREATE + "?name=x/auth", EVIL),
    "a charset": Way(CREATE, EVIL, (("Content-Type", "application/json; charset=utf-8"),)),
    "two content types": Way(CREATE, EVIL, (*JSON, TEXT)),
    "a form": Way("POST /images/create", "fromImage={evil}", (FORM,)),
    "a form before the query": Way(
        "POST /images/create?fromImage={good}", "fromImage={evil}", (FORM,)
    ),
    "a form that is not shown": Way(
        "POST /images/create?fromImage={good}", "fromImage={evil}", (FORM, TEXT)
    ),
    "a chunked form that is not shown": Way(
        "POST /images/create?fromImage={good}", "fromImage={evil}", (FORM, TEXT), is_chunked=True
    ),
    "fromImage twice": Way(
        "POST /images/create?fromImage={evil}&fromImage={good}", headers=tuple(NO_BODY)
    ),
    "a tag over a tag": Way("POST /images/create?fromImage={good}&tag=evil", headers=(*NO_BODY,)),
    "a trailing colon": Way("POST /images/create?fromImage={repository}:", headers=(*NO_BODY,)),
    "BuildKit's own protocol": Way("POST /grpc", headers=(("Upgrade", "h2c"), *NO_BODY)),
    "a build from a URL": Way(
        "POST /build?remote=https://localhost/x.git&t=other", headers=(*NO_BODY,)
    ),
    "a service in another case": Way(
        "POST /services/create", '{"tas\u212atemplate":{"container\u017fpec":{"image":"{evil}"}}}'
    ),
    "a service's template twice": Way(
        "POST /services/create",
        '{"TaskTemplate":{"ContainerSpec":{"Image":"{good}"}},'
        '"tasktemplate":{"ContainerSpec":{"Image":"{evil}"}}}',
    ),
    "a service without content type": Way(
        "POST /services/create", '{"TaskTemplate":{"ContainerSpec":{"Image":"{evil}"}}}', ()
    ),
    "a service's plugin": Way(
        "POST /services/create",
        '{"TaskTemplate":{"Runtime":"plugin","PluginSpec":{"Name":"x","Remote":"{evil}"}}}',
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_no_way_around_by(house: House, good: str, evil: str, name: str) -> None:
    way = WAYS[name]

    def filled(text: str) -> str:
        named = text.replace("{good}", good).replace("{evil}", evil)
        return named.replace("{repository}", good.rpartition(":")[0])

    answer = house.engine.request(
        filled(way.line),
        way.headers,
        body=filled(way.body).encode("utf-8"),
        is_chunked=way.is_chunked,
    )
    assert answer.is_refused, answer


def test_the_same_requests_pass_with_a_signed_image(house: House, good: str) -> None:
    body = json.dumps({"Image": good, "Cmd": ["/x"]}).encode()
    for line, headers in ((CREATE, JSON), ("POST /containers/%63reate", [*JSON, TEXT])):
        assert house.engine.request(line, headers, body=body).status == 201
    assert house.engine.request(CREATE, JSON, body=body, is_chunked=True).status == 201
    pulled = house.engine.request(f"POST /images/create?fromImage={good}", NO_BODY)
    assert not pulled.is_refused, pulled


@pytest.mark.parametrize("line", ["POST //containers/create", "POST /x/../containers/create"])
def test_paths_in_another_form_are_sent_elsewhere_by_the_engine_itself(
    house: House, evil: str, line: str
) -> None:
    body = EVIL.replace("{evil}", evil).encode()
    assert house.engine.request(line, JSON, body=body).status in {301, 307}


# --- services


@pytest.fixture(scope="module")
def swarm(house: House) -> Iterator[None]:
    port = house.engine.swarm_port
    house.docker(
        "swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", f"127.0.0.1:{port}"
    )
    yield
    house.docker("swarm", "leave", "--force")


@pytest.mark.usefixtures("swarm")
def test_services_run_signed_images_alone(house: House, path: str, good: str, evil: str) -> None:
    house.signed(path, "second")
    house.push(path, "pushed-only")
    house.docker("service", "create", "-d", "--name", "web", good, "/x")
    by_tag = ("service", "create", "-d", "--no-resolve-image", "--name")
    house.docker(*by_tag, "by-tag", good, "/x")
    for image in (evil, house.image(path, "pushed-only")):
        said = house.docker(*by_tag, "evil", image, "/x", expect=1)
        assert "(not-signed)" in said
        said = house.docker("service", "update", "-d", "--image", image, "web", expect=1)
        assert "(not-signed)" in said
    house.docker("service", "update", "-d", "--image", house.image(path, "second"), "web")
    house.docker("service", "scale", "-d", "web=0")


@pytest.mark.usefixtures("swarm")
def test_a_service_is_not_rolled_back_to_what_was_revoked(house: House, path: str) -> None:
    for tag in ("old", "new"):
        house.signed(path, tag)
    house.docker("service", "create", "-d", "--name", "back", house.image(path, "old"), "/x")
    house.docker("service", "update", "-d", "--image", house.image(path, "new"), "back")
    house.admin("revoke", house.image(path, "old"), "--key", house.gitlab.key)
    _until(
        lambda: (
            "(not-signed)"
            in _said(house, "service", "create", "-d", "--name", "no", house.image(path, "old"))
        )
    )
    assert "authorization denied" in house.docker("service", "rollback", "-d", "back", expect=1)


@pytest.mark.usefixtures("swarm")
def test_a_stack_is_deployed_pinned_and_not_with_an_unsigned_image(
    house: House, path: str, tmp_path: Path
) -> None:
    digest = house.signed(path, "stacked")
    house.push(path, "not-stacked")
    file = tmp_path / "stack.yaml"

    def written(image: str) -> str:
        service = {"image": image, "command": "/x"}
        file.write_text(json.dumps({"version": "3.7", "services": {"web": service}}))
        return str(file)

    house.docker(
        "stack", "deploy", "-c", written(f"{house.image(path, 'stacked')}@{digest}"), "good"
    )
    (service,) = json.loads(house.docker("service", "inspect", "good_web"))
    image = service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
    assert image == f"{house.image(path, 'stacked')}@{digest}"
    deploy = ("stack", "deploy", "-c", written(house.image(path, "not-stacked")), "evil")
    assert "(not-signed)" in house.docker(*deploy, expect=1)


# --- the plugin itself


def test_a_changed_policy_is_in_force_within_ten_seconds_and_a_broken_one_is_not(
    house: House, path: str, good: str
) -> None:
    policy = house.plugin.policy
    before = policy.read_text()
    try:
        policy.write_text("rules: [")
        _until(lambda: bool(house.plugin.lines("policy-rejected")))
        house.docker("create", good, "/x")
        policy.write_text(before.replace("admin/guarded-*", "admin/nothing-*"))
        begun = time.monotonic()
        _until(lambda: "(no-rule)" in _said(house, "create", good, "/x"))
        assert time.monotonic() - begun < 10
    finally:
        policy.write_text(before)
        _until(lambda: "denied" not in _said(house, "create", good, "/x"))


def test_the_socket_is_its_owners_alone(house: House) -> None:
    assert stat.S_IMODE(house.plugin.socket.stat().st_mode) == 0o600


def test_while_the_plugin_is_dead_the_engine_refuses_and_its_stale_socket_is_replaced(
    house: House, good: str
) -> None:
    house.plugin.kill()
    assert house.plugin.socket.exists()
    try:
        begun = time.monotonic()
        answer = house.engine.request("GET /containers/json")
        assert (answer.status, "failed with error" in answer.text) == (500, True), answer
        assert 10 < time.monotonic() - begun < 30
    finally:
        house.plugin.start()
    house.docker("create", good, "/x")


def test_sigterm_ends_it_in_ten_seconds_even_while_a_server_hangs(
    house: House, good: str, hanging: socket.socket
) -> None:
    _forget_connections(hanging)
    with ThreadPoolExecutor(1) as pool:
        pull = pool.submit(_said, house, "pull", f"{house.dtr.host}/admin/hanging:1")
        hanging.settimeout(20)
        connection, _ = hanging.accept()
        begun = time.monotonic()
        house.plugin.stop()
        assert time.monotonic() - begun < 10
        assert not house.plugin.socket.exists()
        house.plugin.start()
        assert "authorization denied" in pull.result()
        connection.close()
    house.docker("create", good, "/x")


def test_every_docker_program_is_told_and_let_through(house: House, path: str) -> None:
    """An index, too: its digest is what the engine remembers."""
    push_image(house.dtr, path, "index", kind="index", content=b"for two platforms")
    house.sign(path, "index")
    house.push(path, "no")
    for number, program in enumerate(installed(docker_programs)):

        def run(*command: str, program: Path = program) -> tuple[int, str]:
            done = house.engine.docker(
                *command, program=program, env={"DOCKER_CONFIG": str(house.docker.config)}
            )
            return done.returncode, (done.stdout + done.stderr).decode()

        name = f"container-{number}"
        status, said = run("create", "--name", name, house.image(path, "index"), "/x")
        assert status == 0, said  # it is pulled first
        status, said = run("create", "--pull", "always", house.image(path, "no"), "/x")
        assert (status, "(not-signed)" in said) == (1, True), said
        for free in (f"rm {name}", f"rmi {house.image(path, 'index')}", "system df", "ps"):
            status, said = run(*free.split())
            assert status == 0, said


def _container(house: House, image: str) -> str:
    """Make a container and return its id, which follows the engine's warnings."""
    (line,) = [line for line in house.docker("create", image, "/x").split() if len(line) == 64]
    return line


def _forget_connections(listening: socket.socket) -> None:
    listening.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()


def _said(house: House, *command: str) -> str:
    done = house.engine.docker(*command, env={"DOCKER_CONFIG": str(house.docker.config)})
    return (done.stdout + done.stderr).decode()


def _until(is_true: Callable[[], bool], *, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "not in time"
        threading.Event().wait(0.1)
