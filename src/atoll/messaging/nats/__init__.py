"""NATS JetStream: the queue, and a server of our own for the local platform."""

from atoll.messaging.nats.queue import NatsMessageQueue
from atoll.messaging.nats.server import NatsServer

__all__ = ["NatsMessageQueue", "NatsServer"]
