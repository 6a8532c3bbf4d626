"""Images in Kubernetes manifests: every kind of workload, Lists, custom resources, JSON."""

import json
from pathlib import Path

import pytest

from signer.errors import UsageError
from signer.policy.model import Resource
from signer.workloads.jsonpath import parse_json_path
from tests.unit.workloads.finding import Place, write_files

POD = "{containers: [{name: c, image: 'c:1'}]}"
TEMPLATE = f"spec: {{template: {{spec: {POD}}}}}"


@pytest.mark.parametrize(
    ("api_version", "kind", "body", "path"),
    [
        ("v1", "Pod", f"spec: {POD}", "$.spec"),
        ("v1", "ReplicationController", TEMPLATE, "$.spec.template.spec"),
        ("v1", "PodTemplate", f"template: {{spec: {POD}}}", "$.template.spec"),
        ("apps/v1", "Deployment", TEMPLATE, "$.spec.template.spec"),
        ("apps/v1", "ReplicaSet", TEMPLATE, "$.spec.template.spec"),
        ("apps/v1", "StatefulSet", TEMPLATE, "$.spec.template.spec"),
        ("apps/v1", "DaemonSet", TEMPLATE, "$.spec.template.spec"),
        ("batch/v1", "Job", TEMPLATE, "$.spec.template.spec"),
        ("extensions/v1beta1", "Deployment", TEMPLATE,
         "$.spec.template.spec"),
        ("batch/v1", "CronJob", f"spec: {{jobTemplate: {{spec: {{template: {{spec: {POD}}}}}}}}}",
         "$.spec.jobTemplate.spec.template.spec"),
    ],
)  # fmt: skip
def test_every_kind_of_workload_is_looked_into(
    place: Place, api_version: str, kind: str, body: str, path: str
) -> None:
    text = f"apiVersion: {api_version}\nkind: {kind}\n{body}\n"
    assert place.images({"m.yaml": text}) == [("c:1", "m.yaml", 3, f"{path}.containers[0].image")]


def test_all_containers_and_image_volumes_count(place: Place) -> None:
    text = """\
apiVersion: v1
kind: Pod
metadata: {annotations: {image: no:1}}
spec:
  initContainers:
    - image: init:1
  containers:
    - name: a
      image: "a:1"
      env: [{name: IMAGE, value: no:2}]
    - image: b:1
  ephemeralContainers:
    - image: debug:1
  volumes:
    - name: v
      image:
        reference: volume:1
    - name: w
      emptyDir: {}
"""
    assert place.images({"m.yaml": text}) == [
        ("init:1", "m.yaml", 6, "$.spec.initContainers[0].image"),
        ("a:1", "m.yaml", 9, "$.spec.containers[0].image"),
        ("b:1", "m.yaml", 11, "$.spec.containers[1].image"),
        ("debug:1", "m.yaml", 13, "$.spec.ephemeralContainers[0].image"),
        ("volume:1", "m.yaml", 17, "$.spec.volumes[0].image.reference"),
    ]


HELM = """\
---
# Source: chart/templates/config.yaml
apiVersion: v1
kind: ConfigMap
data:
  pod.yaml: |
    apiVersion: v1
    kind: Pod
    spec: {containers: [{image: no:1}]}
---
# Source: chart/templates/empty.yaml
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    spec: {containers: [{image: listed:1}]}
  - apiVersion: v1
    kind: Secret
---
apiVersion: apps/v1
kind: DeploymentList
items:
  - spec: {template: {spec: {containers: [{image: typed:1}]}}}
---
apiVersion: example.com/v1
kind: Deployment
spec: {template: {spec: {containers: [{image: foreign:1}]}}}
"""


def test_documents_and_lists_are_looked_through(place: Place) -> None:
    assert place.images({"out.yaml": HELM}) == [
        ("listed:1", "out.yaml", 18, "document 2: $.items[0].spec.containers[0].image"),
        (
            "typed:1",
            "out.yaml",
            25,
            "document 3: $.items[0].spec.template.spec.containers[0].image",
        ),
    ]


def test_whatever_has_items_is_a_list_as_it_is_for_kubectl(place: Place) -> None:
    text = """\
apiVersion: v1
kind: ConfigMap
items:
- apiVersion: v1
  kind: Pod
  spec: {containers: [{image: hidden:1}]}
"""
    assert place.images({"m.yaml": text}) == [
        ("hidden:1", "m.yaml", 6, "$.items[0].spec.containers[0].image")
    ]


def test_custom_resources_are_looked_into_where_the_policy_says(place: Place) -> None:
    text = """\
apiVersion: example.com/v1
kind: Canary
spec:
  steps:
    - {image: one:1}
    - {run: nothing}
    - {image: two:1}
  main: {"image.name": main:1}
---
apiVersion: example.com/v2
kind: Canary
spec: {steps: [{image: other:1}]}
"""
    write_files(place.directory, {"m.yaml": text})
    paths = ("$.spec.steps[*].image", "{.spec.main['image.name']}", "$.spec.missing.image")
    found = place.found("m.yaml", resources=[Resource("example.com/v1", "Canary", paths)])
    assert [(one.reference_text, one.line, one.path) for one in found] == [
        ("one:1", 5, "document 1: $.spec.steps[0].image"),
        ("two:1", 7, "document 1: $.spec.steps[2].image"),
        ("main:1", 8, "document 1: $.spec.main.image.name"),
    ]


def test_json_manifests_are_read_with_their_places(place: Place) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a:1"}]}}
    text = json.dumps(pod, indent="\t") + "\n" + json.dumps(pod).replace("a:1", "b\\u003a1")
    assert place.images({"m.json": text}) == [
        ("a:1", "m.json", 7, "document 1: $.spec.containers[0].image"),
        ("b:1", "m.json", 12, "document 2: $.spec.containers[0].image"),
    ]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{containers: [{image: ''}]}", "m.yaml:3: $.spec.containers[0].image is blank"),
        ("{containers: [{image: }]}", "m.yaml:3: $.spec.containers[0].image is blank"),
        ("{containers: [{image: 7}]}", "m.yaml:3: $.spec.containers[0].image must be a string"),
        ("{containers: [{image: Yes}]}", "m.yaml:3: $.spec.containers[0].image must be a string"),
        ("{containers: [{name: x}]}", "m.yaml:3: $.spec.containers[0] has no image"),
        ("{containers: [text]}", "$.spec.containers[0] must be a mapping"),
        ("{containers: {image: a}}", "$.spec.containers must be a list"),
        ("{volumes: [{image: {}}]}", "$.spec.volumes[0].image has no reference"),
        ("{containers: [{image: ' a'}]}", "Not an image reference"),
        ("{containers: [{image: a, image: b}]}", "has the key 'image' twice"),
        ("{containers: [{image: a, <<: {image: b}}]}", "has 'image' before '<<' and in it"),
    ],
)
def test_what_cannot_be_decided_about_is_refused_with_its_line(
    place: Place, spec: str, said: str
) -> None:
    text = f"apiVersion: v1\nkind: Pod\nspec: {spec}\n"
    assert said in place.refusal({"m.yaml": text})


def test_a_document_that_is_no_object_is_refused_among_objects(place: Place) -> None:
    text = "apiVersion: v1\nkind: Pod\n---\nspec: {containers: [{image: a}]}\n"
    assert "m.yaml:4: document 2: $ is no Kubernetes object" in place.refusal({"m.yaml": text})


def test_lists_that_multiply_are_refused(place: Place) -> None:
    lists = ["p: &l0 {apiVersion: v1, kind: Pod, spec: {containers: [{image: a}]}}"]
    for number in range(1, 10):
        items = ", ".join([f"*l{number - 1}"] * 10)
        lists.append(f"l{number}: &l{number} {{apiVersion: v1, kind: List, items: [{items}]}}")
    text = "\n".join([*lists, "apiVersion: v1\nkind: List\nitems: [*l9]\n"])
    assert "multiply without measure" in place.refusal({"m.yaml": text})
    endless = "apiVersion: v1\nkind: List\nitems: &i [{apiVersion: v1, kind: List, items: *i}]\n"
    assert "nested too deep" in place.refusal({"m.yaml": endless})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("$.spec.image", ("spec", "image")),
        (".spec.image", ("spec", "image")),
        ("spec.image", ("spec", "image")),
        ("{.spec['a.b'][0].x}", ("spec", "a.b", 0, "x")),
        ('$["spec"][*].*', ("spec", None, None)),
    ],
)
def test_json_paths_are_read(text: str, parts: tuple[str | int | None, ...]) -> None:
    assert parse_json_path(text) == parts


@pytest.mark.parametrize("text", ["", "$", "$..image", "$.a[?(@.b)]", "$.a[1:2]", "$.a b", "$.a["])
def test_json_paths_that_cannot_be_followed_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_json_path(text)
    assert error.value.code == "bad-json-path"


def test_files_of_no_known_format_are_refused(place: Place) -> None:
    assert "x.txt:1: this is no workload" in place.refusal({"x.txt": "hello"})
    assert "x.txt has no content" in place.refusal({"x.txt": "# nothing\n"})
    assert "x.yml:1: this is no Compose file" in place.refusal({"x.yml": "web: {image: a}"})
    assert "x.yml:2: this is no YAML" in place.refusal({"x.yml": "a:\n\tb: c\n"})
    assert "x.yml:1: this is no YAML" in place.refusal({"x.yml": "a: *none"})
    assert "x.yml is no YAML" in place.refusal({"x.yml": "a: \x00"})
    assert "no text in UTF-8" in place.refusal({"x.yml": b"a: \xff"})
    assert "nested too deep" in place.refusal({"x.yml": "[" * 5000})
    assert "nested too deep" in place.refusal({"x.json": "[" * 50000 + "]" * 50000})
    assert "is larger than" in place.refusal({"x.yml": "a" * (9 * 1024 * 1024)})
    assert "Cannot read nope.yml" in _message(place, "nope.yml")
    assert "only once" in _message(place, "-", "-")
    (place.directory / "d").mkdir()
    assert "Cannot read d" in _message(place, "d")


def _message(place: Place, *names: str) -> str:
    with pytest.raises(UsageError) as error:
        place.found(*names)
    return error.value.message


def test_the_format_is_seen_by_the_content(place: Place, tmp_path: Path) -> None:
    both = "apiVersion: v1\nkind: Pod\nservices: {web: {image: no:1}}\nspec: {containers: []}\n"
    assert place.texts({"m.yaml": both}) == []
    assert place.texts({"noname": "# c\n\nfrom a:1\n"}) == ["a:1"]
    assert place.texts({"Dockerfile.prod": "FROM a:1\n"}) == ["a:1"]
    assert place.texts({"app.dockerfile": "FROM a:1\n"}) == ["a:1"]
    assert place.texts({"dockerfile.yml": "services: {a: {image: b:1}}"}) == ["b:1"]
