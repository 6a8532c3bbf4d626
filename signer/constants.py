"""Role names, limits and lifetimes of Notary v1.

Figures carry their provenance: *NP* is the Notary protocol reference of the project, by section.
"""

from typing import Final

ROOT: Final = "root"
TARGETS: Final = "targets"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"
BASE_ROLES: Final = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)
RELEASES: Final = "targets/releases"
"""The delegation that docker reads first. It is not a signer."""

DELEGATION_PREFIX: Final = "targets/"
ALL_PATHS: Final = ""
"""The path prefix that admits every target name (NP 1.4)."""

# Lifetimes in days (NP 1.8, notary const.go).
LIFETIME_DAYS: Final = {ROOT: 3650, TARGETS: 1095, SNAPSHOT: 1095, TIMESTAMP: 14}
ROOT_CERTIFICATE_DAYS: Final = 3650
NEAR_EXPIRY_DAYS: Final = 183
"""Go warns, and re-signs the root at a publish, within six months of expiry (NP 1.8)."""

# Sizes in bytes (NP 1.8). Of roots, which may be many, less is read than Go's 100 MiB.
MAX_ROOT_SIZE: Final = 16 * 2**20
MAX_TIMESTAMP_SIZE: Final = 2**20
MAX_TARGETS_SIZE: Final = 100 * 2**20
MAX_ERROR_SIZE: Final = 64 * 2**10
MAX_KEY_SIZE: Final = 256 * 2**10
MAX_MANIFEST_SIZE: Final = 4 * 2**20
"""The largest manifest that distribution registries store."""

MAX_VERSION: Final = 2**31 - 1
"""The server's SQL column is a 32-bit integer (NP 1.2)."""

MAX_INTEGER: Final = 2**53
"""Go decodes numbers to float64 before it verifies (NP 1.7)."""

MAX_DELEGATIONS: Final = 20_000
"""How many delegated roles a collection may have before reading it is refused."""

MAX_DELEGATION_DEPTH: Final = 32
MAX_JSON_DEPTH: Final = 64
MAX_ROOT_ROTATIONS: Final = 256
"""How many root versions are walked in one update."""

MIN_PASSPHRASE_LENGTH: Final = 8
"""Go refuses to encrypt a key under a shorter passphrase (NP 2.4)."""

MIN_RSA_BITS: Final = 2048

DEFAULT_TIMEOUT_SECONDS: Final = 30.0

DEFAULT_CONNECTIONS: Final = 20
"""To one server."""
