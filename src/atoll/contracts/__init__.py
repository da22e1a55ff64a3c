"""The published language of a service: contracts, operations, events and problems."""

from atoll.contracts.contract import ContractSpec, contract, is_contract, missing_operations, spec_of, wrong_operations
from atoll.contracts.event import Event, ordering_key
from atoll.contracts.message import Message, message_of
from atoll.contracts.operation import Operation, Parameter, Rate, command, query
from atoll.contracts.personal import Personal, personal_fields
from atoll.contracts.problem import Problem, UnknownProblem, problem_from

__all__ = [
    "ContractSpec",
    "Event",
    "Message",
    "Operation",
    "Parameter",
    "Personal",
    "Problem",
    "Rate",
    "UnknownProblem",
    "command",
    "contract",
    "is_contract",
    "message_of",
    "missing_operations",
    "ordering_key",
    "personal_fields",
    "problem_from",
    "query",
    "spec_of",
    "wrong_operations",
]
