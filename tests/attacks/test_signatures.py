"""Who may sign what (check matrix, rows 2 and 5 to 11)."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import Signature

from signer.constants import BASE_ROLES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import ExitCode
from tests.attacks.keys import (
    GUN,
    SimulatedKey,
    bare,
    certificate,
    certified,
    notary_key,
    private_key,
    with_pem,
)
from tests.attacks.reading import TOFU, Reader
from tests.attacks.simulator import DIGEST, GITLAB, RELEASES, SimulatedCollection, in_days

STEP_OF_ROLE = {ROOT: 2, TIMESTAMP: 5, SNAPSHOT: 6, TARGETS: 8}
Forgery = Callable[[list[Signature]], list[Signature]]


def spoil(signatures: list[Signature]) -> list[Signature]:
    """Turn one bit of each signature."""
    return [
        Signature(s.keyid, f"{int(s.signature[0], 16) ^ 1:x}{s.signature[1:]}", {"method": "ecdsa"})
        for s in signatures
    ]


def test_an_untouched_collection_is_accepted_and_names_its_signer(reader: Reader) -> None:
    verdict = reader.judge(":1", "gitlab")
    assert (verdict.verdict, verdict.digest, verdict.role) == ("accept", DIGEST, RELEASES)
    assert verdict.signers == ("gitlab",)
    assert [check.status for check in verdict.checks] == ["pass"] * 12 + ["skip"] * 3


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TARGETS])
@pytest.mark.parametrize("other", BASE_ROLES)
def test_a_role_signed_by_another_roles_key_is_refused(
    server: SimulatedCollection, reader: Reader, role: str, other: str
) -> None:
    if role == other:
        assert reader.accepts() == DIGEST
        return
    server.signers[role] = server.signers[other]
    server.publish(role)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=STEP_OF_ROLE[role])


def test_a_delegation_signed_by_another_delegates_key_is_no_signature(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.delegate("targets/mallory", [bare("mallory")])
    server.signers[GITLAB] = [bare("mallory")]
    server.publish(TARGETS, GITLAB)
    assert reader.accepts() == DIGEST  # docker's question does not concern targets/gitlab
    reader.rejects("threshold-not-met", ExitCode.TRUST_DATA, step=12, signers=("gitlab",))


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TARGETS])
@pytest.mark.parametrize("forge", [lambda _: [], spoil], ids=["no signature", "a bit turned"])
def test_a_role_without_a_good_signature_is_refused(
    server: SimulatedCollection, reader: Reader, role: str, forge: Forgery
) -> None:
    server.forgeries[role] = forge
    server.publish(role)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=STEP_OF_ROLE[role])


def test_four_files_with_empty_signature_lists_do_not_pass(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.forgeries = dict.fromkeys(BASE_ROLES, lambda _: [])
    server.publish(ROOT, TARGETS)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=3)  # after the genuine root
    del server.archive[ROOT, "", 1]
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)
    reader.pins = TOFU
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=2)


@pytest.mark.parametrize("forge", [lambda _: [], spoil], ids=["no signature", "a bit turned"])
def test_a_delegation_without_a_good_signature_counts_for_nothing(
    server: SimulatedCollection, reader: Reader, forge: Forgery
) -> None:
    server.forgeries[RELEASES] = forge
    server.publish(RELEASES)
    reader.rejects("threshold-not-met", ExitCode.TRUST_DATA, step=10)


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TARGETS])
def test_threshold_two_wants_two_distinct_keys(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    first, second = bare("first"), bare("second")
    server.set_role_keys(role, first, second, threshold=2)
    server.publish(ROOT, role)
    assert reader.accepts() == DIGEST
    server.signers[role] = [first]
    server.publish(role)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=STEP_OF_ROLE[role])


def test_root_with_the_pinned_keys_signature_alone_does_not_meet_its_threshold_of_two(
    server: SimulatedCollection, reader: Reader
) -> None:
    [pinned] = server.signers[ROOT]
    server.set_root_keys(pinned, certified("second root"), threshold=2)
    server.publish(ROOT)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=2)
    server.signers[ROOT] = [pinned, certified("second root")]
    server.publish(ROOT)
    assert reader.accepts() == DIGEST


def compressed(name: str) -> SimulatedKey:
    """List the key of a name with its point compressed: other bytes, so another key id."""
    public = private_key(name).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    return SimulatedKey(private_key(name), notary_key("ecdsa", head + point))


@pytest.mark.parametrize(
    "disguise",
    [
        lambda name: with_pem(name, certificate(name, "some signer")),
        lambda name: with_pem(name, certificate(name, "another certificate")),
        compressed,
    ],
    ids=["as certificate", "as another certificate", "as compressed point"],
)
def test_one_key_listed_in_two_forms_counts_once(
    server: SimulatedCollection, reader: Reader, disguise: Callable[[str], SimulatedKey]
) -> None:
    twice = [bare("one key"), disguise("one key")]
    assert twice[0].keyid != twice[1].keyid
    server.set_role_keys(TARGETS, *twice, threshold=2)
    server.publish(ROOT, TARGETS)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=8)
    server.set_role_keys(TARGETS, *twice, bare("another key"), threshold=2)
    server.publish(ROOT, TARGETS)
    assert reader.accepts() == DIGEST


def test_two_signatures_by_one_key_are_refused_as_malformed(
    server: SimulatedCollection, reader: Reader
) -> None:
    twice = server.files[TARGETS].replace(b'"signatures":[', b'"signatures":[X,')
    start = server.files[TARGETS].index(b'"signatures":[') + len(b'"signatures":[')
    twice = twice.replace(b"X", server.files[TARGETS][start:-2])
    server.put(TARGETS, twice)
    server.publish_snapshot()
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=8)


def test_a_key_listed_twice_counts_once(server: SimulatedCollection, reader: Reader) -> None:
    key = bare("one key")
    server.set_role_keys(TARGETS, key, threshold=2)
    server.changes[ROOT] = lambda content: content["roles"][TARGETS].update(keyids=[key.keyid] * 2)
    server.publish(ROOT, TARGETS)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=8)


@pytest.mark.parametrize("threshold", [0, -1])
def test_a_threshold_below_one_is_malformed(
    server: SimulatedCollection, reader: Reader, threshold: int
) -> None:
    server.changes[ROOT] = lambda content: content["roles"][TARGETS].update(threshold=threshold)
    server.publish(ROOT)
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=1)


def test_a_key_under_a_forged_id_is_refused(server: SimulatedCollection, reader: Reader) -> None:
    """The thief lists his own key under the id of the genuine one."""
    genuine = server.signers[TARGETS][0].keyid
    mallory = bare("mallory").notary.to_dict()
    server.changes[ROOT] = lambda content: content["keys"].update({genuine: mallory})
    server.publish(ROOT)
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=1)


def test_private_key_material_in_metadata_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    genuine = server.signers[TARGETS][0].keyid
    server.changes[ROOT] = lambda content: content["keys"][genuine]["keyval"].update(
        private="c2VjcmV0LW1hdGVyaWFs"
    )
    server.publish(ROOT)
    error = reader.refuses("malformed", ExitCode.TRUST_DATA, step=1)
    assert "private" in error.message
    assert "c2VjcmV0" not in repr(error) + error.message + error.hint


def test_a_stray_signature_by_an_unknown_key_does_no_harm(
    server: SimulatedCollection, reader: Reader
) -> None:
    for role in (*BASE_ROLES, RELEASES, GITLAB):
        server.signers[role] = [*server.signers[role], bare("stranger")]
    server.publish(ROOT, TARGETS, RELEASES, GITLAB)
    assert reader.accepts(":1", "gitlab") == DIGEST


def test_a_stray_signature_is_warned_about(server: SimulatedCollection, reader: Reader) -> None:
    stranger = bare("stranger")
    server.signers[GITLAB] = [*server.signers[GITLAB], stranger]
    server.publish(GITLAB)
    assert reader.judge(":1").warnings == ()
    (warning,) = reader.judge(":1", "gitlab").warnings
    assert warning == (
        f"Role {GITLAB} of {GUN} also carries signatures that count for nothing, by key "
        f"{stranger.keyid[:12]}."
    )


@pytest.mark.parametrize(("days", "said"), [(31, ()), (29, (f"Role {RELEASES} of {GUN}",))])
def test_what_expires_within_thirty_days_is_warned_about(
    server: SimulatedCollection, reader: Reader, days: int, said: tuple[str, ...]
) -> None:
    """The timestamp always does, and the server renews it."""
    server.content[RELEASES].expires = in_days(days)
    server.publish(RELEASES)
    warnings = reader.judge().warnings
    assert tuple(warning.partition(" expires")[0] for warning in warnings) == said


def test_a_bad_signature_beside_a_good_one_is_tolerated(
    server: SimulatedCollection, reader: Reader
) -> None:
    bad, good = bare("bad"), bare("good")
    server.set_role_keys(TARGETS, bad, good)
    server.forgeries[TARGETS] = lambda made: [*spoil(made[:1]), *made[1:]]
    server.publish(ROOT, TARGETS)
    assert reader.accepts() == DIGEST


@pytest.mark.parametrize("method", ["", "eddsa", "rsapss", "none", "ECDSA-sha1", "\x1b[2J"])
def test_a_signature_with_a_method_that_is_not_the_keys_counts_for_nothing(
    server: SimulatedCollection, reader: Reader, method: str
) -> None:
    server.forgeries[TARGETS] = lambda made: [
        Signature(s.keyid, s.signature, {"method": method}) for s in made
    ]
    server.publish(TARGETS)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=8)


def test_a_der_signature_is_no_signature(server: SimulatedCollection, reader: Reader) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    def as_der(made: list[Signature]) -> list[Signature]:
        [s] = made
        r, t = int(s.signature[:64], 16), int(s.signature[64:], 16)
        return [Signature(s.keyid, encode_dss_signature(r, t).hex(), {"method": "ecdsa"})]

    server.forgeries[TARGETS] = as_der
    server.publish(TARGETS)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=8)


def test_a_signature_of_one_role_does_not_fit_another_file(
    server: SimulatedCollection, reader: Reader
) -> None:
    """The key signs targets and releases alike, as in small set-ups; the payload is another."""
    key = server.signers[TARGETS][0]
    server.delegate(RELEASES, [key])
    server.publish(TARGETS, RELEASES)
    genuine = server.files[TARGETS]
    server.put(RELEASES, genuine)
    server.publish_snapshot()
    # The signature is good, but the content delegates as only targets may.
    reader.rejects("malformed", ExitCode.TRUST_DATA, step=10)


def test_unknown_fields_are_kept_under_the_signature(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.changes[TARGETS] = lambda content: content.update({"x-future": {"ä": [1, "<&>"]}})
    server.publish(TARGETS)
    assert reader.accepts() == DIGEST
    altered = server.files[TARGETS].replace(b"x-future", b"x-passed")
    server.put(TARGETS, altered)
    server.publish_snapshot()
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=8)


def test_a_root_certificates_text_is_under_the_key_id(server: SimulatedCollection) -> None:
    assert server.signers[ROOT][0].keyid != with_pem(f"{GUN} root", certificate("x")).keyid
