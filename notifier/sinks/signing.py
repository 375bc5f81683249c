"""Signatures of webhooks: Standard Webhooks 1.0.0, symmetric (`v1`) and asymmetric (`v1a`). Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, 'Signature scheme'
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from notifier.errors import NotifierError
from notifier.model import Instant

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

TOLERANCE = 300
"""Seconds that a timestamp may be off the receiver's clock."""

_MOST_SIGNATURES = 64  # of one header; each may cost a receiver a curve operation


class NotVerified(NotifierError):
    """A request is not from who holds the key, or not of now. The text says which, without repeating the request."""


class Key(Protocol):
    version: str  # of the signatures that it makes and checks

    def check(self, signed: bytes, signature: bytes, /) -> bool:
        """In a time that does not tell how much of it is right."""
        ...


class SigningKey(Key, Protocol):
    def sign(self, signed: bytes, /) -> bytes: ...


class SymmetricKey:
    """`whsec_` + base64 of 24 to 64 random bytes; both sides hold it."""

    version = "v1"
    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, signed: bytes) -> bytes:
        return hmac.digest(self._key, signed, hashlib.sha256)

    def check(self, signed: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(self.sign(signed), signature)

    def derived(self, url: str) -> "SymmetricKey":
        """The key of one recipient's URL: who holds it cannot forge for another."""
        return SymmetricKey(self.sign(b"webhook-secret:" + url.encode()))

    def text(self) -> str:
        return "whsec_" + b64encode(self._key).decode()

    def __repr__(self) -> str:
        return "SymmetricKey(…)"


class PublicKey:
    """`whpk_` + base64 of an ed25519 public key: it verifies only."""

    version = "v1a"
    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def check(self, signed: bytes, signature: bytes) -> bool:
        try:
            self._key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True


class PrivateKey(PublicKey):
    """`whsk_` + base64 of an ed25519 seed, with or without the public key behind it."""

    __slots__ = ("_private",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        super().__init__(key.public_key())
        self._private = key

    def sign(self, signed: bytes) -> bytes:
        return self._private.sign(signed)


AnyKey: TypeAlias = SymmetricKey | PrivateKey | PublicKey


def parse_keys(text: str) -> tuple[AnyKey, ...]:
    """One key a line, as in a secret file. ValueError says which line is wrong, and never shows it."""
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                keys.append(_parse(line.strip()))
            except ValueError as error:
                raise ValueError(f"line {number} of the secret {error}") from None
    if not keys:
        raise ValueError("the secret is empty: write one key a line, whsec_… or whsk_…")
    return tuple(keys)


def signing_keys(text: str) -> tuple[SymmetricKey | PrivateKey, ...]:
    """As `parse_keys`, but a key that cannot sign is an error."""
    keys = parse_keys(text)
    able = tuple(key for key in keys if isinstance(key, SymmetricKey | PrivateKey))
    if len(able) < len(keys):
        raise ValueError("the secret holds a whpk_… key, which can only verify: write its private key, whsk_…")
    return able


def sign(id: str, timestamp: int, body: bytes, keys: Iterable[SigningKey]) -> str:
    """The value of `webhook-signature`: one signature for each key. `timestamp` is in seconds, of the attempt."""
    signed = _signed(id, str(timestamp), body)
    return " ".join(f"{key.version},{b64encode(key.sign(signed)).decode()}" for key in keys)


def verify(
    headers: Mapping[str, str], body: bytes, keys: Sequence[Key], now: Instant, tolerance: int | None = TOLERANCE
) -> None:
    """NotVerified unless one of the signatures is by one of the keys and the timestamp is within `tolerance` seconds.

    `tolerance` None: of any time. Names of `headers` compare without case.
    """
    told = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not told.get(name)]
    if missing:
        raise NotVerified(f"the header {missing[0]} is missing")
    timestamp = told[TIMESTAMP]
    # The sign and other digits than ASCII's are int()'s, not the specification's.
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise NotVerified("the timestamp is not a number of seconds")
    if tolerance is not None and abs(now / 1000 - int(timestamp)) > tolerance:
        raise NotVerified(f"the timestamp is more than {tolerance} s off")
    signed = _signed(told[ID], timestamp, body)
    if not any(_matches(key, signed, each) for each in _signatures(told[SIGNATURE]) for key in keys):
        raise NotVerified("no signature matches the body and a key")


def derive(key: SymmetricKey, url: str) -> str:
    """The secret of one recipient's URL: `whsec_` + base64(HMAC-SHA256(key, `webhook-secret:` + url))."""
    return key.derived(url).text()


def _signed(id: str, timestamp: str, body: bytes) -> bytes:
    return b".".join((id.encode("utf-8", "surrogateescape"), timestamp.encode(), body))


def _signatures(header: str) -> list[tuple[str, bytes]]:
    """(version, signature); what cannot be read is skipped, for a later version may look otherwise."""
    found = []
    for part in header.split(" ")[:_MOST_SIGNATURES]:
        version, _, text = part.partition(",")
        try:
            found.append((version, b64decode(text, validate=True)))
        except ValueError:  # not base64, or not ASCII
            continue
    return found


def _matches(key: Key, signed: bytes, signature: tuple[str, bytes]) -> bool:
    return key.version == signature[0] and key.check(signed, signature[1])


def _parse(line: str) -> AnyKey:
    for prefix, parse in _PARSERS.items():
        if line.startswith(prefix):
            try:
                raw = b64decode(line.removeprefix(prefix) + "=" * (-(len(line) - len(prefix)) % 4), validate=True)
            except ValueError:
                raise ValueError(f"is not base64 behind {prefix}") from None
            return parse(raw)
    raise ValueError("does not begin with whsec_, whsk_ or whpk_")


def _symmetric(raw: bytes) -> SymmetricKey:
    if not 24 <= len(raw) <= 64:
        raise ValueError(f"holds {len(raw)} bytes: whsec_ wants base64 of 24 to 64 random bytes")
    return SymmetricKey(raw)


def _private(raw: bytes) -> PrivateKey:
    if len(raw) not in (32, 64):
        raise ValueError(f"holds {len(raw)} bytes: whsk_ wants base64 of an ed25519 key of 64 (seed and public key)")
    key = Ed25519PrivateKey.from_private_bytes(raw[:32])
    if len(raw) == 64 and key.public_key().public_bytes_raw() != raw[32:]:
        raise ValueError("holds a private and a public key that do not belong together")
    return PrivateKey(key)


def _public(raw: bytes) -> PublicKey:
    if len(raw) != 32:
        raise ValueError(f"holds {len(raw)} bytes: whpk_ wants base64 of an ed25519 public key of 32")
    return PublicKey(Ed25519PublicKey.from_public_bytes(raw))


_PARSERS: Mapping[str, Callable[[bytes], AnyKey]] = {"whsec_": _symmetric, "whsk_": _private, "whpk_": _public}
