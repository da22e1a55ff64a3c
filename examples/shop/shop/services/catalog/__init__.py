"""Search over products and stock."""

from shop.services.catalog.service import CatalogService

__all__ = ["CatalogService"]
