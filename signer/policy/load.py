"""Reading a policy file: its schema, and what is wrong with it, by line.

Nothing is guessed: an unknown or doubled key, a wrong type, an undeclared signer, a rule that
accepts nothing or everything by accident end the reading.

Source: the design, "Policy file".
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from signer.errors import SignerError, UsageError
from signer.files import read_named_file
from signer.keys.certificates import read_public_key
from signer.names import parse_key_id, parse_signer, printable
from signer.policy.document import Document, PolicyFileError
from signer.policy.duration import parse_duration
from signer.policy.model import ENFORCE, TEMPLATES, EngineTerms, Policy, Resource, Rule
from signer.policy.pattern import Pattern
from signer.policy.provenance import ProvenanceConditions
from signer.policy.requirement import Freshness, RequiredSigner, RequiredTeam, Requirement
from signer.trust.checks import public_key_id
from signer.trust.pinning import Pins

MAX_POLICY_SIZE: Final = 4 * 1024 * 1024
_ID_PREFIX: Final = "id:"


class _Section(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Signer(_Section):
    keys: list[str]


class _Root(_Section):
    key_ids: list[str] = []
    certs: list[str] = []
    ca: str | list[str] | None = None
    threshold: int = 1
    trust_on_first_use: bool = False


class _Require(_Section):
    signers: list[str] = []
    threshold: int | None = None
    teams: list[str] = []
    released: bool | None = None
    registry: bool = False


class _Freshness(_Section):
    max_timestamp_age: str | None = None
    min_remaining: str = "0d"
    grace: str = "0d"


class _Provenance(_Section):
    promoted_from: str = ""
    policies: list[str] = []
    max_critical: int | None = None
    max_major: int | None = None
    max_minor: int | None = None
    pipeline: str = ""
    sbom: Literal["required", ""] = ""


class _Engine(_Section):
    local: bool = False
    build: bool = False


class _Rule(_Section):
    match: str
    root: _Root | None = None
    require: _Require | None = None
    freshness: _Freshness | None = None
    provenance: _Provenance | None = None
    mode: Literal["enforce", "warn"] = ENFORCE
    approve: bool | None = None
    server: str = ""
    mutate: Literal["pods", "templates", "never"] = TEMPLATES
    engine: _Engine | None = None


class _Resource(_Section):
    apiVersion: str  # noqa: N815 - as Kubernetes writes it
    kind: str
    images: list[str]


class _File(_Section):
    apiVersion: Literal["signer/v1"]  # noqa: N815 - as Kubernetes writes it
    kind: Literal["TrustPolicy"]
    rules: list[_Rule]
    default: Literal["deny"] = "deny"
    signers: dict[str, _Signer] = {}
    teams: dict[str, list[str]] = {}
    resources: list[_Resource] = []


def load_policy(path: Path) -> Policy:
    """Read a policy file with the certificates and keys that it names.

    Raises:
        UsageError: it cannot be read, or is wrong; the line is named.
    """
    return parse_policy(read_named_file(path), path)


def parse_policy(content: bytes, origin: Path) -> Policy:
    """Read a policy from its text.

    Args:
        content: the YAML, in UTF-8.
        origin: the file it is from; the paths in it are relative to its directory.

    Raises:
        UsageError: as ``load_policy``.
    """
    if len(content) > MAX_POLICY_SIZE:
        raise UsageError(f"{origin}: a policy of more than {MAX_POLICY_SIZE} bytes.")
    document = Document.parse(content, origin)
    file = document.convert(_File)
    reader = _Reader(document, origin.resolve().parent)
    signers = {name: reader.signer(name, entry) for name, entry in file.signers.items()}
    teams = {name: reader.team(name, members, signers) for name, members in file.teams.items()}
    reader.refuse_no_rules(file)
    rules = tuple(
        reader.rule(number, rule, signers=signers, teams=teams)
        for number, rule in enumerate(file.rules)
    )
    reader.refuse_doubled(rules)
    return Policy(
        rules=rules,
        signers=signers,
        teams=teams,
        resources=tuple(reader.resource(n, entry) for n, entry in enumerate(file.resources)),
        origin=origin,
        digest=hashlib.sha256(content).hexdigest(),
    )


class _Reader:
    """Turns the decoded file into the model; errors name the line."""

    def __init__(self, document: Document, base: Path) -> None:
        self.document = document
        self.base = base

    def _bad(self, path: str, why: str, *, hint: str = "") -> PolicyFileError:
        return self.document.error(path, why, hint=hint)

    @contextmanager
    def _at(self, path: str) -> Iterator[None]:
        """Name the line in errors of what is read meanwhile."""
        try:
            yield
        except PolicyFileError:
            raise
        except SignerError as error:
            raise self._bad(path, error.message, hint=error.hint) from error

    def signer(self, name: str, entry: _Signer) -> RequiredSigner:
        where = f"$.signers.{name}"
        with self._at(where):
            parse_signer(name)
            if not entry.keys:
                raise self._bad(where, f"signer {name!r} has no key")
            return RequiredSigner(name, frozenset(self._key(source) for source in entry.keys))

    def _key(self, source: str) -> str:
        if source.startswith(_ID_PREFIX):
            return parse_key_id(source.removeprefix(_ID_PREFIX))
        pem = read_named_file(self.base / source)
        return public_key_id(read_public_key(pem, origin=source))

    def team(
        self, name: str, members: list[str], signers: Mapping[str, RequiredSigner]
    ) -> tuple[str, ...]:
        where = f"$.teams.{name}"
        if not members:
            raise self._bad(where, f"team {name!r} has no member")
        for member in members:
            self._require_known(where, member, signers, kind="signer")
        return tuple(members)

    def _require_known(
        self, where: str, name: str, known: Mapping[str, object], *, kind: str
    ) -> None:
        if name not in known:
            near = self.document.nearest(name, known)
            why = f"{kind} {name!r} is not declared under '{kind}s'{near}"
            raise self._bad(where, why, hint=f"Declared are: {', '.join(known) or 'none'}.")

    def rule(
        self,
        number: int,
        rule: _Rule,
        *,
        signers: Mapping[str, RequiredSigner],
        teams: Mapping[str, tuple[str, ...]],
    ) -> Rule:
        where = f"$.rules[{number}]"
        with self._at(f"{where}.match"):
            pattern = Pattern.parse(rule.match)
        self._refuse_contradiction(where, rule)
        with self._at(where):
            requirement = self._requirement(where, rule, signers=signers, teams=teams)
            pins = self._pins(f"{where}.root", rule.root) if rule.root else Pins()
        engine = rule.engine or _Engine()
        return Rule(
            pattern=pattern,
            line=self.document.line(where),
            approve=rule.approve,
            pins=pins,
            server=self._server(where, rule.server),
            requirement=requirement,
            mode=rule.mode,
            mutate=rule.mutate,
            engine=EngineTerms(local=engine.local, build=engine.build),
        )

    def _refuse_contradiction(self, where: str, rule: _Rule) -> None:
        conditions = {
            "root": rule.root,
            "require": rule.require,
            "freshness": rule.freshness,
            "provenance": rule.provenance,
        }
        given = [name for name, part in conditions.items() if part is not None]
        if rule.approve is not None:
            if given:
                why = f"'approve' decides without {given[0]!r}, which would never be looked at"
                raise self._bad(f"{where}.{given[0]}", why, hint="Remove one of both.")
            return
        if rule.root is None:
            why = f"the rule for {rule.match!r} has no 'root', so it would accept nothing"
            raise self._bad(where, why, hint="Pin the root by key_ids, certs or ca.")
        needs_nothing = rule.require is None or not (
            rule.require.signers or rule.require.teams or rule.require.released
        )
        if needs_nothing and rule.provenance is None:
            why = f"the rule for {rule.match!r} has no conditions, so it would accept nothing"
            raise self._bad(
                where, why, hint="Name signers or teams under 'require', or 'released: true'."
            )

    def _requirement(
        self,
        where: str,
        rule: _Rule,
        *,
        signers: Mapping[str, RequiredSigner],
        teams: Mapping[str, tuple[str, ...]],
    ) -> Requirement:
        require = rule.require or _Require()
        for name in require.signers:
            self._require_known(f"{where}.require.signers", name, signers, kind="signer")
        for name in require.teams:
            self._require_known(f"{where}.require.teams", name, teams, kind="team")
        chosen = tuple(signers[name] for name in require.signers)
        self._refuse_shared_keys(f"{where}.require.signers", chosen)
        threshold = require.threshold
        if threshold is not None and not 1 <= threshold <= max(1, len(chosen)):
            why = f"a threshold of {threshold} of {len(chosen)} signers can never be right"
            raise self._bad(f"{where}.require.threshold", why)
        return Requirement(
            rule=rule.match,
            signers=chosen,
            threshold=threshold if threshold is not None and chosen else 0,
            teams=tuple(
                RequiredTeam(name, tuple(signers[member] for member in teams[name]))
                for name in require.teams
            ),
            released=require.released is not False,
            freshness=self._freshness(f"{where}.freshness", rule.freshness or _Freshness()),
            provenance=self._provenance(f"{where}.provenance", rule.provenance),
            registry=require.registry,
        )

    def _refuse_shared_keys(self, where: str, chosen: tuple[RequiredSigner, ...]) -> None:
        """One key is one signer: under two names it would meet a threshold alone."""
        owners: dict[str, str] = {}
        for signer in chosen:
            for key in signer.keys:
                other = owners.setdefault(key, signer.name)
                if other != signer.name:
                    why = f"signers {other!r} and {signer.name!r} have the same key"
                    raise self._bad(where, why, hint="Then either alone is all that is required.")
            if sum(other.name == signer.name for other in chosen) > 1:
                raise self._bad(where, f"signer {signer.name!r} is named twice")

    def _freshness(self, where: str, given: _Freshness) -> Freshness:
        with self._at(where):
            age = given.max_timestamp_age
            return Freshness(
                max_timestamp_age=None if age is None else parse_duration(age),
                min_remaining=parse_duration(given.min_remaining),
                grace=parse_duration(given.grace),
            )

    def _provenance(self, where: str, given: _Provenance | None) -> ProvenanceConditions | None:
        if given is None:
            return None
        conditions = ProvenanceConditions(
            promoted_from=given.promoted_from,
            policies=tuple(given.policies),
            max_critical=given.max_critical,
            max_major=given.max_major,
            max_minor=given.max_minor,
            pipeline=given.pipeline,
            sbom=bool(given.sbom),
        )
        if conditions == ProvenanceConditions():
            raise self._bad(where, "'provenance' has no condition")
        for severity, limit in conditions.limits.items():
            if limit < 0:
                raise self._bad(f"{where}.max_{severity}", f"a limit of {limit} accepts nothing")
        return conditions

    def _pins(self, where: str, root: _Root) -> Pins:
        authorities = [root.ca] if isinstance(root.ca, str) else root.ca or []
        with self._at(where):
            pins = Pins.load(
                root.key_ids,
                [(name, read_named_file(self.base / name)) for name in root.certs],
                authorities=[(name, read_named_file(self.base / name)) for name in authorities],
                trust_on_first_use=root.trust_on_first_use,
                threshold=root.threshold,
            )
        if not pins:
            raise self._bad(where, "'root' pins nothing", hint="Fill key_ids, certs or ca.")
        if pins.trust_on_first_use and pins.explicit:
            raise self._bad(
                f"{where}.trust_on_first_use", "what is pinned is not trusted on first use as well"
            )
        known = len(pins.key_ids) + len(pins.certificates)
        if root.threshold > 1 and not pins.authorities and root.threshold > known:
            why = f"a threshold of {root.threshold} of {known} pinned keys can never be met"
            raise self._bad(f"{where}.threshold", why)
        return pins

    def _server(self, where: str, url: str) -> str:
        if url and not url.startswith("https://"):
            why = f"{printable(url)!r} is no https URL of a Notary server"
            raise self._bad(f"{where}.server", why, hint="A Notary server is asked over TLS.")
        return url

    def resource(self, number: int, entry: _Resource) -> Resource:
        where = f"$.resources[{number}]"
        if not entry.images:
            raise self._bad(f"{where}.images", "no path of an image is given")
        return Resource(entry.apiVersion, entry.kind, tuple(entry.images))

    def refuse_no_rules(self, file: _File) -> None:
        if not file.rules:
            raise self._bad("$.rules", "there is no rule, so nothing would ever be accepted")

    def refuse_doubled(self, rules: tuple[Rule, ...]) -> None:
        seen: dict[tuple[str, str], Rule] = {}
        for number, rule in enumerate(rules):
            first = seen.setdefault((rule.pattern.host, rule.pattern.path), rule)
            if first is not rule:
                why = (
                    f"the rule for {rule.name!r} is shadowed: there is one for the same "
                    f"repositories in line {first.line}"
                )
                raise self._bad(f"$.rules[{number}].match", why)
