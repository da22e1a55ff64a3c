"""A service registry that speaks Consul's HTTP API, small enough to live inside another process."""

from atoll.discovery.agent.app import ConsulAgent

__all__ = ["ConsulAgent"]
