"""An issuer's signing keys and their rotation: published before use, kept after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from joserfc.errors import JoseError

from atoll.core import Clock
from atoll.security.errors import UnusableKeys
from atoll.security.jose import Algorithm, Key, generate_key, has_good_signature, import_key, sign

LEAD: Final = 900.0
"""Seconds a new key is published before it signs; longer than gateways cache a key set (Envoy: 10 minutes)."""
KEEP: Final = 7200.0
"""Seconds an old key stays published after its last signature; longer than its tokens live."""

_PUBLIC: Final = frozenset({"kty", "crv", "x", "n", "e"})


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """One private key as it is stored: `kid` is its RFC 7638 thumbprint, `active` when it begins to sign."""

    kid: str
    algorithm: Algorithm
    published: float
    active: float
    jwk: Mapping[str, str]

    def public(self) -> dict[str, str]:
        """Return the public JWK with the `alg` and `use` that verifiers pin (RFC 7517 §4)."""
        material = {name: value for name, value in self.jwk.items() if name in _PUBLIC}
        return material | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}


class SigningKeys:
    """The keys of one issuer. What signs and what is published follows from the clock alone.

    A rotation publishes a new key; after `lead` seconds it signs; the one before it stays published for `keep`
    seconds more, so that no token in use is refused. Every instance that loads the same dump agrees.
    """

    def __init__(self, keys: Sequence[SigningKey], *, clock: Clock, lead: float = LEAD, keep: float = KEEP) -> None:
        if not keys:
            raise UnusableKeys("there is no signing key; begin with SigningKeys.generate")
        self._keys = sorted(keys, key=lambda each: each.active)
        self._private = {each.kid: _imported(each) for each in keys}
        self._clock, self._lead, self._keep = clock, lead, keep

    @classmethod
    def generate(
        cls, algorithm: Algorithm = "EdDSA", *, clock: Clock, lead: float = LEAD, keep: float = KEEP
    ) -> SigningKeys:
        """Begin with one new key, which signs at once."""
        now = clock.now()
        return cls([_new(algorithm, published=now, active=now)], clock=clock, lead=lead, keep=keep)

    @classmethod
    def load(cls, data: bytes, *, clock: Clock, lead: float = LEAD, keep: float = KEEP) -> SigningKeys:
        """Read what `dump` wrote. Raises UnusableKeys."""
        try:
            keys = msgspec.json.decode(data, type=list[SigningKey])
        except msgspec.MsgspecError as error:
            raise UnusableKeys(f"the stored signing keys cannot be read: {error}") from error
        return cls(keys, clock=clock, lead=lead, keep=keep)

    def dump(self) -> bytes:
        """Return the private keys as JSON. Whoever reads it can sign: keep it in the issuer's own database."""
        return msgspec.json.encode(self._published())

    def rotate(self, algorithm: Algorithm | None = None, *, older_than: float = 0.0) -> bool:
        """Publish a new key when the newest is at least `older_than` seconds old; True when it did: dump again.

        A rotation under way is not begun again. The algorithm stays the same unless another is named.
        """
        now, newest = self._clock.now(), self._keys[-1]
        if newest.active > now or newest.published > now - older_than:
            return False
        key = _new(algorithm or newest.algorithm, published=now, active=now + self._lead)
        self._keys = [*self._published(), key]
        self._private = {each.kid: self._private.get(each.kid) or _imported(each) for each in self._keys}
        return True

    def sign(self, claims: Mapping[str, Any], *, typ: str = "at+jwt") -> str:
        """Return `claims` as a JWT signed with the current key."""
        key = self._current()
        header = {"alg": key.algorithm, "kid": key.kid, "typ": typ}
        return sign(header, msgspec.json.encode(claims), self._private[key.kid])

    def jwks(self) -> dict[str, Any]:
        """Return the public key set to serve (RFC 7517 §5), with keys to come and keys just retired."""
        return {"keys": [each.public() for each in self._published()]}

    def _current(self) -> SigningKey:
        now = self._clock.now()
        active = [each for each in self._keys if each.active <= now]
        return active[-1] if active else self._keys[0]

    def _published(self) -> list[SigningKey]:
        horizon = self._clock.now() - self._keep
        retired = [after.active <= horizon for after in self._keys[1:]] + [False]
        return [key for key, gone in zip(self._keys, retired, strict=True) if not gone]


def _new(algorithm: Algorithm, *, published: float, active: float) -> SigningKey:
    key = generate_key(algorithm)
    jwk = {name: str(value) for name, value in key.as_dict(private=True).items()}
    return SigningKey(kid=key.thumbprint(), algorithm=algorithm, published=published, active=active, jwk=jwk)


def _imported(key: SigningKey) -> Key:
    try:
        private, public = import_key(key.algorithm, key.jwk), import_key(key.algorithm, key.public())
        probe = sign({"alg": key.algorithm}, b"{}", private)
    except (ValueError, JoseError) as error:
        raise UnusableKeys(f"the stored signing key {key.kid} cannot be used: {error}") from error
    if not has_good_signature(probe, public):
        raise UnusableKeys(f"the stored signing key {key.kid} cannot be used: its two halves do not match")
    return private
