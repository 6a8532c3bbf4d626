"""``signer verify`` by a policy file, by what is stored, as of a moment, and in other formats."""

import json
from pathlib import Path

import pytest

from tests.components.images import push_image
from tests.components.service import free_port
from tests.e2e.material import certificate_of, ec_key
from tests.e2e.story import Collection, WatchedSigner


@pytest.fixture
def stranger(collection: Collection, tmp_path: Path) -> WatchedSigner:
    return collection.stranger(tmp_path / "stranger")


def write_policy(
    directory: Path, collection: Collection, *, rule: str = "", more: str = "", signer: str = ""
) -> Path:
    """Write a policy whose one rule pins the collection's root and wants gitlab's key."""
    file = directory / "policy.yaml"
    file.write_text(
        "apiVersion: signer/v1\n"
        "kind: TrustPolicy\n"
        "default: deny\n"
        "signers:\n"
        f"  gitlab: {{keys: ['{signer or collection.certificate}']}}\n"
        f"  jenkins: {{keys: ['id:{'0' * 64}']}}\n"
        "teams:\n"
        "  ci/gitlab: [gitlab]\n"
        "  ci/jenkins: [jenkins]\n"
        "rules:\n"
        f"  - match: '{collection.gun}'\n"
        f"    root: {{key_ids: ['{collection.root_key_id}']}}\n"
        f"    {rule or 'require: {signers: [gitlab]}'}\n{more}"
    )
    return file


def test_an_image_that_the_named_signer_signed_with_the_pinned_key_is_accepted(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    digest = collection.prepare(v1=b"example")["v1"]
    host = collection.gun.partition("/")[0]
    policy = write_policy(tmp_path, collection, more=f"  - match: '{host}/*'\n    approve: true\n")
    answer = stranger.json("verify", collection.image("v1"), "--policy", policy)
    (image,) = answer["images"]
    assert (image["verdict"], image["digest"], image["signers"]) == ("accept", digest, ["gitlab"])
    assert (image["rule"], image["runner_up"]) == (collection.gun, f"{host}/*")
    text = stranger("verify", collection.image("v1"), "--policy", policy).stdout
    assert text.splitlines()[:2] == [f"accept  {collection.image('v1')}", f"  {digest}"]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("require: {signers: [jenkins]}", "signer-unknown"),
        ("require: {signers: [gitlab, jenkins]}", "signer-unknown"),
        ("require: {signers: [gitlab, jenkins], threshold: 1}", ""),
        ("require: {teams: [ci/gitlab]}", ""),
        ("require: {teams: [ci/jenkins]}", "team-missing"),
        ("require: {signers: [gitlab], released: false}", ""),
        ("require: {released: true}", ""),
        ("require: {released: true}\n    freshness: {max_timestamp_age: 1h}", ""),
        ("require: {released: true}\n    freshness: {max_timestamp_age: 0d}", "timestamp-too-old"),
        ("require: {released: true}\n    freshness: {min_remaining: 300d}", ""),
        ("require: {released: true}\n    freshness: {min_remaining: 4000d}", "expires-soon"),
        ("provenance: {promoted_from: 'admin/*'}", "provenance-unmet"),
        ("provenance: {max_critical: 0}", "provenance-unmet"),
        ("require: {released: true, registry: true}", ""),
        ("approve: false", "bad-policy"),
    ],
)
def test_each_condition_of_a_rule_decides(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path, rule: str, code: str
) -> None:
    collection.prepare(v1=b"example")
    policy = write_policy(tmp_path, collection, rule=rule)
    arguments = ("verify", collection.image("v1"), "--policy", policy)
    if code == "bad-policy":
        assert stranger.json(*arguments, expect=2)["code"] == code
    elif code:
        (image,) = stranger.json(*arguments, expect=3)["images"]
        assert (image["reason"]["code"], image["digest"]) == (code, "")
    else:
        assert stranger.json(*arguments)["verdict"] == "accept"


def test_a_signer_of_that_name_with_another_key_does_not_count(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    """The collection delegates targets/gitlab to its own key; the policy pins another."""
    collection.prepare(v1=b"example")
    other = tmp_path / "other.pem"
    other.write_bytes(certificate_of(ec_key()))
    policy = write_policy(tmp_path, collection, signer=str(other))
    (image,) = stranger.json("verify", collection.image("v1"), "--policy", policy, expect=3)[
        "images"
    ]
    assert image["reason"]["code"] == "signer-key-differs"


def test_a_required_signer_who_never_signed_refuses_and_nothing_else_is_looked_at(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    """The role is delegated and was never published; targets would have the tag."""
    collection.prepare(v1=b"example")
    certificate = tmp_path / "jenkins.pem"
    certificate.write_bytes(certificate_of(ec_key()))
    collection.admin("delegation", "add", collection.gun, "jenkins", certificate)
    policy = write_policy(tmp_path, collection, rule="require: {signers: [jenkins]}")
    policy.write_text(policy.read_text().replace(f"id:{'0' * 64}", str(certificate)))
    (image,) = stranger.json("verify", collection.image("v1"), "--policy", policy, expect=3)[
        "images"
    ]
    assert image["reason"]["code"] == "signer-missing"


def test_what_no_rule_is_about_is_denied_and_what_a_rule_approves_needs_no_server(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    policy = write_policy(
        tmp_path,
        collection,
        more="  - match: 'registry.invalid/*'\n    approve: true\n"
        "  - match: 'registry.invalid/bad/*'\n    approve: false\n",
    )
    images = ("registry.invalid/app:1", "registry.invalid/bad/app:1", "busybox")
    answer = stranger.json("verify", *images, "--policy", policy, expect=3)
    found = [(i["verdict"], i["rule"], (i["reason"] or {}).get("code")) for i in answer["images"]]
    assert found == [
        ("accept", "registry.invalid/*", None),
        ("reject", "registry.invalid/bad/*", "denied-by-rule"),
        ("reject", "", "no-rule"),
    ]


def test_a_rule_that_warns_lets_through_and_says_why(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    collection.prepare(v1=b"example")
    policy = write_policy(tmp_path, collection, rule="require: {signers: [gitlab]}\n    mode: warn")
    answer = stranger.json("verify", collection.image("unsigned"), "--policy", policy)
    assert answer["verdict"] == "warn"
    assert answer["images"][0]["reason"]["code"] == "not-signed"
    said = stranger("-q", "verify", collection.image("unsigned"), "--policy", policy).stdout
    assert "not-signed" in said


def test_a_root_that_the_rule_does_not_pin_is_invalid_trust_data_though_it_was_trusted_before(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    collection.prepare(v1=b"example")
    stranger("verify", collection.image("v1"), *collection.pinned())
    policy = write_policy(tmp_path, collection)
    policy.write_text(policy.read_text().replace(collection.root_key_id, "f" * 64))
    answer = stranger.json("verify", collection.image("v1"), "--policy", policy, expect=4)
    assert answer["images"][0]["reason"]["code"] == "pin-mismatch"


def test_a_tag_that_was_overwritten_in_the_registry_is_refused_where_it_must_agree(
    collection: Collection, stranger: WatchedSigner
) -> None:
    signed = collection.prepare(v1=b"example")["v1"]
    arguments = ("verify", collection.image("v1"), *collection.pinned(), "--registry")
    assert stranger.json(*arguments)["images"][0]["digest"] == signed
    push_image(collection.registry, collection.path, "v1", content=b"overwritten")
    (image,) = stranger.json(*arguments, expect=3)["images"]
    assert (image["reason"]["code"], image["checks"][14]["status"]) == ("registry-differs", "fail")


def test_without_a_network_what_was_stored_decides_and_nothing_stored_is_no_answer(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    digest = collection.prepare(v1=b"example")["v1"]
    online = stranger.json("verify", collection.image("v1"), *collection.pinned())
    offline = stranger.json(
        "verify", collection.image("v1"), "--offline", "--server", "https://127.0.0.1:1"
    )
    assert offline == online
    assert offline["images"][0]["digest"] == digest
    empty = collection.stranger(tmp_path / "empty")
    error = empty.json(
        "verify", collection.image("v1"), "--offline", *collection.pinned(), expect=6
    )
    assert error["code"] == "not-stored"


def test_a_decision_as_of_a_moment_judges_expiry_by_it(
    collection: Collection, stranger: WatchedSigner
) -> None:
    collection.prepare(v1=b"example")
    arguments = ("verify", collection.image("v1"), *collection.pinned(), "--at")
    (image,) = stranger.json(*arguments, "2060-01-01T00:00:00Z", expect=5)["images"]
    assert image["reason"]["code"] == "role-expired" or "expired" in image["reason"]["code"]
    assert stranger.json(*arguments[:-1])["verdict"] == "accept"
    assert stranger.json(*arguments, "yesterday", expect=2)["code"] == "usage"


def test_while_the_server_is_down_stored_data_stand_in_for_the_grace_period_only(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    digest = collection.prepare(v1=b"example")["v1"]
    closed = f"server: 'https://127.0.0.1:{free_port()}'"
    image = collection.image("v1")
    rule = "require: {signers: [gitlab]}\n    "
    stranger.json("verify", image, "--policy", write_policy(tmp_path, collection))
    lasting = write_policy(
        tmp_path, collection, rule=f"{rule}freshness: {{grace: 1h}}\n    {closed}"
    )
    (verdict,) = stranger.json("verify", image, "--policy", lasting)["images"]
    assert (verdict["verdict"], verdict["digest"]) == ("warn", digest)
    assert verdict["reason"]["code"] == "server-unreachable"
    none = write_policy(tmp_path, collection, rule=f"{rule}{closed}")
    assert (
        stranger.json("verify", image, "--policy", none, expect=6)["code"] == "connection-refused"
    )


def test_images_in_files_are_decided_with_their_place(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    digest = collection.prepare(v1=b"example")["v1"]
    stack = tmp_path / "stack.yml"
    stack.write_text(
        "services:\n"
        "  web:\n"
        f"    image: {collection.gun}:${{TAG:-v1}}\n"
        "  worker:\n"
        f"    image: {collection.gun}:unsigned\n"
    )
    answer = stranger.json("verify", "-f", stack, *collection.pinned(), expect=3)
    found = [(i["image"], i["file"], i["line"], i["path"], i["verdict"]) for i in answer["images"]]
    assert found == [
        (collection.image("v1"), str(stack), 3, "services.web.image", "accept"),
        (collection.image("unsigned"), str(stack), 5, "services.worker.image", "reject"),
    ]
    assert answer["images"][0]["digest"] == digest
    other = tmp_path / "Dockerfile"
    other.write_text(f"FROM {collection.image('v1')}\n")
    both = stranger.json("verify", "-f", other, stack, expect=3)
    assert [i["file"] for i in both["images"]] == [str(other), str(stack), str(stack)]
    sarif = stranger("verify", "-f", stack, *collection.pinned(), "--format", "sarif", expect=3)
    assert json.loads(sarif.stdout)["version"] == "2.1.0"


def test_an_image_that_may_be_a_file_is_not_taken_for_one(stranger: WatchedSigner) -> None:
    """A file of the image's name would have it pass unverified; '-f *.yml' gives files as well."""
    for name in ("a.yml", "b.yml", "library/busybox"):
        (stranger.home / name).parent.mkdir(exist_ok=True)
        (stranger.home / name).write_text("services: {}\n")
    refused = stranger.json("verify", "-f", "a.yml", "library/busybox", expect=2)
    assert refused["code"] == "ambiguous-name"
    assert stranger.json("verify", "-f", "a.yml", "b.yml")["images"] == []


def test_a_policy_and_options_that_say_the_same_in_another_way_are_wrong_usage(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    policy = write_policy(tmp_path, collection)
    arguments = ("verify", collection.image("v1"), "--policy", policy)
    for more in (("--signer", "gitlab"), collection.pinned(), ("--registry",)):
        assert stranger.json(*arguments, *more, expect=2)["code"] == "usage"
