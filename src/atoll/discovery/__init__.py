"""How services find each other: the registry port, its adapters, and the registry that `atoll up` embeds."""

from atoll.discovery.agent import ConsulAgent
from atoll.discovery.consul import ConsulRegistry
from atoll.discovery.errors import (
    NoAnswerYet,
    RegistryClosed,
    RegistryError,
    RegistryRefused,
    RegistryUnreachable,
)
from atoll.discovery.factory import open_registry
from atoll.discovery.memory import MemoryRegistry
from atoll.discovery.port import Instance, ServiceRegistry
from atoll.discovery.resolver import Resolver
from atoll.discovery.static import StaticRegistry

__all__ = [
    "ConsulAgent",
    "ConsulRegistry",
    "Instance",
    "MemoryRegistry",
    "NoAnswerYet",
    "RegistryClosed",
    "RegistryError",
    "RegistryRefused",
    "RegistryUnreachable",
    "Resolver",
    "ServiceRegistry",
    "StaticRegistry",
    "open_registry",
]
