"""What a policy file may say, and what is said about one that is wrong."""

import time
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from signer.errors import ExitCode, UsageError
from signer.policy.load import load_policy, parse_policy
from tests.attacks.keys import bare, private_key
from tests.unit.policy.material import (
    HEAD,
    KEY_ID,
    RELEASED,
    ROOTED,
    parse,
    policy_text,
    rule,
    write_certificate,
    write_keys,
)

OTHER_ID = "cd" * 32
DESIGN = """\
apiVersion: signer/v1
kind: TrustPolicy
default: deny
signers:
  gitlab: {keys: [certs/gitlab.pem]}          # a certificate, a public key, or "id:<...>"
teams:
  ci/gitlab: [gitlab]                         # for UCP's rule: one member of each required team
rules:
  - match: "dtr.example.com/admin/*"          # anchored
    root: {key_ids: ["%s"], certs: [], ca: null}
    require: {signers: [gitlab], threshold: 1, teams: [], released: true}
    freshness: {max_timestamp_age: 14d, min_remaining: 0d}
    provenance: {promoted_from: "admin/flask_build", max_critical: 0}
    mode: enforce                             # or warn
  - match: "registry.k8s.io/*"
    approve: true
"""


def _refused(text: str, *parts: str, line: int = 0) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(text)
    error = caught.value
    assert error.exit_code == ExitCode.USAGE
    said = f"{error.message} {error.hint}"
    for part in parts:
        assert part in said, said
    if line:
        assert f"policy.yaml:{line}:" in error.message, error.message
    return error


def test_the_designs_example_is_a_policy(tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    write_keys(tmp_path / "certs", "gitlab")
    path = tmp_path / "policy.yaml"
    path.write_text(DESIGN % KEY_ID)
    policy = load_policy(path)
    first, second = policy.rules
    key = bare("registry.example.com/shop/web gitlab").notary.canonical_id
    assert policy.signers["gitlab"].keys == {key}
    assert policy.teams == {"ci/gitlab": ("gitlab",)}
    assert first.pins.key_ids == {KEY_ID}
    assert [signer.name for signer in first.requirement.signers] == ["gitlab"]
    assert first.requirement.released
    assert first.requirement.freshness.max_timestamp_age == timedelta(days=14)
    assert first.requirement.provenance is not None
    assert first.requirement.provenance.max_critical == 0
    assert (first.line, second.line) == (9, 15)
    assert (first.approve, second.approve) == (None, True)
    assert policy.digest == sha256(path.read_bytes()).hexdigest()


def test_paths_are_relative_to_the_file_and_not_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    write_certificate(tmp_path / "root.pem")
    text = policy_text(rule("a/b", "root: {certs: [root.pem]}", RELEASED))
    (tmp_path / "policy.yaml").write_text(text)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_policy(Path("../policy.yaml")).rules[0].pins.certificates


def test_defaults_are_the_strict_ones() -> None:
    found = parse(policy_text(rule("a/b"))).rules[0]
    assert found.mode == "enforce"
    assert found.requirement.released
    assert not found.pins.trust_on_first_use
    assert not (found.engine.local or found.engine.build)


def test_an_absent_threshold_means_all() -> None:
    declared = f'signers:\n  a: {{keys: ["id:{KEY_ID}"]}}\n  b: {{keys: ["id:{OTHER_ID}"]}}\n'
    text = policy_text(rule("a/b", ROOTED, "require: {signers: [a, b]}"), before=declared)
    assert parse(text).rules[0].requirement.wanted == 2


@pytest.mark.parametrize(
    ("before", "lines", "line", "parts"),
    [
        ("bogus: 1\n", (), 4, ("unknown key 'bogus'",)),
        ("signer: {}\n", (), 4, ("'signer'", "did you mean 'signers'")),
        ("", (ROOTED, RELEASED, "mod: warn"), 8, ("'mod'", "did you mean 'mode'")),
        ("", ("roots: {}", RELEASED), 6, ("'roots'", "did you mean 'root'")),
        ("", ("root: {key_id: []}", RELEASED), 6, ("'key_id'", "did you mean 'key_ids'")),
        ("", (ROOTED, "require:", "  signer: [a]"), 8, ("'signer'", "'signers'")),
        ("", (ROOTED, RELEASED, "freshness: {max_age: 1d}"), 8, ("'max_age'", "max_timestamp_age")),
        ("", (ROOTED, RELEASED, "provenance: {max_crit: 0}"), 8, ("'max_crit'", "max_critical")),
        ("", (ROOTED, RELEASED, "mode: warning"), 8, ("'warning'", "did you mean 'warn'")),
        ("", (ROOTED, RELEASED, "mode: Enforce"), 8, ("'Enforce'", "'enforce'")),
        ("", (ROOTED, RELEASED, "mutate: pod"), 8, ("'pod'", "did you mean 'pods'")),
        ("", (ROOTED, RELEASED, "mode: enforce", "mode: warn"), 9, ("'mode'", "twice")),
        ("kind: TrustPolicy\n", (), 4, ("'kind'", "twice")),
        ("", (ROOTED, ROOTED, RELEASED), 7, ("'root'", "twice")),
        ("", (ROOTED, "require: {signers: [gitlab]}"), 7, ("'gitlab'", "not declared")),
        ("", (ROOTED, "require: {teams: [ci/gitlab]}"), 7, ("'ci/gitlab'", "not declared")),
        (
            f'signers:\n  gitlab: {{keys: ["id:{KEY_ID}"]}}\n',
            (ROOTED, "require: {signers: [gitlap]}"),
            9,
            ("'gitlap'", "did you mean 'gitlab'"),
        ),
        (
            f'signers:\n  gitlab: {{keys: ["id:{KEY_ID}"]}}\nteams:\n  ci: [gitlub]\n',
            (),
            7,
            ("'gitlub'", "did you mean 'gitlab'"),
        ),
        ("signers:\n  gitlab: {keys: []}\n", (), 5, ("gitlab", "no key")),
        ("signers:\n  releases: {keys: [a]}\n", (), 5, ("releases",)),
        ("signers:\n  gitlab: {key: a}\n", (), 5, ("'key'", "did you mean 'keys'")),
        ("signers:\n  gitlab: {keys: [missing.pem]}\n", (), 5, ("missing.pem",)),
        ('signers:\n  gitlab: {keys: ["id:abc"]}\n', (), 5, ("abc", "key id")),
        ('signers:\n  gitlab: {keys: ["a\\0b"]}\n', (), 5, ("Cannot read",)),
        ("teams:\n  ci: []\n", (), 5, ("ci", "no member")),
        ("", (RELEASED,), 5, ("no 'root'", "nothing")),
        ("", (ROOTED,), 5, ("no conditions", "nothing")),
        ("", (ROOTED, "require: {}"), 5, ("no conditions",)),
        ("", (ROOTED, "require: {released: false}"), 5, ("no conditions",)),
        ("", (ROOTED, "require: {registry: true}"), 5, ("no conditions",)),
        ("", (ROOTED, "freshness: {max_timestamp_age: 14d}"), 5, ("no conditions",)),
        ("", ("mode: warn",), 5, ("no 'root'",)),
        ("", ("root: {}", RELEASED), 6, ("pins nothing",)),
        ("", ("root: {key_ids: [], certs: [], ca: null}", RELEASED), 6, ("pins nothing",)),
        ("", ('root: {key_ids: ["abc"]}', RELEASED), 6, ("abc",)),
        ("", ("root: {certs: [missing.pem]}", RELEASED), 6, ("missing.pem",)),
        ("", (f'root: {{key_ids: ["{KEY_ID}"], threshold: 2}}', RELEASED), 6, ("threshold",)),
        ("", (f'root: {{key_ids: ["{KEY_ID}"], threshold: 0}}', RELEASED), 6, ("threshold",)),
        (
            "",
            (f'root: {{key_ids: ["{KEY_ID}"], trust_on_first_use: true}}', RELEASED),
            6,
            ("first use",),
        ),
        ("", ("approve: true", ROOTED), 7, ("'approve'", "'root'")),
        ("", ("approve: true", RELEASED), 7, ("'require'",)),
        ("", ("approve: yes please",), 6, ("approve",)),
        ("", (ROOTED, "require: {signers: [], threshold: 2}"), 5, ("no conditions",)),
        ("", (ROOTED, "require: {released: true, threshold: 0}"), 7, ("threshold",)),
        ("", (ROOTED, "require: {released: true, threshold: -1}"), 7, ("threshold",)),
        ("", (ROOTED, "require: {released: true, threshold: two}"), 7, ("threshold",)),
        ("", (ROOTED, "require: {released: 1}"), 7, ("released",)),
        ("", (ROOTED, RELEASED, "freshness: {max_timestamp_age: 14}"), 8, ("max_timestamp_age",)),
        ("", (ROOTED, RELEASED, "freshness: {min_remaining: soon}"), 8, ("soon", "duration")),
        ("", (ROOTED, RELEASED, "freshness: {grace: -1d}"), 8, ("duration",)),
        ("", (ROOTED, RELEASED, f"freshness: {{grace: {'999999d' * 2000}}}"), 8, ("duration",)),
        ("", (ROOTED, RELEASED, "provenance: {}"), 8, ("no condition",)),
        ("", (ROOTED, RELEASED, "provenance: {max_critical: -1}"), 8, ("-1",)),
        ("", (ROOTED, RELEASED, "provenance: {sbom: maybe}"), 8, ("'maybe'", "required")),
        ("", (ROOTED, RELEASED, "server: ftp://a"), 8, ("ftp://a",)),
        (
            "",
            (ROOTED, RELEASED, "server: http://notary.example.com"),
            8,
            ("http://notary", "https"),
        ),
        ("", (ROOTED, RELEASED, "engine: {locals: true}"), 8, ("'locals'", "'local'")),
        ("resources:\n- {apiVersion: a/v1, kind: B}\n", (), 5, ("images",)),
        ("resources:\n- {apiVersion: a/v1, kind: B, images: []}\n", (), 5, ("image",)),
        ("signers: [gitlab]\n", (), 4, ("signers",)),
        ("signers:\n  1: {keys: [a]}\n", (), 5, ("1", "no text")),
        ("teams:\n  ci: gitlab\n", (), 5, ("ci",)),
        ("signers:\n  gitlab:\n", (), 5, ("gitlab",)),
    ],
)
def test_a_wrong_policy_is_named_with_key_line_and_the_nearest_name(
    before: str, lines: tuple[str, ...], line: int, parts: tuple[str, ...]
) -> None:
    _refused(policy_text(rule("a/b", *lines), before=before), *parts, line=line)


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("", 0, ("empty",)),
        ("   \n# nothing\n", 0, ("empty",)),
        ("---\n", 0, ("empty",)),
        ("null\n", 0, ("empty",)),
        ("[]\n", 1, ("object",)),
        ("text\n", 1, ("object",)),
        ("{}\n", 1, ("apiVersion",)),
        ("kind: TrustPolicy\nrules: []\n", 1, ("apiVersion",)),
        ("apiVersion: signer/v1\nrules: []\n", 1, ("kind",)),
        (HEAD, 1, ("rules",)),
        (HEAD + "rules: []\n", 4, ("no rule",)),
        (HEAD + "rules:\n", 4, ("rules",)),
        (HEAD + "rules: {}\n", 4, ("rules",)),
        (HEAD.replace("signer/v1", "signer/v2") + "rules: []\n", 1, ("'signer/v2'", "'signer/v1'")),
        (HEAD.replace("TrustPolicy", "Policy") + "rules: []\n", 2, ("'Policy'", "'TrustPolicy'")),
        (HEAD.replace("deny", "allow") + rule("a/b"), 0, ()),
        (policy_text(rule("a/b")).replace("default: deny", "default: allow"), 3, ("'allow'",)),
        (policy_text(rule("a/b"), rule("a/b")), 8, ("a/b", "shadowed", "line 5")),
        (policy_text(rule("busybox"), rule("docker.io/library/busybox")), 8, ("line 5",)),
        (policy_text(rule("a/b:1")), 5, ("a/b:1", "tag")),
        (policy_text(rule("a/B")), 5, ("a/B",)),
        (policy_text(rule("")), 5, ("pattern",)),
        (HEAD + "rules:\n  - approve: true\n", 5, ("match",)),
        (HEAD + "rules:\n  - text\n", 5, ()),
        (HEAD + "rules: [\n", 5, ()),
        (HEAD + "\tx: 1\n", 4, ()),
        (policy_text(rule("a/b")) + "---\n" + policy_text(rule("a/c")), 0, ()),
        ("a: &a [*a]\n", 0, ()),
        ("? [a]\n: b\n", 0, ("no text",)),
        ("!!python/object:os.system {}\n", 0, ()),
    ],
)
def test_a_wrong_file_is_named_with_its_line(text: str, line: int, parts: tuple[str, ...]) -> None:
    _refused(text, *parts, line=line)


def test_one_key_is_no_two_signers() -> None:
    declared = f'signers:\n  a: {{keys: ["id:{KEY_ID}"]}}\n  b: {{keys: ["id:{KEY_ID}"]}}\n'
    text = policy_text(rule("a/b", ROOTED, "require: {signers: [a, b]}"), before=declared)
    _refused(text, "same key", "'a'", "'b'", line=10)
    text = policy_text(rule("a/b", ROOTED, "require: {signers: [a, a]}"), before=declared)
    _refused(text, "twice", line=10)


def test_a_private_key_is_no_signers_key(tmp_path: Path) -> None:
    pem = private_key("gitlab").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "gitlab.pem").write_bytes(pem)
    text = policy_text(rule("a/b"), before="signers:\n  gitlab: {keys: [gitlab.pem]}\n")
    with pytest.raises(UsageError, match="private key") as caught:
        parse(text, tmp_path / "policy.yaml")
    assert pem.decode().splitlines()[1] not in f"{caught.value!r} {caught.value.hint}"


def test_key_ids_certificates_and_authorities_are_read(tmp_path: Path) -> None:
    write_certificate(tmp_path / "root.pem")
    write_certificate(tmp_path / "one.pem", ca=True)
    write_certificate(tmp_path / "two.pem", ca=True)
    line = f'root: {{key_ids: ["{KEY_ID}"], certs: [root.pem], ca: [one.pem, two.pem]}}'
    pins = parse(policy_text(rule("a/b", line, RELEASED)), tmp_path / "p.yaml").rules[0].pins
    assert pins.key_ids == {KEY_ID}
    assert len(pins.certificates) == 1
    assert len(pins.authorities) == 2


def test_a_missing_file_and_a_directory_are_usage_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(UsageError, match="Cannot read"):
            load_policy(path)


def test_values_of_every_kind_may_have_anchors() -> None:
    text = policy_text(
        "  - {match: &name a/b, approve: &yes true}\n  - {match: a/c, approve: *yes}\n"
        f"  - {{match: a/d, {ROOTED}, mode: &mode warn,\n"
        "      require: {signers: [a], threshold: &all 1}}\n",
        before=f'signers:\n  a: {{keys: ["id:{KEY_ID}"]}}\n',
    )
    rules = parse(text).rules
    assert [(rule.approve, rule.mode) for rule in rules] == [
        (True, "enforce"),
        (True, "enforce"),
        (None, "warn"),
    ]


def test_a_file_without_end_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/dev/zero has more than"):
        load_policy(Path("/dev/zero"))
    text = policy_text(rule("a/b"), before="signers:\n  gitlab: {keys: [/dev/zero]}\n")
    with pytest.raises(UsageError, match="/dev/zero has more than"):
        parse(text, tmp_path / "policy.yaml")


def test_aliases_and_merge_keys_are_read_but_not_without_measure() -> None:
    text = policy_text(
        rule("a/b", f"root: &root {{key_ids: ['{KEY_ID}']}}", "require: &r {released: true}"),
        rule("a/c", "root: *root", "require:", "  <<: *r", "  registry: true"),
    )
    assert parse(text).rules[1].requirement.registry
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{after}: &{after} [{','.join([f'*{before}'] * 10)}]\n"
    began = time.perf_counter()
    _refused(bomb, "too large")
    _refused("- " * 5000)
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize("name", ["[...]", "a[...]b", "a.b", "a`b", "[0]", "$", ""])
def test_names_that_look_like_places_confuse_no_message(name: str) -> None:
    _refused(policy_text(rule("a/b"), before=f'signers:\n  "{name}": {{bogus: 1}}\n'))


def _is_usage_error_or_policy(content: bytes) -> None:
    try:
        parse_policy(content, Path("policy.yaml"))
    except UsageError as error:
        assert error.message.isprintable() or "\n" not in error.message


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"a: !!timestamp x")
@example(b"a: !!int x")
@example(b"a: !!float x")
@example(b"a: !!bool x")
@example(b"a: !!binary x")
@example(b"a: !!set {x}")
@example(b"a: !!omap [x]")
@example(b"a: !!null x")
@example(b"%YAML 9.9\n---\na: 1")
@example(b"a:\n  - !!omap : x")
@example(b"a: 2001-99-99")
@example(b"a: 0b")
@example(b"a: 0o9")
@example(b"a: 1:99")
@example(b"=: 1")
@example(b"<<: 1")
@example(b"<<: [1]")
@example(b"a: *b")
@example(b"a: .inf")
@example(b'"\\ud800": 1')
def test_any_bytes_are_a_policy_or_a_usage_error(content: bytes) -> None:
    _is_usage_error_or_policy(content)


_YAML_CHARS = "ab:-[]{}&*!|>'\"%@,#? \n\t0~<=.`\\"


@settings(deadline=None, max_examples=500)
@given(st.text(_YAML_CHARS, max_size=60))
def test_any_yaml_is_a_policy_or_a_usage_error(text: str) -> None:
    _is_usage_error_or_policy(text.encode())


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(),
    st.text("a-z/*.[]`\x00\n\ud7ff", max_size=6),
    st.sampled_from([KEY_ID, f"id:{KEY_ID}", "enforce", "gitlab", "14d", "a/b", "true"]),
)
_TOP = {"apiVersion", "kind", "default", "signers", "teams", "rules", "resources"}
_RULE = {"match", "root", "require", "freshness", "provenance", "mode", "approve", "server"}
_ROOT = {"key_ids", "certs", "ca", "threshold", "trust_on_first_use"}
_REQUIRE = {"signers", "threshold", "teams", "released", "registry"}
_OTHERS = {"keys", "mutate", "engine", "local", "grace", "sbom", "images", "gitlab", "[...]", "a.b"}
_NAMES = st.sampled_from(sorted(_TOP | _RULE | _ROOT | _REQUIRE | _OTHERS))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "apiVersion": st.just("signer/v1") | _VALUES,
            "kind": st.just("TrustPolicy") | _VALUES,
            "default": st.just("deny") | _VALUES,
            "signers": st.dictionaries(_NAMES, _VALUES, max_size=3) | _VALUES,
            "teams": st.dictionaries(_NAMES, _VALUES, max_size=3) | _VALUES,
            "rules": st.lists(st.dictionaries(_NAMES, _VALUES, max_size=5), max_size=3) | _VALUES,
            "resources": _VALUES,
        },
    )
)
def test_any_structure_is_a_policy_or_a_usage_error(content: object) -> None:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(content, stream)
    _is_usage_error_or_policy(stream.getvalue().encode("utf-8", "surrogatepass"))
