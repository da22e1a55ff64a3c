"""Command and query buses: typed messages, one handler each, one chain of middleware around them."""

from atoll.cqrs.authorizing import authorized
from atoll.cqrs.bus import CommandBus, QueryBus
from atoll.cqrs.caching import QueryCache, etag_of
from atoll.cqrs.chain import Kept, Middleware, Route, Step, chained
from atoll.cqrs.errors import (
    Forbidden,
    InvalidKey,
    InvalidMessage,
    KeyReused,
    Refused,
    RequestInProgress,
    Unauthenticated,
)
from atoll.cqrs.handlers import handles
from atoll.cqrs.messages import Command, Query
from atoll.cqrs.once import once
from atoll.cqrs.telling import MessageExecuted, told
from atoll.cqrs.transaction import in_unit_of_work
from atoll.cqrs.validating import validated

__all__ = [
    "Command",
    "CommandBus",
    "Forbidden",
    "InvalidKey",
    "InvalidMessage",
    "Kept",
    "KeyReused",
    "MessageExecuted",
    "Middleware",
    "Query",
    "QueryBus",
    "QueryCache",
    "Refused",
    "RequestInProgress",
    "Route",
    "Step",
    "Unauthenticated",
    "authorized",
    "chained",
    "etag_of",
    "handles",
    "in_unit_of_work",
    "once",
    "told",
    "validated",
]
