"""RabbitMQ: the queue, and a server of our own for tests and torture where the package is installed."""

from atoll.messaging.rabbitmq.queue import RabbitMQMessageQueue
from atoll.messaging.rabbitmq.server import RabbitMQServer

__all__ = ["RabbitMQMessageQueue", "RabbitMQServer"]
