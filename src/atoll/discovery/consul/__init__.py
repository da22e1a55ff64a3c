"""The registry adapter for Consul, and for the agent of ours that speaks its API."""

from atoll.discovery.consul.registry import ConsulRegistry

__all__ = ["ConsulRegistry"]
