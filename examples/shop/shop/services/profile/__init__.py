"""What customers tell about themselves."""

from shop.services.profile.service import ProfileService

__all__ = ["ProfileService"]
