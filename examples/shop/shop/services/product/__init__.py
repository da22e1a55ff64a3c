"""Master data and prices."""

from shop.services.product.service import ProductService

__all__ = ["ProductService"]
