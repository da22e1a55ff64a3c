"""The relay: takes committed messages from a service's outbox to the broker."""

from atoll.messaging.relay.relay import Relay

__all__ = ["Relay"]
