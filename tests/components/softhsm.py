"""A PKCS#11 token in software: SoftHSM."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tests.components.service import MissingComponentError, clean_environment, find_program

TOKEN_LABEL: Final = "signer-example"
PIN: Final = "1234"
_SO_PIN: Final = "5678"
_LIBRARIES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True)
class TokenKey:
    """A key pair in the token.

    Attributes:
        key_id: number under which securesystemslib finds it (``CKA_ID``).
        label: its ``CKA_LABEL``.
        uri: ``hsm:KEY_ID?label=TOKEN``, securesystemslib's private key URI.
        public_key: DER SubjectPublicKeyInfo.
    """

    key_id: int
    label: str
    uri: str
    public_key: bytes


class SoftHsm:
    """One initialised token in a directory of the caller's.

    The library reads ``SOFTHSM2_CONF`` when a process first loads it: put `environment` into
    ``os.environ`` before that, once per process.

    Attributes:
        library: path of the PKCS#11 module.
        token_label: name of the token.
        pin: its user PIN (worthless).
    """

    def __init__(self, directory: Path, *, token_label: str = TOKEN_LABEL) -> None:
        self.directory = directory
        self.token_label = token_label
        self.pin = PIN
        self.library = _library()
        self._config = directory / "softhsm2.conf"
        self._next_id = 2  # securesystemslib's default, as on a PIV card
        self._initialise()

    @property
    def environment(self) -> Mapping[str, str]:
        """What the library and securesystemslib read."""
        return {"SOFTHSM2_CONF": str(self._config), "PYKCS11LIB": str(self.library)}

    def generate_ec(self, label: str, *, curve: str = "secp256r1") -> TokenKey:
        """Generate an elliptic-curve key pair in the token, by python-pkcs11.

        ``os.environ`` must hold `environment` already.
        """
        import pkcs11
        import pkcs11.util.ec

        key_id, self._next_id = self._next_id, self._next_id + 1
        token: Any = pkcs11.lib(str(self.library)).get_token(token_label=self.token_label)
        with token.open(rw=True, user_pin=self.pin) as session:
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters(curve)},
                local=True,
            )
            public, _private = parameters.generate_keypair(
                id=pkcs11.util.biginteger(key_id), label=label, store=True
            )
            der = bytes(pkcs11.util.ec.encode_ec_public_key(public))
        uri = f"hsm:{key_id}?{urlencode({'label': self.token_label})}"
        return TokenKey(key_id, label, uri, der)

    def _initialise(self) -> None:
        program = find_program("softhsm2-util", "softhsm2")
        tokens = self.directory / "tokens"
        tokens.mkdir(parents=True)
        self._config.write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        words = ("--init-token", "--free", "--label", self.token_label)
        done = subprocess.run(
            [str(program), *words, "--pin", self.pin, "--so-pin", _SO_PIN],
            env=clean_environment(self.directory) | dict(self.environment),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"softhsm2-util: {done.stdout}{done.stderr}")


def _library() -> Path:
    debian = sorted(Path("/usr/lib").glob("*/softhsm/libsofthsm2.so"))
    for candidate in (*debian, *map(Path, _LIBRARIES)):
        if candidate.exists():
            return candidate
    raise MissingComponentError("The library libsofthsm2.so is missing", "softhsm2")
