"""``signer pin``: workload files with verified digests, on a real Notary server."""

import json
import stat
from pathlib import Path

import pytest

from tests.e2e.story import Collection, WatchedSigner


@pytest.fixture
def stranger(collection: Collection, tmp_path: Path) -> WatchedSigner:
    return collection.stranger(tmp_path / "stranger")


@pytest.fixture
def digests(collection: Collection) -> dict[str, str]:
    return collection.prepare(v1=b"one", v2=b"two", latest=b"three")


def content(directory: Path) -> dict[str, bytes]:
    """Return the files of a directory, without those of the program's own."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".docker" not in path.parts
    }


def compose(collection: Collection) -> str:
    return (
        "\ufeffservices:  # what runs\r\n"
        f"  web: {{image:   '{collection.image('v1')}' , ports: [80]}}\r\n"
        f"  worker:\r\n    image: {collection.gun}:${{TAG:-v2}}  # moves\r\n"
        f"  other:\r\n    image: {collection.gun}"
    )


def pinned_compose(collection: Collection, digests: dict[str, str]) -> str:
    gun = collection.gun
    return (
        "\ufeffservices:  # what runs\r\n"
        f"  web: {{image:   '{gun}:v1@{digests['v1']}' , ports: [80]}}\r\n"
        f"  worker:\r\n    image: {gun}:${{TAG:-v2}}@{digests['v2']}  # moves\r\n"
        f"  other:\r\n    image: {gun}:latest@{digests['latest']}"
    )


def test_a_file_is_pinned_to_standard_output_into_a_file_and_in_place(
    collection: Collection, stranger: WatchedSigner, digests: dict[str, str]
) -> None:
    file = stranger.home / "stack.yml"
    file.write_bytes(compose(collection).encode())
    file.chmod(0o640)
    (stranger.home / "link.yml").symlink_to("stack.yml")
    expected = pinned_compose(collection, digests)
    options = ("--signer", "gitlab", *collection.pinned())

    printed = stranger("pin", "stack.yml", *options)
    assert (printed.stdout, printed.stderr) == (expected, "")
    given = stranger.start("pin", "-", *options).wait(file.read_bytes())
    assert given.stdout == expected
    stranger("pin", "stack.yml", "-o", "out.yml", *options)
    assert content(stranger.home) == {
        "stack.yml": compose(collection).encode(),
        "link.yml": compose(collection).encode(),
        "out.yml": expected.encode(),
    }
    checked = stranger("pin", "--check", "stack.yml", *options, expect=1)
    assert "stack.yml:2: services.web.image" in checked.stderr
    assert content(stranger.home)["stack.yml"] == compose(collection).encode()

    done = stranger("pin", "-i", "link.yml", *options)
    assert f"pinned  link.yml:2  {collection.image('v1')}@{digests['v1']}\n" in done.stdout
    assert file.read_bytes() == expected.encode()
    assert (stranger.home / "link.yml").is_symlink()
    modes = {name: stat.S_IMODE((stranger.home / name).stat().st_mode) for name in
             ("stack.yml", "out.yml")}  # fmt: skip
    assert modes == {"stack.yml": 0o640, "out.yml": 0o640}

    stranger("pin", "--check", "stack.yml", "out.yml", *options)
    stranger("pin", "--check", "stack.yml", *options, env={"TAG": "v1"}, expect=3)
    before = file.stat()
    stranger("pin", "-i", "stack.yml", *options)
    assert file.read_bytes() == expected.encode()
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert set(content(stranger.home)) == {"stack.yml", "link.yml", "out.yml"}


def test_what_is_said_as_json(
    collection: Collection, stranger: WatchedSigner, digests: dict[str, str]
) -> None:
    (stranger.home / "Dockerfile").write_text(f"FROM {collection.image('v1')} AS x\nFROM x\n")
    answer = stranger.json("pin", "Dockerfile", *collection.pinned())
    assert list(answer) == ["schema", "verdict", "files", "images"]
    assert (answer["schema"], answer["verdict"]) == ("signer.pin/1", "accept")
    pinned = f"{collection.image('v1')}@{digests['v1']}"
    assert answer["files"] == [
        {
            "file": "Dockerfile",
            "changed": True,
            "output": "",
            "content": f"FROM {pinned} AS x\nFROM x\n",
        }
    ]
    assert answer["images"] == [
        {
            "image": collection.image("v1"),
            "file": "Dockerfile",
            "line": 1,
            "path": "FROM (stage x)",
            "status": "pinned",
            "pinned": pinned,
            "verdict": "accept",
            "digest": digests["v1"],
            "rule": "",
            "signers": ["gitlab"],
            "role": "targets/releases",
            "reason": None,
        }
    ]
    answer = stranger.json("pin", "Dockerfile", "--check", *collection.pinned(), expect=1)
    assert [image["status"] for image in answer["images"]] == ["unpinned"]


def test_one_refused_image_leaves_every_file_as_it_was(
    collection: Collection, stranger: WatchedSigner, digests: dict[str, str]
) -> None:
    files = {
        "good.yml": f"services: {{web: {{image: '{collection.image('v1')}'}}}}\n",
        "bad.yml": f"services:\n  db: {{image: '{collection.image('unsigned')}'}}\n",
        "moved.yml": f"services: {{a: {{image: '{collection.image('v1')}@{digests['v2']}'}}}}\n",
    }
    for name, text in files.items():
        (stranger.home / name).write_text(text)
    before = content(stranger.home)
    for more in (("-i",), ("-o", "."), ("--check",)):
        done = stranger("pin", "good.yml", "bad.yml", *more, *collection.pinned(), expect=3)
        assert "bad.yml:2, services.db.image" in done.stderr
        assert done.stdout == ""
        assert content(stranger.home) == before
    refused = stranger("pin", "bad.yml", *collection.pinned(), expect=3)
    assert refused.stdout == ""
    answer = stranger.json("pin", "-i", "good.yml", "moved.yml", *collection.pinned(), expect=3)
    assert [image["status"] for image in answer["images"]] == ["unpinned", "refused"]
    assert answer["images"][1]["reason"]["code"] == "digest-differs"
    assert [file["changed"] for file in answer["files"]] == [False, False]
    assert content(stranger.home) == before


def test_several_kinds_of_files_are_pinned_together(
    collection: Collection, stranger: WatchedSigner, digests: dict[str, str]
) -> None:
    image, digest = collection.image("v1"), digests["v1"]
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": image}]}}
    files = {
        "stack.yml": f"x: &i {image}\nservices: {{a: {{image: *i}}, b: {{image: *i}}}}\n",
        "pod.json": json.dumps(pod, indent=1),
        "Dockerfile": f"ARG TAG=v1\nFROM {collection.gun}:${{TAG}}\n",
    }
    for name, text in files.items():
        (stranger.home / name).write_text(text)
    stranger("pin", *files, "-o", "out", *collection.pinned())
    expected = {
        "stack.yml": files["stack.yml"].replace(image, f"{image}@{digest}"),
        "pod.json": files["pod.json"].replace(image, f"{image}@{digest}"),
        "Dockerfile": files["Dockerfile"].replace("${TAG}", f"${{TAG}}@{digest}"),
    }
    written = {name: (stranger.home / "out" / name).read_text() for name in files}
    assert written == expected
    stranger("pin", "-i", *files, *collection.pinned())
    assert {name: (stranger.home / name).read_text() for name in files} == expected
    assert set(content(stranger.home / "out")) == set(files)


def test_an_image_that_a_rule_approves_without_signature_is_left_as_it_is(
    collection: Collection, stranger: WatchedSigner, digests: dict[str, str]
) -> None:
    (stranger.home / "policy.yaml").write_text(
        "apiVersion: signer/v1\nkind: TrustPolicy\ndefault: deny\n"
        f"signers: {{gitlab: {{keys: ['{collection.certificate}']}}}}\n"
        "rules:\n"
        f"  - match: '{collection.gun}'\n"
        f"    root: {{key_ids: ['{collection.root_key_id}']}}\n"
        "    require: {signers: [gitlab]}\n"
        "  - match: 'registry.k8s.io/*'\n"
        "    approve: true\n"
        "resources:\n"
        "  - {apiVersion: example.com/v1, kind: Canary, images: [$.spec.image]}\n"
    )
    manifest = (
        "apiVersion: example.com/v1\nkind: Canary\n"
        f"spec: {{image: '{collection.image('v1')}'}}\n---\n"
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: registry.k8s.io/pause:3\n"
    )
    (stranger.home / "all.yaml").write_text(manifest)
    done = stranger("pin", "-i", "all.yaml", "--policy", "policy.yaml")
    assert "all.yaml:9: document 2: $.spec.containers[0].image" in done.stderr
    assert "'registry.k8s.io/*'" in done.stderr
    assert (stranger.home / "all.yaml").read_text() == manifest.replace(
        ":v1'", f":v1@{digests['v1']}'"
    )
    stranger("pin", "--check", "all.yaml", "--policy", "policy.yaml", expect=1)


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (["f.yml", "f.yml2"], "", "Standard output takes one file"),
        (["f.yml", "-i", "-o", "x"], "", "-o and -i were given"),
        (["-", "-i"], "", "-i cannot rewrite standard input"),
        (["f.yml", "d/f.yml", "-o", "out"], "", "the same name"),
        (["f.yml", "g.yml", "-o", "f.yml"], "", "f.yml is no directory"),
        (["f.yml", "-i"], "services: {web: {image: ''}}", "f.yml:1: services.web.image is blank"),
        (["f.yml", "-i"], "services:\n  web:\n    image: ${X:?}\n", "f.yml:3: services.web.image"),
        (["f.yml", "-i"], "image: x", "f.yml:1: this is no Compose file"),
        (["none.yml", "-i"], "", "Cannot read none.yml"),
    ],
)
def test_wrong_usage_and_files_that_cannot_be_read(
    stranger: WatchedSigner, arguments: list[str], text: str, said: str
) -> None:
    (stranger.home / "f.yml").write_text(text)
    error = stranger.json("pin", *arguments, "--trust-on-first-use", expect=2)
    assert said in error["message"]
    assert content(stranger.home) == {"f.yml": text.encode()}


def test_a_server_that_is_down_is_no_refusal(
    collection: Collection, stranger: WatchedSigner
) -> None:
    (stranger.home / "f.yml").write_text("services: {web: {image: 'localhost:1/a/b:1'}}")
    server = ("--server", "https://localhost:1")
    error = stranger.json("pin", "-i", "f.yml", *server, *collection.pinned(), expect=6)
    assert error["schema"] == "signer.error/1"


def test_a_file_without_images_is_left_as_it_is(stranger: WatchedSigner) -> None:
    (stranger.home / "f.yml").write_text("services: {web: {build: .}}")
    assert stranger("pin", "f.yml").stdout == "services: {web: {build: .}}"
    stranger("pin", "--check", "f.yml")
