"""What ``signer`` wrote, ``notary`` and ``docker trust`` read, and go on with."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.components.fixtures import installed
from tests.components.images import get_manifest
from tests.components.notary_server import NotaryServer
from tests.components.peers import DockerCli, NotaryCli, docker_programs
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.components.softhsm import SoftHsm
from tests.interop.identities import Identity
from tests.interop.scene import TOFU, Scene, hexed
from tests.interop.views import (
    Delegation,
    docker_inspect,
    notary_delegations,
    notary_list,
)

ALL_PATHS: Final = '"" <all paths>'
RELEASES: Final = "targets/releases"


@dataclass(frozen=True)
class Collection:
    """What an admin and two CI systems made with ``signer``.

        Attributes:
            admin: has root and targets keys.
            ci: has no stored key.
            gitlab: an RSA signer, who signed 1.0 and 2.0.
    XX
            root_ids: TUF ids of the root keys, as ``signer init`` printed them.
            digests: digest and length, by tag; 2.0 is a manifest list.
    """

    scene: Scene
    admin: SignerCli
    ci: SignerCli
    gitlab: Identity
    jenkins: Identity
    root_ids: list[str]
    digests: dict[str, tuple[str, int]]

    def row(self, tag: str, role: str) -> tuple[str, str, int, str]:
        """Return the line that ``notary list`` must show."""
        digest, length = self.digests[tag]
        return (tag, hexed(digest), length, role)

    def notary_with(self, *identities: Identity) -> NotaryCli:
        """Return a ``notary`` that has imported the signers' keys."""
        notary = self.scene.notary("notary-of-ci")
        for identity in identities:
            notary("key", "import", identity.key, "--role", identity.name)
        return notary

    def sign_as_jenkins(self) -> None:
        """Let jenkins sign 1.0, too."""
        self.ci("sign", self.scene.image("1.0"), "--key", self.jenkins.key)

    def accepted(self, tag: str, *options: str) -> tuple[str, set[str], str]:
        """Return digest, signers and role with which ``signer verify`` accepts a tag."""
        done = self.ci.json("verify", self.scene.image(tag), TOFU, *options)
        (image,) = done["images"]
        assert image["verdict"] == "accept"
        return (image["digest"], set(image["signers"]), image["role"])


def make_collection(scene: Scene) -> Collection:
    admin, ci = scene.signer("admin"), scene.signer("ci")
    gitlab = scene.identity("gitlab", "rsa2048")
    jenkins = scene.identity("jenkins", "p256")
    digests = {"1.0": scene.push("1.0"), "2.0": scene.push("2.0", kind="index")}
    made = scene.init(admin, gitlab, jenkins)
    ci("sign", scene.image("1.0"), scene.image("2.0"), "--key", gitlab.key, TOFU)
    return Collection(scene, admin, ci, gitlab, jenkins, made["root_key_ids"], digests)


@pytest.fixture(scope="module")
def published(
    tmp_path_factory: pytest.TempPathFactory, notary_server: NotaryServer, registry: Registry
) -> Collection:
    """A collection that is only looked at; jenkins signed 1.0, too."""
    made = make_collection(Scene(tmp_path_factory.mktemp("published"), notary_server, registry))
    made.sign_as_jenkins()
    return made


@pytest.fixture
def scene(tmp_path: Path, notary_server: NotaryServer, registry: Registry) -> Scene:
    return Scene(tmp_path, notary_server, registry)


@pytest.fixture
def collection(scene: Scene) -> Collection:
    """A collection that is worked on."""
    return make_collection(scene)


# --- what they show


def test_notary_list_shows_digest_size_and_role_of_every_tag(published: Collection) -> None:
    shown = notary_list(published.scene.notary()("list", published.scene.gun))
    assert shown == [published.row("1.0", RELEASES), published.row("2.0", RELEASES)]


@pytest.mark.parametrize(
    ("role", "tags"),
    [
        (RELEASES, ["1.0", "2.0"]),
        ("targets/gitlab", ["1.0", "2.0"]),
        ("targets/jenkins", ["1.0"]),
    ],
)
def test_notary_list_of_a_role_shows_what_that_signer_signed(
    published: Collection, role: str, tags: list[str]
) -> None:
    shown = notary_list(published.scene.notary()("list", published.scene.gun, "--roles", role))
    assert shown == [published.row(tag, role) for tag in tags]


def test_notary_lookup_finds_digest_and_size(published: Collection) -> None:
    digest, length = published.digests["2.0"]
    shown = published.scene.notary()("lookup", published.scene.gun, "2.0").stdout
    assert shown.split() == ["2.0", digest, str(length)]


def test_notary_verify_accepts_the_manifest_and_nothing_else(
    published: Collection, registry: Registry, tmp_path: Path
) -> None:
    scene, notary = published.scene, published.scene.notary()
    content = tmp_path / "manifest"
    content.write_bytes(get_manifest(registry, scene.repository, "1.0"))
    notary("verify", scene.gun, "1.0", "--input", content, "--quiet")
    refused = notary("verify", scene.gun, "2.0", "--input", content, "--quiet", expect=1)
    assert "data not present in the trusted collection" in refused.stdout


def test_notary_delegation_list_shows_signers_key_ids_paths_and_threshold(
    published: Collection,
) -> None:
    shown = notary_delegations(published.scene.notary()("delegation", "list", published.scene.gun))
    gitlab, jenkins = published.gitlab.canonical_id, published.jenkins.canonical_id
    paths = frozenset([ALL_PATHS])
    assert shown == {
        RELEASES: Delegation(frozenset([gitlab, jenkins]), paths, 1),
        "targets/gitlab": Delegation(frozenset([gitlab]), paths, 1),
        "targets/jenkins": Delegation(frozenset([jenkins]), paths, 1),
    }


def test_every_docker_trust_inspect_shows_digests_signers_and_keys(
    published: Collection, tmp_path: Path
) -> None:
    scene = published.scene
    root = scene.signed("root")["roles"]
    for number, program in enumerate(installed(docker_programs)):
        docker = DockerCli(tmp_path / f"docker-{number}", scene.server, program=program)
        shown = docker_inspect(docker, scene.gun)
        assert shown.tags == {
            "1.0": (hexed(published.digests["1.0"][0]), frozenset(["gitlab", "jenkins"])),
            "2.0": (hexed(published.digests["2.0"][0]), frozenset(["gitlab"])),
        }
        assert shown.signers == {
            "gitlab": {published.gitlab.canonical_id},
            "jenkins": {published.jenkins.canonical_id},
        }
        assert shown.root == set(root["root"]["keyids"]) == set(published.root_ids)
        assert shown.repository == set(root["targets"]["keyids"])
        pretty = docker.trust("inspect", "--pretty", scene.gun).stdout
        assert published.gitlab.canonical_id[:12] in pretty


def test_notary_accepts_the_root_key_id_that_init_prints_as_its_pin(
    published: Collection, tmp_path: Path
) -> None:
    scene = published.scene
    for name, ids in {"right": published.root_ids, "wrong": ["0" * 64]}.items():
        config = tmp_path / f"{name}.json"
        pins = {"certs": {scene.gun: ids}, "disable_tofu": True}
        config.write_text(json.dumps({"trust_pinning": pins}))
        done = scene.notary(name)("-c", config, "list", scene.gun, expect=None)
        assert (done.returncode == 0) == (name == "right"), done.stdout


def test_every_file_that_signer_wrote_is_in_the_form_go_writes(published: Collection) -> None:
    assert published.scene.check_files() == {
        "root",
        "1.root",
        "targets",
        "snapshot",
        "timestamp",
        RELEASES,
        "targets/gitlab",
        "targets/jenkins",
    }


def test_notary_works_from_the_cache_that_signer_wrote(published: Collection) -> None:
    """Both keep ``tuf/GUN/metadata`` in the trust directory (NP 3)."""
    scene = published.scene
    notary = scene.notary("offline", trust_directory=published.ci.trust_directory)
    offline = notary("-s", "https://localhost:1", "list", scene.gun)
    assert notary_list(offline) == [published.row("1.0", RELEASES), published.row("2.0", RELEASES)]


# --- they go on with it: notary


def test_notary_publishes_into_targets_with_the_key_file_of_signer(collection: Collection) -> None:
    scene = collection.scene
    digest, length = scene.push("3.0")
    notary = scene.notary(trust_directory=collection.admin.trust_directory)
    notary("addhash", scene.gun, "3.0", str(length), "--sha256", hexed(digest), "-p")
    assert collection.accepted("3.0") == (digest, set(), "targets")
    scene.check_files()


def test_notary_add_and_a_later_publish_into_targets_are_read(
    collection: Collection, registry: Registry
) -> None:
    scene = collection.scene
    digest, _ = scene.push("3.0")
    content = scene.directory / "manifest"
    content.write_bytes(get_manifest(registry, scene.repository, "3.0"))
    notary = scene.notary(trust_directory=collection.admin.trust_directory)
    notary("add", scene.gun, "3.0", content)
    notary("publish", scene.gun)
    assert collection.accepted("3.0") == (digest, set(), "targets")


@pytest.mark.parametrize("name", ["gitlab", "jenkins"])
def test_notary_publishes_into_delegations_with_the_key_of_ci(
    collection: Collection, name: str
) -> None:
    scene = collection.scene
    digest, length = scene.push("3.0")
    notary = collection.notary_with(
        {"gitlab": collection.gitlab, "jenkins": collection.jenkins}[name]
    )
    roles = f"{RELEASES},targets/{name}"
    notary("addhash", scene.gun, "3.0", str(length), "--sha256", hexed(digest), "-r", roles, "-p")
    assert collection.accepted("3.0", "--signer", name) == (digest, {name}, RELEASES)
    old = collection.digests["1.0"][0]
    assert collection.accepted("1.0", "--signer", "gitlab")[0] == old
    scene.check_files()


def test_signer_signs_after_notary_published_into_the_same_delegation(
    collection: Collection,
) -> None:
    scene = collection.scene
    digest, length = scene.push("3.0")
    notary = collection.notary_with(collection.gitlab)
    notary(
        "addhash", scene.gun, "other", str(length), "--sha256", hexed(digest), "-r", RELEASES, "-p"
    )
    collection.ci("sign", scene.image("3.0"), "--key", collection.gitlab.key)
    shown = notary_list(scene.notary("stranger")("list", scene.gun, "--roles", RELEASES))
    assert [row[0] for row in shown] == ["1.0", "2.0", "3.0", "other"]


def test_notary_adds_a_delegation_and_its_owner_signs_with_signer(collection: Collection) -> None:
    scene = collection.scene
    carol = scene.identity("carol", "p384")
    admin = scene.notary(trust_directory=collection.admin.trust_directory)
    for role in ("targets/carol", RELEASES):
        admin("delegation", "add", scene.gun, role, carol.certificate, "--all-paths", "-p")
    digest, _ = scene.push("3.0")
    collection.ci("sign", scene.image("3.0"), "--key", carol.key)
    assert collection.accepted("3.0", "--signer", "carol") == (digest, {"carol"}, RELEASES)
    assert set(docker_inspect(scene.docker(), scene.gun).signers) == {"carol", "gitlab", "jenkins"}


def test_notary_removes_a_delegation_and_signer_no_longer_counts_its_owner(
    collection: Collection,
) -> None:
    scene = collection.scene
    collection.sign_as_jenkins()
    assert collection.accepted("1.0")[1] == {"gitlab", "jenkins"}
    admin = scene.notary(trust_directory=collection.admin.trust_directory)
    admin("delegation", "remove", scene.gun, "targets/jenkins", "-y", "-p")
    assert collection.accepted("1.0")[1] == {"gitlab"}
    collection.ci("verify", scene.image("1.0"), "--signer", "jenkins", expect=3)


def test_notary_removes_a_tag_and_signer_refuses_it(collection: Collection) -> None:
    scene = collection.scene
    notary = collection.notary_with(collection.gitlab)
    notary("remove", scene.gun, "2.0", "-r", f"{RELEASES},targets/gitlab", "-p")
    refused = collection.ci.json("verify", scene.image("2.0"), expect=3)
    assert refused["images"][0]["reason"]["code"] == "not-signed"
    collection.ci("verify", scene.image("1.0"))


@pytest.mark.parametrize(
    "rotate",
    [("snapshot", "-r"), ("timestamp", "-r"), ("targets",), ("root",)],
    ids=lambda words: words[0],
)
def test_notary_rotates_a_key_of_the_collection_and_all_go_on(
    collection: Collection, rotate: tuple[str, ...]
) -> None:
    scene = collection.scene
    admin = scene.notary(trust_directory=collection.admin.trust_directory)
    admin("key", "rotate", scene.gun, *rotate, input_text="yes\n")
    assert scene.signed("root")["version"] == 2
    digest, _ = scene.push("3.0")
    collection.ci("sign", scene.image("3.0"), "--key", collection.gitlab.key)
    stranger = scene.signer("stranger")
    stranger("verify", scene.image("3.0"), "--root-key-id", collection.root_ids[0])
    assert collection.accepted("3.0")[0] == digest
    assert notary_list(scene.notary("stranger-notary")("list", scene.gun))[-1][0] == "3.0"
    scene.check_files()


# --- they go on with it: docker trust, which needs no engine for tags that are signed already


def test_docker_trust_signs_a_tag_again_with_the_key_that_signer_imported(
    collection: Collection,
) -> None:
    """``docker trust`` copies 2.0 from releases into the role of the key it finds."""
    scene = collection.scene
    collection.ci("keys", "import", collection.jenkins.key, "--role", "jenkins")
    docker = scene.docker(config=collection.ci.config)
    done = docker.trust("sign", scene.image("2.0"))
    assert "Successfully signed" in done.stdout
    digest = collection.digests["2.0"][0]
    assert collection.accepted("2.0", "--signer", "jenkins") == (
        digest,
        {"gitlab", "jenkins"},
        RELEASES,
    )
    scene.check_files()


def test_docker_trust_signer_add_with_the_targets_key_of_signer(collection: Collection) -> None:
    scene = collection.scene
    carol = scene.identity("carol", "p256-other")
    docker = scene.docker(config=collection.admin.config)
    docker.trust("signer", "add", "--key", carol.certificate, "carol", scene.gun)
    listed = collection.admin.json("delegation", "list", scene.gun)["delegations"]
    keys = {role["name"]: {key["canonical_key_id"] for key in role["keys"]} for role in listed}
    assert keys["targets/carol"] == {carol.canonical_id}
    assert carol.canonical_id in keys[RELEASES]
    digest, _ = scene.push("3.0")
    collection.ci("sign", scene.image("3.0"), "--key", carol.key)
    assert collection.accepted("3.0", "--signer", "carol") == (digest, {"carol"}, RELEASES)


def test_docker_trust_revokes_what_signer_signed_and_signer_refuses_it(
    collection: Collection,
) -> None:
    scene = collection.scene
    collection.ci("keys", "import", collection.gitlab.key, "--role", "gitlab")
    scene.docker(config=collection.ci.config).trust("revoke", scene.image("2.0"))
    collection.ci("verify", scene.image("2.0"), expect=3)
    assert collection.accepted("1.0")[0] == collection.digests["1.0"][0]


def test_signer_revokes_a_tag_and_the_others_no_longer_show_it(collection: Collection) -> None:
    scene = collection.scene
    collection.ci("revoke", scene.image("2.0"), "--key", collection.gitlab.key)
    assert [row[0] for row in notary_list(scene.notary()("list", scene.gun))] == ["1.0"]
    assert set(docker_inspect(scene.docker(), scene.gun).tags) == {"1.0"}
    scene.check_files()


# --- signers come and go


def test_a_removed_signer_is_gone_for_all_and_releases_stays_readable(
    collection: Collection,
) -> None:
    """Jenkins alone signed the present releases: removing him has it signed again by gitlab."""
    scene = collection.scene
    scene.push("1.0")
    collection.sign_as_jenkins()
    before = scene.files()
    remove = ("delegation", "remove", scene.gun, "jenkins")
    assert collection.admin.json(*remove, expect=1)["code"] == "last-signature"
    assert scene.files() == before
    collection.admin("keys", "import", collection.gitlab.key, "--role", "gitlab")
    collection.admin(*remove)
    shown = notary_delegations(scene.notary()("delegation", "list", scene.gun))
    assert set(shown) == {RELEASES, "targets/gitlab"}
    assert shown[RELEASES].key_ids == {collection.gitlab.canonical_id}
    names = [row[0] for row in notary_list(scene.notary()("list", scene.gun))]
    assert names == ["1.0", "2.0"]
    assert set(docker_inspect(scene.docker(), scene.gun).signers) == {"gitlab"}


def test_a_signer_removed_and_added_again_signs_although_the_server_keeps_old_versions(
    collection: Collection,
) -> None:
    scene = collection.scene
    scene.push("1.0")
    collection.sign_as_jenkins()
    before = scene.signed("targets/jenkins")["version"]
    collection.admin("delegation", "remove", scene.gun, "jenkins", "--force")
    collection.admin("delegation", "add", scene.gun, "jenkins", collection.jenkins.certificate)
    digest, length = scene.push("3.0")
    collection.ci("sign", scene.image("3.0"), "--key", collection.jenkins.key)
    assert scene.signed("targets/jenkins")["version"] > before
    shown = notary_list(scene.notary()("list", scene.gun, "--roles", "targets/jenkins"))
    assert ("3.0", hexed(digest), length, "targets/jenkins") in shown
    assert collection.accepted("3.0", "--signer", "jenkins")[0] == digest
    stranger = scene.signer("stranger")
    stranger("verify", scene.image("3.0"), "--signer", "jenkins", TOFU)
    scene.check_files()


def test_an_hsm_key_is_added_as_a_signer_signs_and_the_others_show_it(
    collection: Collection, softhsm: SoftHsm
) -> None:
    scene = collection.scene
    key = softhsm.generate_ec("interop-signer")
    public = scene.directory / "hsm.pub"
    public.write_bytes(_public_pem(key.public_key))
    collection.admin("delegation", "add", scene.gun, "hsm", public)
    digest, length = scene.push("3.0")
    environment = {**softhsm.environment, "SIGNER_HSM_PIN": softhsm.pin}
    done = collection.ci.json("sign", scene.image("3.0"), "--key", key.uri, env=environment)
    assert done["results"][0]["roles"] == [RELEASES, "targets/hsm"]
    shown = notary_list(scene.notary()("list", scene.gun, "--roles", "targets/hsm"))
    assert shown == [("3.0", hexed(digest), length, "targets/hsm")]
    assert docker_inspect(scene.docker(), scene.gun).tags["3.0"] == (
        hexed(digest),
        frozenset(["hsm"]),
    )
    assert collection.accepted("3.0", "--signer", "hsm")[0] == digest


def _public_pem(der: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
    )

    return load_der_public_key(der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


# --- key files


def test_notary_lists_the_key_files_of_signer_with_role_and_repository(
    published: Collection,
) -> None:
    scene = published.scene
    notary = scene.notary("keys", trust_directory=published.admin.trust_directory)
    shown = notary("key", "list").stdout
    listed = published.admin.json("keys", "list")["keys"]
    assert {key["role"] for key in listed} == {"root", "targets"}
    for key in listed:
        (line,) = [line for line in shown.splitlines() if key["key_id"] in line]
        assert line.split()[0] == key["role"]


def test_notary_initialises_a_collection_with_the_root_key_of_signer(
    published: Collection, notary_server: NotaryServer, registry: Registry, tmp_path: Path
) -> None:
    other = Scene(tmp_path, notary_server, registry)
    notary = other.notary(trust_directory=published.admin.trust_directory)
    assert "Root key found" in notary("init", "-p", other.gun).stdout
    (root,) = [k for k in published.admin.json("keys", "list")["keys"] if k["role"] == "root"]
    other.push("1.0")
    inspected = other.signer().json("inspect", other.gun, TOFU)["roles"][0]
    assert [key["canonical_key_id"] for key in inspected["keys"]] == [root["key_id"]]


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_docker_trust_signs_with_the_key_that_signer_generated(
    collection: Collection, kind: str
) -> None:
    scene = collection.scene
    collection.ci("keys", "generate", "carol", "--type", kind, "--dir", scene.directory)
    admin = scene.docker(config=collection.admin.config)
    admin.trust("signer", "add", "--key", scene.directory / "carol.pub", "carol", scene.gun)
    scene.docker(config=collection.ci.config).trust("sign", scene.image("1.0"))
    assert "carol" in collection.accepted("1.0", "--signer", "carol")[1]


RUNS: Final[dict[str, Callable[[Collection], object]]] = {
    "sign": lambda c: c.ci("sign", c.scene.image("1.0"), "--key", c.gitlab.key, TOFU),
    "verify": lambda c: c.ci("verify", c.scene.image("1.0"), TOFU),
    "inspect": lambda c: c.ci("inspect", c.scene.gun, TOFU),
    "init": lambda c: c.scene.init(c.admin, c.gitlab, c.jenkins),
    "delegation add": lambda c: c.admin(
        "delegation", "add", c.scene.gun, "gitlab", c.gitlab.certificate
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_command_that_finds_all_done_publishes_nothing(published: Collection, name: str) -> None:
    before = published.scene.files()
    RUNS[name](published)
    assert published.scene.files() == before
