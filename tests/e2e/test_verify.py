"""``signer verify``: a verdict per image, its reasons, and the exit code that follows."""

import json
from pathlib import Path

import pytest

from tests.components.images import push_image
from tests.e2e.material import certificate_of, ec_key, write_bundle
from tests.e2e.story import Collection, WatchedSigner, directory_content

STEPS = [
    "root-pinned",
    "root-threshold",
    "root-chain",
    "root-valid",
    "timestamp",
    "snapshot",
    "root-named",
    "targets",
    "delegations",
    "target",
    "digest",
    "signers",
    "freshness",
    "provenance",
    "registry",
]


@pytest.fixture
def stranger(collection: Collection, tmp_path: Path) -> WatchedSigner:
    return collection.stranger(tmp_path / "stranger")


def test_an_accepted_image_has_its_digest_signers_and_checks(
    collection: Collection, stranger: WatchedSigner
) -> None:
    digest = collection.prepare(v1=b"example")["v1"]
    arguments = ("verify", collection.image("v1"), "--signer", "gitlab", *collection.pinned())
    answer = stranger.json(*arguments)
    assert list(answer) == ["schema", "verdict", "images"]
    assert (answer["schema"], answer["verdict"]) == ("signer.verify/1", "accept")
    (image,) = answer["images"]
    checks = image.pop("checks")
    assert image == {
        "image": collection.image("v1"),
        "verdict": "accept",
        "digest": digest,
        "rule": "",
        "signers": ["gitlab"],
        "role": "targets/releases",
        "reason": None,
    }
    assert [check["step"] for check in checks] == list(range(1, 16))
    assert [check["code"] for check in checks] == STEPS
    assert [check["status"] for check in checks] == ["pass"] * 12 + ["skip"] * 3
    assert all(set(check) == {"step", "code", "status", "detail"} for check in checks)
    assert collection.root_key_id in checks[0]["detail"]
    text = stranger(*arguments)
    assert text.stdout == (
        f"accept  {collection.image('v1')}\n"
        f"  {digest}\n"
        "  signers  gitlab (found in targets/releases)\n"
    )
    assert stranger("-q", *arguments).stdout == ""


def test_several_images_have_a_verdict_each_and_the_worst_exit_code(
    collection: Collection, stranger: WatchedSigner
) -> None:
    digests = collection.prepare(v1=b"one", v2=b"two")
    images = [
        collection.image("v1"),
        collection.image("missing"),
        f"{collection.image('v2')}@{digests['v2']}",
        f"{collection.image('v2')}@{digests['v1']}",
        f"{collection.gun}@{digests['v1']}",
        f"{collection.gun}-none:1",
    ]
    answer = stranger.json("verify", *images, *collection.pinned(), expect=3)
    assert answer["verdict"] == "reject"
    assert [image["image"] for image in answer["images"]] == images
    verdicts = [image["verdict"] for image in answer["images"]]
    assert verdicts == ["accept", "reject", "accept", "reject", "accept", "reject"]
    reasons = [image["reason"] and image["reason"]["code"] for image in answer["images"]]
    assert reasons == [None, "not-signed", None, "digest-differs", None, "no-trust-data"]
    assert answer["images"][4]["digest"] == digests["v1"]
    rejected = answer["images"][1]
    assert (rejected["digest"], rejected["role"], rejected["signers"]) == ("", "", [])
    statuses = [check["status"] for check in rejected["checks"]]
    assert statuses == ["pass"] * 9 + ["fail"] + ["skip"] * 5
    quiet = stranger("-q", "verify", *images, *collection.pinned(), expect=3).stdout
    assert [line.split()[0] for line in quiet.splitlines() if not line.startswith(" ")] == [
        "reject",
        "reject",
        "reject",
    ]


def test_invalid_trust_data_of_one_image_outranks_an_unsigned_other(
    collection: Collection, stranger: WatchedSigner
) -> None:
    """A pin that does not fit is 4; an unsigned tag is 3; an unreachable server is 6."""
    collection.prepare(v1=b"one")
    stranger("verify", collection.image("v1"), *collection.pinned())
    second = f"{collection.gun}-second"
    collection.admin("init", second, "--signer", f"gitlab={collection.certificate}")
    images = (collection.image("missing"), f"{second}:1")
    answer = stranger.json("verify", *images, *collection.pinned(), expect=4)
    assert [image["reason"]["code"] for image in answer["images"]] == ["not-signed", "pin-mismatch"]
    assert answer["images"][1]["checks"][0]["status"] == "fail"


@pytest.mark.parametrize("pin", ["tuf-id", "canonical-id", "certificate", "first-use", "known"])
def test_every_way_of_trusting_a_root(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path, pin: str
) -> None:
    collection.prepare(v1=b"example")
    root = json.loads(collection.server.metadata(collection.gun, "root.json"))["signed"]
    import base64

    certificate = tmp_path / "root.pem"
    public = root["keys"][collection.root_key_id]["keyval"]["public"]
    certificate.write_bytes(base64.b64decode(public))
    stored = collection.admin.json("keys", "list")["keys"]
    canonical = next(key["key_id"] for key in stored if key["role"] == "root")
    options: tuple[str | Path, ...] = {
        "tuf-id": collection.pinned(),
        "canonical-id": ("--root-key-id", canonical),
        "certificate": ("--root-cert", certificate),
        "first-use": ("--trust-on-first-use",),
        "known": (),
    }[pin]
    if pin == "known":
        stranger("verify", collection.image("v1"), "--trust-on-first-use")
    stranger("verify", collection.image("v1"), *options)
    stranger("verify", collection.image("v1"))


def test_without_a_pin_the_root_is_shown_and_nothing_is_trusted(
    collection: Collection, stranger: WatchedSigner
) -> None:
    collection.prepare(v1=b"example")
    error = stranger.json("verify", collection.image("v1"), expect=2)
    assert error["code"] == "no-pin"
    assert collection.root_key_id in error["hint"]
    assert not directory_content(stranger.trust_directory)


@pytest.mark.parametrize("option", ["--root-key-id", "--root-cert"])
def test_a_pin_that_does_not_fit_is_an_attack_also_where_the_root_is_known(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path, option: str
) -> None:
    collection.prepare(v1=b"example")
    other = tmp_path / "other.pem"
    other.write_bytes(certificate_of(ec_key(), name=collection.gun))
    wrong = (option, other if option == "--root-cert" else "0" * 64)
    for known in (False, True):
        if known:
            stranger("verify", collection.image("v1"), *collection.pinned())
        answer = stranger.json("verify", collection.image("v1"), *wrong, expect=4)
        assert answer["images"][0]["reason"]["code"] == "pin-mismatch"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--root-key-id", "123"), ""),
        (("--root-cert", "missing.pem"), ""),
        (("--root-ca", "missing.pem"), ""),
        (("--signer", "releases"), "bad-signer"),
        (("--signer", "A B"), "bad-signer"),
        (("--timeout", "0"), "usage"),
        (("--server", "ftp://x"), ""),
        (("--server", "https://user:secret-word@localhost:1"), ""),
        (("--server", "http://dtr.test"), "plain-http"),
        (("--ca", "missing.pem"), "bad-ca"),
    ],
)
def test_wrong_options_are_usage_errors(
    tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    signer = WatchedSigner(tmp_path / "signer")
    arguments = ("verify", "localhost:1/admin/flask:1", "--trust-on-first-use", *options)
    error = signer.json(*arguments, expect=2)
    assert not code or error["code"] == code, error
    assert "secret-word" not in error["message"] + error["hint"]


def test_a_required_signer_counts_only_in_a_role_of_his_own(
    collection: Collection, stranger: WatchedSigner, tmp_path: Path
) -> None:
    collection.prepare(v1=b"example")
    jenkins = write_bundle(tmp_path / "jenkins", name="jenkins")
    collection.admin("delegation", "add", collection.gun, "jenkins", jenkins / "cert.pem")
    image = collection.image("v1")

    def reason(*signers: str) -> str:
        options = [part for name in signers for part in ("--signer", name)]
        answer = stranger.json("verify", image, *options, *collection.pinned(), expect=3)
        code: str = answer["images"][0]["reason"]["code"]
        return code

    assert reason("jenkins") == "signer-missing"
    assert reason("gitlab", "jenkins") == "signer-missing"
    assert reason("nobody") == "signer-unknown"
    collection.push("v1", b"moved")
    collection.admin("sign", image, "--key", jenkins / "key.pem", "--signer", "jenkins")
    assert reason("gitlab") == "signer-differs"
    both = stranger.json("verify", image, "--signer", "jenkins", *collection.pinned())
    assert both["images"][0]["signers"] == ["jenkins"]


def test_a_tag_is_latest_unless_said(collection: Collection, stranger: WatchedSigner) -> None:
    collection.prepare(latest=b"example")
    answer = stranger.json("verify", collection.gun, *collection.pinned())
    assert answer["images"][0]["image"] == collection.image("latest")


def test_a_tag_that_only_a_signer_has_is_not_released(
    collection: Collection, stranger: WatchedSigner
) -> None:
    push_image(collection.registry, collection.path, "v1")
    collection.admin("keys", "generate", "alice")
    collection.admin("delegation", "add", collection.gun, "alice", "alice.pub")
    answer = stranger.json("verify", collection.image("v1"), *collection.pinned(), expect=3)
    assert answer["images"][0]["reason"]["code"] == "not-signed"
