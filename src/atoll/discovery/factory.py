"""From a setting to a registry."""

from __future__ import annotations

from atoll.core.errors import SettingsError
from atoll.discovery.consul import ConsulRegistry
from atoll.discovery.port import ServiceRegistry
from atoll.discovery.static import StaticRegistry


def open_registry(url: str) -> ServiceRegistry:
    """Return the registry that `url` names: `consul://HOST:PORT` or `static:SERVICE=HOST:PORT,…;…`.

    Nothing is sent yet. Raises SettingsError when the URL cannot be understood.
    """
    scheme = url.partition(":")[0]
    if scheme == "consul":
        return ConsulRegistry(url)
    if scheme == "static":
        return StaticRegistry.from_url(url)
    raise SettingsError([f"the registry URL is {url!r}, but must begin with consul:// or static:"])
