"""Keys that never leave a PKCS #11 token: a smart card, a YubiKey, a security module.

securesystemslib's `HSMSigner` does the work. It needs the package python-pkcs11, which is
installed only where tokens are used, and the token's own library, named by the environment
variable PYKCS11LIB.

Tokens sign with ECDSA, which draws a random number for each signature: what they sign can
be checked as well as any, but signing it again gives other bytes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import HSMSigner, Key, SecretsHandler, Signature, Signer, SSlibKey

from doorcheck.operator.repository.errors import RepositoryError
from doorcheck.operator.text import printable

_URI = re.compile(r"hsm:([0-9]{1,9})?(?:\?label=([^&#]+))?")

# python-pkcs11's errors often have no text of their own.
_WORDS = {
    "PinIncorrect": "the PIN is wrong; most tokens lock after three wrong ones",
    "PinLocked": "its PIN is locked after too many wrong ones; unlock it with the PUK",
    "TokenNotPresent": "the token was pulled out",
    "DeviceRemoved": "the token was pulled out",
}


def take_up(name: str, uri: str, pin: bytes | None = None) -> tuple[str, SSlibKey]:
    """Find a token's key: its URI with the token's label in it, and its public half.

    `hsm:2?label=Root+stick` is key 2 (a PIV card's signature slot 9c) of the token with that
    label; without a label the only token there. The PIN serves tokens that show public keys
    to their owner alone. Raises `RepositoryError`.
    """
    match = _URI.fullmatch(uri)
    if not match:
        raise RepositoryError(
            f"{name}: {printable(uri)} names no key on a token; write hsm:NUMBER?label=LABEL, "
            "such as hsm:2?label=Root+stick"
        )
    number = int(match[1]) if match[1] else None
    label = unquote_plus(match[2]) if match[2] else None
    with _errors(name):
        return HSMSigner.import_(number, label, None if pin is None else _asked(pin))


class TokenSigner(Signer):
    """A signer on a token; its errors name the key and say what to do."""

    def __init__(self, name: str, uri: str, public: SSlibKey, pin: bytes) -> None:
        self._name = name
        with _errors(name):
            self._signer = HSMSigner.from_priv_key_uri(uri, public, _asked(pin))

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> Signer:
        """The interface's own way to make a signer; ours is the constructor."""
        return HSMSigner.from_priv_key_uri(priv_key_uri, public_key, secrets_handler)

    @property
    def public_key(self) -> Key:
        """The public half."""
        return self._signer.public_key

    def sign(self, payload: bytes) -> Signature:
        """Sign. Raises `RepositoryError`: no token, no such key on it, a wrong PIN."""
        with _errors(self._name):
            return self._signer.sign(payload)


def _asked(pin: bytes) -> SecretsHandler:
    return lambda _: pin.decode("utf-8")


@contextlib.contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except UnsupportedLibraryError as error:
        raise RepositoryError(
            f"{name} is on a token, which needs python-pkcs11: pip install python-pkcs11"
        ) from error
    except (ValueError, RuntimeError) as error:  # python-pkcs11's errors are RuntimeErrors
        reason = _WORDS.get(type(error).__name__) or str(error) or type(error).__name__
        if "PYKCS11LIB" in reason:
            reason = (
                "set the environment variable PYKCS11LIB to the token's PKCS #11 library, such as "
                "/usr/lib/x86_64-linux-gnu/libykcs11.so or opensc-pkcs11.so"
            )
        raise RepositoryError(f"{name}, on a token: {printable(reason)}") from error
