"""The two signature algorithms we sign with and accept, and nothing else that JOSE allows (RFC 8725 §3.1)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey, RSAKey
from joserfc.jws import JWSRegistry, deserialize_compact, serialize_compact

Algorithm: TypeAlias = Literal["EdDSA", "RS256"]
Key: TypeAlias = OKPKey | RSAKey

ALGORITHMS: Final[tuple[Algorithm, ...]] = ("EdDSA", "RS256")
_RSA_BITS: Final = 2048
_MATERIAL: Final = frozenset({"kty", "crv", "x", "d", "n", "e", "p", "q", "dp", "dq", "qi"})


class _TwoAlgorithms(JWSRegistry):
    """joserfc's registry narrowed to ours.

    joserfc warns of the name EdDSA, which RFC 9864 replaces by Ed25519; but EdDSA is the name that Envoy knows.
    """

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"Algorithm of {name!r} is not allowed")
        return self.algorithms[name]


_registry: Final = _TwoAlgorithms(strict_check_header=False)


def generate_key(algorithm: Algorithm) -> Key:
    """Return a new private key: Ed25519, or RSA of 2048 bits (which takes up to 100 ms)."""
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", private=True)
    return RSAKey.generate_key(_RSA_BITS, private=True)


def import_key(algorithm: str, jwk: Mapping[str, Any]) -> Key:
    """Return the key of a JWK, private or public. Raises ValueError when it does not fit `algorithm`."""
    material = {name: value for name, value in jwk.items() if name in _MATERIAL}
    try:
        match algorithm, material.get("kty"), material.get("crv"):
            case "EdDSA", "OKP", "Ed25519":
                return OKPKey.import_key(material)
            case "RS256", "RSA", _ if _modulus_bits(material) >= _RSA_BITS:
                return RSAKey.import_key(material)
            case _:
                raise ValueError(f"the key is not one for {algorithm!r}, or too short")
    except JoseError as error:
        raise ValueError(str(error)) from error


def sign(header: dict[str, Any], payload: bytes, key: Key) -> str:
    """Return the compact serialization of a signed `payload` (RFC 7515 §7.1)."""
    return serialize_compact(header, payload, key, registry=_registry)


def has_good_signature(token: str, key: Key) -> bool:
    """Tell whether `key` signed `token`, by the algorithm that its header names."""
    try:
        deserialize_compact(token, key, registry=_registry)
    except (JoseError, ValueError):
        return False
    return True


def _modulus_bits(jwk: Mapping[str, Any]) -> int:
    modulus = base64.urlsafe_b64decode(str(jwk.get("n", "")) + "==")
    return int.from_bytes(modulus, "big").bit_length()
