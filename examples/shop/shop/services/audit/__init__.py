"""Every event once, in a chain."""

from shop.services.audit.service import AuditService

__all__ = ["AuditService"]
