"""Mail to customers."""

from shop.services.notification.service import NotificationService

__all__ = ["NotificationService"]
