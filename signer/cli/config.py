"""Reading the configuration file, ``signer.toml``: its schema, and what is wrong with it."""

import re
import tomllib
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import msgspec

from signer.cli.configuration import Configuration
from signer.dtr.gate import GateConditions
from signer.errors import UsageError
from signer.signing.session import PinSources

_Limit = Annotated[int, msgspec.Meta(ge=0)]


class _Section(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Registry(_Section):
    host: str = ""
    ca: str = ""


class _Notary(_Section):
    server: str = ""


class _Gate(_Section):
    promoted: bool = True
    policies: list[str] = msgspec.field(default_factory=list)
    max_critical: _Limit | None = None
    max_major: _Limit | None = None
    max_minor: _Limit | None = None


class _Signing(_Section):
    signer: str = ""
    key: str = ""
    allow: list[str] | None = None
    gate: _Gate = msgspec.field(default_factory=_Gate)


class _Trust(_Section):
    root_key_ids: list[str] = msgspec.field(default_factory=list)
    root_certs: list[str] = msgspec.field(default_factory=list)
    root_ca: str | list[str] = ""
    trust_on_first_use: bool = False


class _Audit(_Section):
    file: str = ""


class _File(_Section):
    registry: _Registry = msgspec.field(default_factory=_Registry)
    notary: _Notary = msgspec.field(default_factory=_Notary)
    signing: _Signing = msgspec.field(default_factory=_Signing)
    trust: _Trust = msgspec.field(default_factory=_Trust)
    audit: _Audit = msgspec.field(default_factory=_Audit)


def read_configuration(path: Path) -> Configuration:
    """Read a configuration file.

    Raises:
        UsageError: it cannot be read, is no TOML, or has unknown or wrongly typed keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
        content = msgspec.convert(table, _File)
    except OSError as error:
        raise _bad(path, f"it cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(path, f"it is no TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise _bad(path, _explain(str(error), text)) from error
    if content.signing.allow == []:
        raise _bad(path, "[signing] allow is empty, so nothing could be signed")
    if content.signing.gate.policies and not content.signing.gate.promoted:
        raise _bad(path, "[signing.gate] policies would not be asked, for promoted is false")
    if "audit" in table and not content.audit.file:
        raise _bad(path, "[audit] names no file, so nothing would be recorded")
    return replace(
        _configuration(path, content),
        has_gate="gate" in table.get("signing", {}),
        has_audit="audit" in table,
    )


def _configuration(path: Path, content: _File) -> Configuration:
    base = path.resolve().parent
    trust, registry = content.trust, content.registry
    authorities = [trust.root_ca] if isinstance(trust.root_ca, str) else trust.root_ca
    server = content.notary.server or (f"https://{registry.host}" if registry.host else "")
    return Configuration(
        path=path,
        host=registry.host,
        server=server,
        ca_files=(base / registry.ca,) if registry.ca else (),
        signer=content.signing.signer,
        key=_key(base, content.signing.key),
        allow=None if content.signing.allow is None else tuple(content.signing.allow),
        pins=PinSources(
            key_ids=tuple(trust.root_key_ids),
            certificates=tuple(base / name for name in trust.root_certs),
            authorities=tuple(base / name for name in authorities if name),
            trust_on_first_use=trust.trust_on_first_use,
        ),
        gate=_gate(content.signing.gate),
        audit_file=base / content.audit.file if content.audit.file else None,
    )


def _gate(gate: _Gate) -> GateConditions:
    return GateConditions(
        promoted=gate.promoted,
        policies=tuple(gate.policies),
        max_critical=gate.max_critical,
        max_major=gate.max_major,
        max_minor=gate.max_minor,
    )


def _key(base: Path, source: str) -> str:
    """Make a path absolute; key ids and URIs stay as they are."""
    if not source or re.fullmatch(r"[0-9a-f]{7,64}", source) or re.match(r"[a-z0-9]+:", source):
        return source
    return str(base / source)


def _explain(problem: str, text: str) -> str:
    """Name the line and the nearest valid key of an unknown one."""
    unknown = re.search(r"unknown field `([^`]*)`", problem)
    if not unknown:
        return problem
    name = unknown.group(1)
    line = next(
        (
            number
            for number, content in enumerate(text.splitlines(), 1)
            if re.match(rf"\s*(\[[^\]]*)?{re.escape(name)}\b", content)
        ),
        None,
    )
    where = f"line {line}: " if line else ""
    near = get_close_matches(name, _known_names(_File), n=1)
    advice = f"; did you mean {near[0]!r}?" if near else ""
    return f"{where}unknown key {name!r}{advice}"


def _known_names(struct: type[msgspec.Struct]) -> list[str]:
    names: list[str] = []
    for info in msgspec.structs.fields(struct):
        names.append(info.name)
        if isinstance(info.type, type) and issubclass(info.type, msgspec.Struct):
            names += _known_names(info.type)
    return names


def _bad(path: Path, why: str) -> UsageError:
    return UsageError(f"The configuration file {path} is wrong: {why}.", code="bad-configuration")
