"""By what a root is trusted (check matrix, row 1)."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from signer.constants import BASE_ROLES, ROOT
from signer.errors import ExitCode
from signer.trust.pinning import Pins
from tests.attacks.keys import GUN, bare, certified, pem_of, private_key
from tests.attacks.reading import TOFU, Reader
from tests.attacks.simulator import DIGEST, SimulatedCollection

UNKNOWN = "ab" * 32


def certificate_pem(server: SimulatedCollection) -> bytes:
    leaf = server.signers[ROOT][0].notary.certificate()
    assert leaf is not None
    return leaf.public_bytes(Encoding.PEM)


PIN_KINDS: dict[str, Callable[[SimulatedCollection], Pins]] = {
    "tuf id": lambda server: Pins.load([server.signers[ROOT][0].keyid]),
    "canonical id": lambda server: Pins.load([server.signers[ROOT][0].notary.canonical_id]),
    "certificate": lambda server: Pins.load((), [("root.pem", certificate_pem(server))]),
    "public key": lambda _: Pins.load((), [("root.pub", pem_of(private_key(f"{GUN} root")))]),
    "one of several": lambda server: Pins.load([UNKNOWN, server.signers[ROOT][0].keyid]),
    "first use": lambda _: TOFU,
}


@pytest.mark.parametrize("kind", PIN_KINDS)
def test_every_kind_of_pin_accepts_the_root_it_names(
    server: SimulatedCollection, reader: Reader, kind: str
) -> None:
    reader.pins = PIN_KINDS[kind](server)
    assert reader.accepts() == DIGEST


@pytest.mark.parametrize("kind", [kind for kind in PIN_KINDS if kind != "first use"])
def test_every_kind_of_pin_refuses_another_collections_root(
    server: SimulatedCollection, reader: Reader, kind: str
) -> None:
    reader.pins = PIN_KINDS[kind](server)
    server.signers[ROOT] = [certified("mallory")]
    server.set_root_keys(certified("mallory"))
    server.publish(ROOT)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=3)  # after the genuine root
    del server.archive[ROOT, "", 1]
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


@pytest.mark.parametrize("kind", [kind for kind in PIN_KINDS if kind != "first use"])
def test_a_pinned_key_that_is_listed_but_did_not_sign_is_no_reason_to_trust(
    server: SimulatedCollection, reader: Reader, kind: str
) -> None:
    """The thief's root lists the genuine key beside his own, with a threshold of one."""
    reader.pins = PIN_KINDS[kind](server)
    [genuine] = server.signers[ROOT]
    server.set_root_keys(genuine, certified("mallory"), threshold=1)
    server.signers[ROOT] = [certified("mallory")]
    server.archive.clear()
    server.publish(ROOT)
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


@pytest.mark.parametrize("role", [role for role in BASE_ROLES if role != ROOT])
def test_a_pin_on_a_key_of_another_role_trusts_nothing(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    reader.pins = Pins.load([server.signers[role][0].keyid])
    server.signers[ROOT] = [*server.signers[ROOT], *server.signers[role]]
    server.archive.clear()
    server.publish(ROOT)
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


def test_without_any_pin_nothing_is_trusted_and_the_hint_names_the_key(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.pins = Pins()
    error = reader.refuses("no-pin", ExitCode.USAGE, step=1)
    assert server.signers[ROOT][0].keyid in error.hint
    assert "--root-key-id" in error.hint
    assert reader.states.load(reader.gun) is None


def test_a_genuine_key_that_is_listed_but_did_not_sign_is_not_shown_for_confirmation(
    server: SimulatedCollection, reader: Reader
) -> None:
    """Else a careful user would recognise it, and trust the thief's root."""
    [genuine] = server.signers[ROOT]
    mallory = certified("mallory")
    server.set_root_keys(genuine, mallory)
    server.signers[ROOT] = [mallory]
    server.publish(ROOT)
    reader.pins = Pins()
    error = reader.refuses("no-pin", ExitCode.USAGE, step=1)
    assert mallory.keyid in error.hint
    assert genuine.keyid not in error.hint


def test_an_explicit_pin_is_not_softened_by_trust_on_first_use(reader: Reader) -> None:
    reader.pins = Pins.load([UNKNOWN], trust_on_first_use=True)
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


def test_a_root_of_bare_keys_can_be_pinned(server: SimulatedCollection, reader: Reader) -> None:
    server.signers[ROOT] = [bare("bare root")]
    server.set_root_keys(bare("bare root"))
    server.publish(ROOT)
    reader.pins = Pins.load([bare("bare root").keyid])
    assert reader.accepts() == DIGEST


# What was trusted before


def test_a_root_once_trusted_needs_no_pin_again(reader: Reader) -> None:
    reader.read()
    reader.pins = Pins()
    assert reader.accepts() == DIGEST


def test_after_trust_on_first_use_another_root_of_the_same_version_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.pins = TOFU
    reader.read()
    mallory = SimulatedCollection.with_signers("gitlab", gun="mallory.example.com/x/y")
    server.files, server.archive = mallory.files, mallory.archive
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=5)
    reader.forget_cache()
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=5)


def test_after_trust_on_first_use_a_next_root_that_the_old_key_did_not_sign_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.pins = TOFU
    reader.read()
    server.signers[ROOT] = [certified("mallory")]
    server.set_root_keys(certified("mallory"))
    server.publish(ROOT)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=3)


def test_a_pin_that_contradicts_what_is_remembered_is_refused(reader: Reader) -> None:
    reader.pins = TOFU
    reader.read()
    reader.pins = Pins.load([UNKNOWN])
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)
    reader.pins = Pins()
    assert reader.accepts() == DIGEST


def test_a_pin_that_agrees_with_what_is_remembered_is_accepted_and_noted(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.pins = TOFU
    reader.read()
    reader.pins = pins = Pins.load([server.signers[ROOT][0].keyid])
    assert reader.accepts() == DIGEST
    state = reader.states.load(reader.gun)
    assert state is not None
    assert pins.fingerprint in state.pins


def test_a_collection_deleted_and_made_anew_is_refused_until_its_state_is_removed(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    again = SimulatedCollection(server.gun)
    again.signers[ROOT] = [certified("new root")]
    again.set_root_keys(certified("new root"))
    again.sign_tag("targets", "1", DIGEST)
    again.publish(*again.content)
    server.files, server.archive = again.files, again.archive
    reader.pins = Pins.load([certified("new root").keyid])
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)
    reader.forget_cache()
    error = reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)
    assert "remember" in error.hint
    reader.states.path(reader.gun).unlink()
    assert reader.accepts() == DIGEST


def test_a_deleted_collection_is_no_reason_to_trust_anything(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    server.files, server.archive = {}, {}
    error = reader.refuses("no-trust-data", ExitCode.NOT_SIGNED, step=5)
    assert "before" in error.message
    reader.forget_all()
    reader.refuses("no-trust-data", ExitCode.NOT_SIGNED, step=1)


def test_kinds_of_pins_are_remembered_apart() -> None:
    """A certificate that once served as authority is not thereby the root's own."""
    pem = certified("ca").notary.raw
    as_certificate = Pins.load((), [("ca.pem", pem)])
    as_authority = Pins.load((), authorities=[("ca.pem", pem)])
    as_key_id = Pins.load(list(as_certificate.certificates))
    prints = {pins.fingerprint for pins in (as_certificate, as_authority, as_key_id)}
    assert len(prints) == 3
