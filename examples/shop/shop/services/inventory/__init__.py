"""Stock and reservations."""

from shop.services.inventory.service import InventoryService

__all__ = ["InventoryService"]
