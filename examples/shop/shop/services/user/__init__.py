"""The accounts of customers."""

from shop.services.user.service import UserService

__all__ = ["UserService"]
