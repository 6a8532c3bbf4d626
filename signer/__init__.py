"""Docker Content Trust (Notary v1) in pure Python.

The names below are the public interface; each is described, with an example that is run as a test,
in ``docs/python-api.md``. They are imported on first use, so that ``import signer`` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signer.errors import SignerError as SignerError
    from signer.names import ImageReference as ImageReference
    from signer.policy.decide import decide_images as decide_images
    from signer.policy.decide import verify_images as verify_images
    from signer.policy.load import load_policy as load_policy
    from signer.policy.requirement import Requirement as Requirement
    from signer.signing.initialise import init_collection as init_collection
    from signer.signing.inspect import inspect_collection as inspect_collection
    from signer.signing.session import PinSources as PinSources
    from signer.signing.session import Session as Session
    from signer.signing.session import Settings as Settings
    from signer.signing.sign import sign_images as sign_images

__version__ = "0.1.0"

_EXPORTS = {
    "ImageReference": "signer.names",
    "PinSources": "signer.signing.session",
    "Requirement": "signer.policy.requirement",
    "Session": "signer.signing.session",
    "Settings": "signer.signing.session",
    "SignerError": "signer.errors",
    "decide_images": "signer.policy.decide",
    "init_collection": "signer.signing.initialise",
    "inspect_collection": "signer.signing.inspect",
    "load_policy": "signer.policy.load",
    "sign_images": "signer.signing.sign",
    "verify_images": "signer.policy.decide",
}

__all__ = sorted(_EXPORTS)  # noqa: PLE0605 - computed from the one table, so the two cannot differ


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562 hands out objects of every type
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
