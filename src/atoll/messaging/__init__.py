"""Messages between services: a queue port with adapters, the outbox relay, and the consumer with its inbox."""

from atoll.messaging.causation import causation
from atoll.messaging.consumer import Consumer
from atoll.messaging.errors import (
    BrokerUnavailable,
    BrokerUnusable,
    MessageRefused,
    MessagingError,
    UndecodableMessage,
)
from atoll.messaging.memory import MemoryBroker, MemoryMessageQueue
from atoll.messaging.port import Delivery, Handler, MessageQueue, Subscription
from atoll.messaging.queues import open_queue
from atoll.messaging.relay import Relay

__all__ = [
    "BrokerUnavailable",
    "BrokerUnusable",
    "Consumer",
    "Delivery",
    "Handler",
    "MemoryBroker",
    "MemoryMessageQueue",
    "MessageQueue",
    "MessageRefused",
    "MessagingError",
    "Relay",
    "Subscription",
    "UndecodableMessage",
    "causation",
    "open_queue",
]
