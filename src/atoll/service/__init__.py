"""A service: lifecycle, health, the request pipeline and the ASGI application."""

from atoll.service.consumers import consumed_events
from atoll.service.declare import every, on
from atoll.service.errors import Forbidden, NotFound, Refused, Unauthenticated
from atoll.service.health import HealthState
from atoll.service.host import ServiceHost
from atoll.service.injection import Provider, dependencies_of, provided_type
from atoll.service.server import HttpServer
from atoll.service.service import Service

__all__ = [
    "Forbidden",
    "HealthState",
    "HttpServer",
    "NotFound",
    "Provider",
    "Refused",
    "Service",
    "ServiceHost",
    "Unauthenticated",
    "consumed_events",
    "dependencies_of",
    "every",
    "on",
    "provided_type",
]
