"""Charges and refunds through the card network."""

from shop.services.payment.service import PaymentService

__all__ = ["PaymentService"]
