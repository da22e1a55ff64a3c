"""What can be wrong with a token, a key or a stored password.

SecurityError                   base of this package
├── InvalidToken                the token is not one to believe; code "unauthenticated"
│   └── ExpiredToken            it was, until its `exp`
├── KeysUnavailable             the issuer's keys could not be fetched, so no token can be judged; retryable
├── UnusableHash                a stored password hash is not one of Argon2; code "internal"
└── UnusableKeys                stored signing keys cannot be read; code "internal"
"""

from __future__ import annotations

from atoll.core import AtollError


class SecurityError(AtollError):
    """A token, key or password was not accepted."""

    code = "unauthenticated"


class InvalidToken(SecurityError):
    """The token is malformed, not signed by its issuer, or not for us; the message says which."""


class ExpiredToken(InvalidToken):
    """The token was good until its `exp`; sign in or refresh."""


class KeysUnavailable(SecurityError):
    """The issuer's keys could not be fetched, so nobody's token can be judged now."""

    code = "unavailable"
    retryable = True


class UnusableHash(SecurityError):
    """What is stored as a password's hash was not written by `hash_password`."""

    code = "internal"


class UnusableKeys(SecurityError):
    """What is stored as signing keys was not written by `SigningKeys.dump`."""

    code = "internal"
