"""Revenue, funnel and business metrics."""

from shop.services.analytics.service import AnalyticsService

__all__ = ["AnalyticsService"]
