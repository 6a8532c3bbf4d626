"""``signer bundle``: everything needed to decide without a network, in one file."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from signer.cli.bundle_contents import by_rules, collect_accepted, policy_and_text
from signer.cli.bundle_view import BundleView, show_bundle
from signer.cli.deciding import Moment
from signer.cli.globals import GlobalOptions, global_options
from signer.cli.signing_keys import key_options, load_keys
from signer.cli.trusting import trust_options
from signer.errors import KeyUnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signer.dialect.keys import NotaryKey
    from signer.keys.signers import NotarySigner
    from signer.names import Gun
    from signer.signing.bundles import Member
    from signer.signing.session import PinSources, Session
    from signer.trust.bundle import Bundle

_MODE: Final = 0o644  # nothing in a bundle is secret

_file = click.Path(path_type=Path, dir_okay=False)
_policy_option = click.option(
    "--policy", type=_file, help="Policy whose rules hold; its text goes in."
)


@click.group("bundle", short_help="Everything needed to decide without a network, in one file.")
@global_options
def command(options: GlobalOptions) -> None:
    """Put everything needed to decide without a network into one signed file.

    'signer verify --bundle FILE' decides by it, with the verdict that online would give.
    """


@command.command("create", short_help="Put collections into a new bundle.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("-o", "--output", type=_file, required=True, help="The bundle to write.")
@_policy_option
@key_options
@trust_options
@global_options
def create(
    options: GlobalOptions,
    *,
    images: tuple[str, ...],
    output: Path,
    policy: Path | None,
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    pins: "PinSources | None",
) -> int:
    """Verify collections, and put them into a signed file.

    An IMAGE is a repository, or a tag or digest that must be accepted by now: without --policy,
    signed at all. All is verified, or nothing is written.
    """
    from signer.names import ImageReference

    references = [ImageReference.parse(image) for image in images]
    with options.session(pins) as session:
        signers = _load_signers(session, options, keys, shared=allow_shared_key_file)
        rules, text = policy_and_text(policy, pins)
        members = collect_accepted(references, rules, session)
        bundle = _seal(members, text, signers, path=output, mode=_MODE, session=session)
    found = {gun: member.collection for gun, member in members.items()}
    return show_bundle(BundleView("create", output, bundle, bundle.signed_by, found), options)


@command.command("verify", short_help="Check a bundle's signature, and all that is in it.")
@click.argument("file", type=_file)
@click.option(
    "--bundle-key",
    "bundle_keys",
    type=_file,
    multiple=True,
    required=True,
    help="Certificate or public key of the bundle's maker; repeatable, one suffices.",
)
@click.option("--at", type=Moment(), metavar="TIME", help="Decide as of then, in RFC 3339.")
@trust_options
@global_options
def verify(
    options: GlobalOptions,
    *,
    file: Path,
    bundle_keys: tuple[Path, ...],
    at: datetime | None,
    pins: "PinSources | None",
) -> int:
    """Check a bundle's signature, and verify every collection in it.

    Shows what is in it and until when it is valid. Roots that are not pinned are trusted because
    the bundle's maker did.
    """
    from signer.signing.bundles import read_bundled
    from signer.trust.bundle import read_bundle
    from signer.trust.bundle_signature import check_bundle_signature
    from signer.trust.bundle_source import bundle_pins, bundle_source

    bundle = read_bundle(file)
    key = check_bundle_signature(bundle, _load_keys(bundle_keys), origin=str(file))
    with options.session(
        pins, at=at, sources=bundle_source(bundle), vouched_pins=bundle_pins(bundle)
    ) as session:
        found = read_bundled(session, bundle)
    return show_bundle(BundleView("verify", file, bundle, (key.canonical_id,), found), options)


@command.command("update", short_help="Bring all collections in a bundle up to date.")
@click.argument("file", type=_file)
@_policy_option
@key_options
@trust_options
@global_options
def update(
    options: GlobalOptions,
    *,
    file: Path,
    policy: Path | None,
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    pins: "PinSources | None",
) -> int:
    """Read every collection in a bundle from its server again, and sign the bundle anew.

    The key must be the one that signed it. What is older than the bundle's is refused, and then
    nothing is changed.
    """
    from signer.signing.bundles import collect, wanted_again
    from signer.trust.bundle import read_bundle
    from signer.trust.bundle_signature import check_bundle_signature

    former = read_bundle(file)
    with options.session(pins) as session:
        signers = _load_signers(session, options, keys, shared=allow_shared_key_file)
        check_bundle_signature(former, [key.public_key for key in signers], origin=str(file))
        rules, text = policy_and_text(policy, pins)
        again = wanted_again(session, former)
        members = collect(session, by_rules(again, rules) if rules else again)
        mode = file.stat().st_mode & 0o777
        bundle = _seal(
            members, text or former.policy, signers, path=file, mode=mode, session=session
        )
    found = {gun: member.collection for gun, member in members.items()}
    return show_bundle(BundleView("update", file, bundle, bundle.signed_by, found), options)


# For every command that reads a bundle


def open_bundle(path: Path, keys: "Sequence[Path]") -> "Bundle":
    """Read a bundle, and check that one of these certificates or public keys signed it.

    Raises:
        UsageError: a file cannot be read.
        KeyUnusableError: a key file has no usable key.
        TrustDataError: the bundle is damaged, or not signed by them.
    """
    from signer.trust.bundle import read_bundle
    from signer.trust.bundle_signature import check_bundle_signature

    loaded = _load_keys(keys)
    bundle = read_bundle(path)
    if loaded:
        check_bundle_signature(bundle, loaded, origin=str(path))
    return bundle


def _load_keys(paths: "Sequence[Path]") -> "list[NotaryKey]":
    from signer.files import read_named_file
    from signer.keys.certificates import load_signer_certificate
    from signer.signing.session import utc_now

    now = utc_now()
    return [
        load_signer_certificate(read_named_file(path), now=now, origin=str(path)) for path in paths
    ]


# Making


def _load_signers(
    session: "Session", options: GlobalOptions, keys: tuple[str, ...], *, shared: bool
) -> "list[NotarySigner]":
    if not (keys or session.settings.environment.get("SIGNER_KEY") or options.configuration.key):
        raise KeyUnusableError(
            "No key was named to sign the bundle with.",
            hint="Pass --key: a key of yours, whose certificate the bundle's users have.",
            code="no-signing-key",
        )
    return load_keys(session, options, keys=keys, guns=[], allow_shared_key_file=shared)


def _seal(
    members: "Mapping[Gun, Member]",
    policy: str,
    signers: "list[NotarySigner]",
    *,
    path: Path,
    mode: int,
    session: "Session",
) -> "Bundle":
    """Write a bundle, and return it as it was read back."""
    from signer.files import write_named_file
    from signer.trust.bundle import Bundle, parse_bundle
    from signer.trust.bundle_signature import seal_bundle

    collections = {gun: member.bundled for gun, member in members.items()}
    wire = seal_bundle(Bundle(session.clock(), collections, policy), signers, origin=str(path))
    bundle = parse_bundle(wire, origin=str(path))
    write_named_file(path, wire, mode=mode)
    return bundle
