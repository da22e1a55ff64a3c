"""Quotes, parcels and tracking."""

from shop.services.shipping.service import ShippingService

__all__ = ["ShippingService"]
