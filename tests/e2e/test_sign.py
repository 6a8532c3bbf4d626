"""``signer sign``: what the registry has now, into every role of the key, in one publish."""

import json
from pathlib import Path

import pytest

from tests.components.images import Kind, delete_image, get_manifest
from tests.components.registry import Registry
from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.material import ec_key, pem_of, write_bundle, write_key
from tests.e2e.story import Collection, WatchedSigner, directory_content, signed_digest, uploads

ROLES = ["targets/releases", "targets/gitlab"]


@pytest.mark.parametrize("kind", ["docker", "oci", "index"])
def test_every_kind_of_manifest_is_signed_by_its_bytes(collection: Collection, kind: Kind) -> None:
    digest = collection.push("1.0", kind=kind)
    (result,) = collection.admin.json("sign", collection.image("1.0"), "--key", collection.key)[
        "results"
    ]
    assert list(result) == [
        "image",
        "digest",
        "previous_digest",
        "status",
        "roles",
        "key_ids",
        "versions",
    ]
    assert result["image"] == collection.image("1.0")
    assert (result["status"], result["digest"]) == ("signed", digest)
    assert result["previous_digest"] == ""
    assert result["roles"] == ROLES
    assert result["versions"] == dict.fromkeys(ROLES, 1)
    for role in ROLES:
        wire = json.loads(collection.files()[role])
        assert signed_digest(collection, role, "1.0") == digest
        manifest = get_manifest(collection.registry, collection.path, "1.0")
        assert wire["signed"]["targets"]["1.0"]["length"] == len(manifest)
        assert [made["keyid"] for made in wire["signatures"]] == result["key_ids"]


def test_text_says_digest_roles_and_versions(collection: Collection) -> None:
    first = collection.push("1.0", b"first")
    assert collection.sign("1.0").stdout == (
        f"signed  {collection.image('1.0')}\n"
        f"  {first}\n"
        "  roles  targets/releases (version 1), targets/gitlab (version 1)\n"
    )
    second = collection.push("1.0", b"second")
    assert collection.sign("1.0").stdout == (
        f"signed  {collection.image('1.0')}\n"
        f"  {second}\n"
        f"  was {first}\n"
        "  roles  targets/releases (version 2), targets/gitlab (version 2)\n"
    )
    done = collection.admin("-q", "sign", collection.image("1.0"), "--key", collection.key)
    assert done.stdout + done.stderr == ""


def test_several_tags_are_one_publish(collection: Collection) -> None:
    before = uploads(collection.server, collection.gun)
    digests = {tag: collection.push(tag, tag.encode()) for tag in ("1", "2", "3", "4")}
    images = [collection.image(tag) for tag in digests]
    results = collection.admin.json("sign", *images, "--key", collection.key)["results"]
    assert [result["image"] for result in results] == images
    assert [result["digest"] for result in results] == list(digests.values())
    assert uploads(collection.server, collection.gun) == before + 1
    assert [collection.version(role) for role in (*ROLES, "targets")] == [1, 1, 1]


def test_a_tag_that_moved_is_signed_anew_and_both_digests_are_told(collection: Collection) -> None:
    first = collection.push("latest", b"first")
    collection.sign("latest")
    second = collection.push("latest", b"second")
    (result,) = collection.admin.json("sign", collection.image("latest"), "--key", collection.key)[
        "results"
    ]
    assert (result["status"], result["digest"]) == ("signed", second)
    assert result["previous_digest"] == first != second
    assert signed_digest(collection, "targets/releases", "latest") == second


def test_an_unchanged_tag_is_up_to_date_and_nothing_is_published(collection: Collection) -> None:
    digest = collection.push("1.0")
    collection.sign("1.0")
    before = collection.files()
    (result,) = collection.admin.json("sign", collection.image("1.0"), "--key", collection.key)[
        "results"
    ]
    assert result["status"] == "up-to-date"
    assert result["digest"] == result["previous_digest"] == digest
    assert result["roles"] == ROLES
    assert result["versions"] == dict.fromkeys(ROLES, 1)
    assert collection.files() == before


def test_an_unchanged_tag_still_needs_the_right_passphrase(
    collection: Collection, tmp_path: Path
) -> None:
    """Trap T2: docker trust says success here."""
    collection.push("1.0")
    collection.sign("1.0")
    keys = WatchedSigner(tmp_path / "keys", collection.server)
    keys("keys", "import", collection.key, "--role", "gitlab")
    image = collection.image("1.0")
    status = keys.json("sign", image, *collection.pinned())["results"][0]["status"]
    assert status == "up-to-date"
    wrong = {"DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "not the passphrase"}
    error = keys.json("sign", image, *collection.pinned(), env=wrong, expect=8)
    assert error["code"] == "passphrase-rejected"
    assert "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE" in error["message"]


@pytest.mark.parametrize("form", ["option", "reference"])
def test_only_the_required_digest_is_signed(collection: Collection, form: str) -> None:
    digest = collection.push("1.0")
    other = "sha256:" + "0" * 64

    def arguments(wanted: str) -> list[str]:
        image = collection.image("1.0")
        return [f"{image}@{wanted}"] if form == "reference" else [image, "--digest", wanted]

    before = collection.files()
    key = ("--key", collection.key)
    error = collection.admin.json("sign", *arguments(other), *key, expect=10)
    assert error["code"] == "digest-differs"
    assert digest in error["message"]
    assert other in error["message"]
    assert collection.files() == before
    (result,) = collection.admin.json("sign", *arguments(digest), *key)["results"]
    assert (result["image"], result["digest"]) == (collection.image("1.0"), digest)


def test_a_missing_tag_is_named_and_the_others_are_signed(collection: Collection) -> None:
    collection.push("1.0")
    images = [collection.image(tag) for tag in ("1.0", "missing")]
    arguments: list[str | Path] = ["sign", *images, "--key", collection.key]
    missing, signed = reversed(collection.admin.json(*arguments, expect=1)["results"])
    assert signed["status"] == "signed"
    assert (missing["status"], missing["reason"]["code"]) == ("failed", "not-found")
    assert missing["digest"] == ""
    text = collection.admin(*arguments, expect=1)
    assert text.stdout.startswith(f"up-to-date  {images[0]}\n")
    assert text.stderr.startswith(f"failed  {images[1]}\n  error: ")
    alone = collection.admin.json("sign", images[1], "--key", collection.key, expect=1)
    assert alone["code"] == "not-found"
    assert images[1] in alone["message"]


def test_the_worst_outcome_is_the_exit_code(collection: Collection) -> None:
    digest = collection.push("1.0")
    images = [f"{collection.image('1.0')}@sha256:{'0' * 64}", collection.image("missing")]
    key = ("--key", collection.key)
    results = collection.admin.json("sign", *images, *key, expect=10)["results"]
    assert [result["status"] for result in results] == ["refused", "failed"]
    delete_image(collection.registry, collection.path, digest)
    collection.admin.json("sign", collection.image("1.0"), *key, expect=1)


def test_a_key_of_no_role_signs_nothing_and_the_wanted_keys_are_named(
    collection: Collection, tmp_path: Path
) -> None:
    collection.push("1.0")
    before = collection.files()
    stranger = write_bundle(tmp_path / "stranger") / "key.pem"
    error = collection.admin.json("sign", collection.image("1.0"), "--key", stranger, expect=8)
    assert error["code"] == "no-role-for-key"
    inspected = collection.admin.json("delegation", "list", collection.gun)
    wanted = inspected["delegations"][1]["keys"][0]["canonical_key_id"]
    assert f"targets/gitlab wants {wanted}" in error["hint"]
    assert collection.files() == before


def test_signing_never_creates_a_collection(
    signer: WatchedSigner, bundle: Path, registry: Registry
) -> None:
    from tests.components.images import push_image

    push_image(registry, "admin/never-initialised", "1.0")
    image = f"{registry.host}/admin/never-initialised:1.0"
    error = signer.json("sign", image, "--key", bundle / "key.pem", expect=1)
    assert error["code"] == "not-initialised"
    assert "signer init" in error["hint"]
    assert not directory_content(signer.trust_directory)


def test_signer_restricts_to_its_role_and_releases(collection: Collection, tmp_path: Path) -> None:
    jenkins = write_bundle(tmp_path / "jenkins", name="jenkins")
    collection.admin("delegation", "add", collection.gun, "jenkins", jenkins / "cert.pem")
    collection.push("1.0")
    keys = ("--key", collection.key, "--key", jenkins / "key.pem")
    image = collection.image("1.0")
    (result,) = collection.admin.json("sign", image, *keys, "--signer", "jenkins")["results"]
    assert sorted(result["roles"]) == ["targets/jenkins", "targets/releases"]
    assert "targets/gitlab" not in collection.files()
    (result,) = collection.admin.json("sign", image, *keys)["results"]
    assert result["status"] == "signed"
    assert signed_digest(collection, "targets/gitlab", "1.0") == result["digest"]
    mine = ("--key", collection.key)
    error = collection.admin.json("sign", image, *mine, "--signer", "jenkins", expect=8)
    assert error["code"] == "no-role-for-key"
    assert "gitlab, jenkins" in error["hint"]
    collection.admin.json("sign", image, *mine, "--signer", "nobody", expect=8)


def test_a_dry_run_publishes_nothing(collection: Collection) -> None:
    digest = collection.push("1.0")
    before = collection.files()
    arguments = ("sign", collection.image("1.0"), "--key", collection.key, "--dry-run")
    (result,) = collection.admin.json(*arguments)["results"]
    assert (result["status"], result["digest"]) == ("signed", digest)
    assert collection.admin(*arguments).stdout.startswith("would be signed  ")
    assert collection.files() == before


def test_a_collection_without_signers_is_signed_by_its_targets_key(
    signer: WatchedSigner, registry: Registry, fresh_repository: str
) -> None:
    from tests.components.images import push_image

    gun = f"{registry.host}/{fresh_repository}"
    push_image(registry, fresh_repository, "1.0")
    signer("init", gun)
    (result,) = signer.json("sign", f"{gun}:1.0")["results"]
    assert (result["status"], result["roles"]) == ("signed", ["targets"])
    verdict = signer.json("verify", f"{gun}:1.0")["images"][0]
    assert (verdict["role"], verdict["signers"]) == ("targets", [])


def test_a_key_of_the_trust_directory_is_found_by_itself(collection: Collection) -> None:
    collection.push("1.0")
    collection.admin("keys", "generate", "alice")
    collection.admin("delegation", "add", collection.gun, "alice", "alice.pub")
    (result,) = collection.admin.json("sign", collection.image("1.0"), "--signer", "alice")[
        "results"
    ]
    assert sorted(result["roles"]) == ["targets/alice", "targets/releases"]


def test_no_key_at_all_says_which_are_wanted(collection: Collection, tmp_path: Path) -> None:
    collection.push("1.0")
    stranger = WatchedSigner(tmp_path / "stranger", collection.server)
    error = stranger.json("sign", collection.image("1.0"), *collection.pinned(), expect=8)
    assert error["code"] == "no-signing-key"
    assert "--key" in error["hint"]
    assert "targets/gitlab" in error["hint"]


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("{gun}", "no-tag"),
        ("{gun}@sha256:" + "0" * 64, "no-tag"),
        ("{gun}:a/b", ""),
        ("{gun}/../x:1", ""),
        ("{GUN}:1", ""),
        ("{gun}:1@sha256:123", ""),
        ("{gun}:1\x1b[31m", ""),
        ("", ""),
    ],
)
def test_a_malformed_reference_is_refused_without_a_request(
    tmp_path: Path, bundle: Path, image: str, code: str
) -> None:
    signer = WatchedSigner(tmp_path / "signer")
    gun = "localhost:1/admin/flask"
    given = image.replace("{gun}", gun).replace("{GUN}", "localhost:1/Admin/Flask")
    for command in ("sign", "verify"):
        if command == "verify" and code:
            continue
        error = signer.json(
            command, given, *(("--key", bundle / "key.pem") * (command == "sign")), expect=2
        )
        assert not code or error["code"] == code
        assert "\x1b" not in error["message"]


@pytest.mark.parametrize("fault", ["digest", "bytes", "html", "schema1"])
def test_a_registry_that_tells_tales_gets_nothing_signed(
    collection: Collection, fault: str, tmp_path: Path
) -> None:
    """A collection for the faulty registry's name; behind it is the real one."""
    collection.push("1.0")

    def behaviour(exchange: Exchange) -> None:
        real = exchange.ask(collection.registry)
        digest = real.headers.get("Docker-Content-Digest", "")
        media_type, content = real.headers.get("Content-Type", ""), real.content
        if fault == "digest":
            digest = "sha256:" + "0" * 64
        elif fault == "bytes":
            content += b"\n"
        elif fault == "html":
            media_type, content = "text/html", b"<html>log in</html>"
            digest = ""
        else:
            media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
            content, digest = b'{"schemaVersion": 1}', ""
        headers = {"Docker-Content-Digest": digest} if digest else {}
        exchange.reply(real.status_code, content, media_type=media_type, headers=headers)

    expected = {
        "digest": ("digest-mismatch", 4),
        "bytes": ("digest-mismatch", 4),
        "html": ("not-a-registry", 6),
        "schema1": ("schema1-manifest", 1),
    }
    with FaultyServer(collection.server.authority, behaviour) as registry:
        gun = f"{registry.host}/{collection.path}"
        collection.admin("init", gun, "--signer", f"gitlab={collection.certificate}")
        code, status = expected[fault]
        error = collection.admin.json("sign", f"{gun}:1.0", "--key", collection.key, expect=status)
        assert error["code"] == code
        listed = collection.admin.json("delegation", "list", gun)["delegations"]
        assert [role["status"] for role in listed] == ["unpublished", "unpublished"]


def test_tags_of_several_collections_are_signed_by_one_command(
    collection: Collection, tmp_path: Path
) -> None:
    collection.push("1.0")
    second = f"{collection.gun}-second"
    collection.admin("init", second, "--signer", f"gitlab={collection.certificate}")
    from tests.components.images import push_image

    push_image(collection.registry, second.partition("/")[2], "1.0")
    images = [collection.image("1.0"), f"{second}:1.0", f"{second}-none:1.0"]
    results = collection.admin.json("sign", *images, "--key", collection.key, expect=1)["results"]
    assert [result["image"] for result in results] == images
    assert [result["status"] for result in results] == ["signed", "signed", "failed"]


def test_a_second_key_is_worth_nothing_if_the_first_does_not_open(
    collection: Collection, tmp_path: Path
) -> None:
    """All keys that are named must work: a typo is not silently left out."""
    collection.push("1.0")
    keys = ("--key", collection.key, "--key", tmp_path / "missing.pem")
    error = collection.admin.json("sign", collection.image("1.0"), *keys, expect=8)
    assert error["code"] == "key-not-found"
    unrelated = write_key(tmp_path / "unrelated.pem", pem_of(ec_key()))
    keys = ("--key", collection.key, "--key", unrelated)
    assert collection.admin.json("sign", collection.image("1.0"), *keys)["results"]
