"""Carts, orders and the checkout."""

from shop.services.order.service import OrderService

__all__ = ["OrderService"]
