"""Credentials, sessions and signing keys."""

from shop.services.auth.service import AuthService

__all__ = ["AuthService"]
