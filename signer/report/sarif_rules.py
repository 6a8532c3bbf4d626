"""What the stable codes of refusals mean, for programs that show help beside a finding."""

from dataclasses import dataclass
from typing import Any, Final

from signer.errors import ExitCode

_ATTACK: Final = (
    "Treat it as an attack until it is explained: compare with another network path and with the "
    "server's owner, and deploy nothing of this repository meanwhile."
)
_EXPIRY: Final = "Let a holder of the role's key sign again; until then nothing new is trusted."
_RETRY: Final = "No decision was made. Try again; a lasting fault is the server's or the network's."
_SIGN: Final = "Let the signing job sign the image that is to be deployed, or deploy a signed one."

_TITLES: Final = {
    ExitCode.FAILURE: ("The check could not be made", "Read the message; nothing was decided."),
    ExitCode.USAGE: ("Wrong usage or configuration", "Mend the command line or the named file."),
    ExitCode.NOT_SIGNED: ("The image is not signed as required", _SIGN),
    ExitCode.TRUST_DATA: ("Trust data is invalid", _ATTACK),
    ExitCode.EXPIRED: ("Trust data has expired", _EXPIRY),
    ExitCode.NETWORK: ("The server is not available", _RETRY),
    ExitCode.AUTH: ("The server did not accept the credentials", "Check account and permissions."),
    ExitCode.KEY: ("A key is missing or unusable", "Read the message; nothing was decided."),
    ExitCode.CONFLICT: ("Other publishers were faster", "Try again."),
    ExitCode.GATE: ("The gate refuses", "Sign only what was promoted, with a scan that passes."),
}
_SEVERITIES: Final = {
    ExitCode.TRUST_DATA: "9.0",
    ExitCode.NOT_SIGNED: "7.5",
    ExitCode.GATE: "7.5",
    ExitCode.EXPIRED: "5.0",
}
"""Of 10, by which GitHub sorts: from 9 critical, from 7 high, from 4 medium."""

_CODES: Final = {
    "not-signed": ("No role that docker reads has signed the image", _SIGN),
    "digest-differs": (
        "The digest is not the one that is signed",
        "The tag was signed again for another image, or this image never was. Deploy the signed "
        "digest, or let it be signed.",
    ),
    "signer-unknown": (
        "The collection has no such signer",
        "Check the signer's name, or let the collection's admin add the signer.",
    ),
    "signer-missing": ("A required signer has not signed the image", _SIGN),
    "signer-differs": (
        "A required signer has signed another image under this tag",
        "Find out which digest was meant, and let all required signers sign that one.",
    ),
    "signer-key-differs": (
        "Another key than the policy's has signed as a required signer",
        "Find out who changed the signer's key; where that was right, put the new key into the "
        "policy.",
    ),
    "threshold-unmet": ("Fewer signers than required have signed the image", _SIGN),
    "team-missing": ("No member of a required team has signed the image", _SIGN),
    "no-rule": (
        "No rule of the policy is about the image",
        "Add a rule for the repository, or deploy an image that has one.",
    ),
    "denied-by-rule": (
        "A rule of the policy denies the image",
        "Deploy another image, or change the rule.",
    ),
    "timestamp-too-old": (
        "The newest trust data is older than the rule allows",
        "Find out why the server serves nothing newer; it may be withheld.",
    ),
    "expires-soon": ("Trust data expires sooner than the rule allows", _EXPIRY),
    "server-unreachable": (
        "The server is down, and stored trust data was used",
        "Mend the server or the network before the rule's grace period ends.",
    ),
    "registry-differs": (
        "The registry has another image than the signed one",
        "Deploy by digest, and find out who moved the tag.",
    ),
    "registry-missing": (
        "The registry does not have the signed image",
        "Push the image again, or deploy another tag.",
    ),
    "registry-unknown": ("The registry could not tell what it has", _RETRY),
    "provenance-unmet": (
        "What is signed about the image's origin does not fulfil the rule",
        "Let the image take the way that the rule describes: promotion, scan, pipeline.",
    ),
    "no-pin": (
        "Nothing says which root to trust",
        "Pin the root key's id, its certificate or its CA.",
    ),
    "no-trust-data": (
        "The server has no trust data of this repository",
        "Initialise the collection, or check the repository's name and the server.",
    ),
    "pin-mismatch": ("The root is not the pinned one", _ATTACK),
    "rollback": ("Trust data is older than what was seen before", _ATTACK),
    "threshold-not-met": ("Too few valid signatures of the role's own keys", _ATTACK),
    "hash-mismatch": ("A file is not the one that signed trust data names", _ATTACK),
    "missing-file": ("The server withholds a file that signed trust data names", _ATTACK),
    "wrong-version": ("A root does not follow the one before it", _ATTACK),
    "malformed": ("A file of the trust data is malformed", _ATTACK),
    "too-many-roots": ("The chain of roots is too long", _ATTACK),
    "too-many-delegations": ("The collection has too many delegations", _ATTACK),
    "metadata-expired": ("A file of the trust data has expired", _EXPIRY),
    "certificate-not-yet-valid": (
        "A certificate of a key is not valid yet",
        "Compare the clocks of this machine and of whoever made the certificate.",
    ),
    "certificate-weak": ("A root certificate's signature is weak", _ATTACK),
    "key-too-weak": ("A root key is too weak", _ATTACK),
    "root-certificate-ca": ("No trusted CA has issued the root's certificate", _ATTACK),
    "root-certificate-name": ("The root's certificate is for another repository", _ATTACK),
    "trust-data-invalid": ("Trust data is invalid", _ATTACK),
    "trust-state-unreadable": (
        "What earlier runs remembered cannot be read",
        "Restore it from a copy; where there is none, remove it and pin the root.",
    ),
    "certificate-expired": (
        "A certificate of a key has expired",
        "Rotate the key; a root key needs its own holder for that.",
    ),
}


@dataclass(frozen=True)
class RuleText:
    """What a code means."""

    code: str
    """Its stable name."""

    title: str
    """In a few words."""

    advice: str
    """What to do."""

    severity: str
    """From 0.0 to 10.0, or empty where the code says nothing about security."""


def rule_text(code: str, exit_code: ExitCode = ExitCode.NOT_SIGNED) -> RuleText:
    """Return what a code means; of one that is not listed, what its exit code means."""
    title, advice = _CODES.get(code, _TITLES.get(exit_code, _TITLES[ExitCode.FAILURE]))
    return RuleText(code, title, advice, _SEVERITIES.get(exit_code, ""))


def descriptor(rule: RuleText, *, level: str) -> dict[str, Any]:
    """Return SARIF's ``reportingDescriptor`` of a rule.

    Source: SARIF 2.1.0, section 3.49.
    """
    content: dict[str, Any] = {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.code.split("-")),
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": f"{rule.title}. {rule.advice}"},
        "help": {"text": rule.advice},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["security", "supply-chain"]},
    }
    if rule.severity:
        content["properties"]["security-severity"] = rule.severity
    return content
