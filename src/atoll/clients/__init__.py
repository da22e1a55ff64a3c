"""Typed clients of contracts over HTTP: balanced, guarded by breakers, retried safely, traced."""

from atoll.clients.clients import Clients, client, close_client
from atoll.clients.errors import (
    CallError,
    CallTimedOut,
    CircuitOpen,
    ConnectionFailed,
    MalformedReply,
    NoInstances,
    Overloaded,
    Pending,
    Unavailable,
    Undone,
    UnexpectedReply,
)
from atoll.clients.policy import CallPolicy
from atoll.clients.proxy import operation_of
from atoll.clients.records import CallFinished
from atoll.clients.transport import HTTPTransport, Limits

__all__ = [
    "CallError",
    "CallFinished",
    "CallPolicy",
    "CallTimedOut",
    "CircuitOpen",
    "Clients",
    "ConnectionFailed",
    "HTTPTransport",
    "Limits",
    "MalformedReply",
    "NoInstances",
    "Overloaded",
    "Pending",
    "Unavailable",
    "Undone",
    "UnexpectedReply",
    "client",
    "close_client",
    "operation_of",
]
