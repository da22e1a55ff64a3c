"""Every route of a service: the operations of its contract, and what each service answers about itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from atoll.contracts import ContractSpec, is_contract, spec_of
from atoll.contracts.asyncapi import asyncapi
from atoll.contracts.docs import content_security_policy, docs_page
from atoll.contracts.openapi import openapi
from atoll.eventstore import EventStore
from atoll.messaging import Consumer
from atoll.projections import ProjectionEngine
from atoll.saga import SagaEngine
from atoll.service.app import Plain
from atoll.service.consumers import consumed_events
from atoll.service.health import Health
from atoll.service.http import Reply, Request
from atoll.service.letters import DeadLetterEndpoints
from atoll.service.metrics import MetricsEndpoint
from atoll.service.operator import OperatorEndpoints
from atoll.service.pipeline import Endpoint, Pipeline
from atoll.service.projections import ProjectionEndpoints
from atoll.service.recorded import EventEndpoints
from atoll.service.sagas import SagaEndpoints
from atoll.service.service import Service
from atoll.storage import Database

Route = tuple[str, str, Endpoint | Plain]


def operations(service: Service, pipeline: Pipeline) -> Iterator[Route]:
    """The routes of the service's contract; none when it has no contract."""
    for spec in _contracts(type(service)):
        for each in spec.operations:
            yield each.method, each.path, pipeline.endpoint(each, getattr(service, each.name))


def own_routes(
    service: Service,
    health: Health,
    metrics: MetricsEndpoint,
    db: Database,
    sagas: SagaEngine,
    consumer: Consumer,
    projections: ProjectionEngine | None,
) -> Iterator[Route]:
    """Probes, metrics, documents and the operator's views."""
    operator, parked = OperatorEndpoints(db, sagas, projections), SagaEndpoints(sagas)
    events = {each.event_type: each for each in consumed_events(type(service))}
    letters = DeadLetterEndpoints(db, consumer.dead_letters, events)
    documents = documents_of(type(service))
    yield "GET", "/livez", health.live
    yield "GET", "/readyz", health.ready
    yield "GET", "/health", health.report
    yield "GET", "/metrics", metrics.show
    yield "GET", "/openapi.json", _fixed(msgspec.json.encode(documents["openapi"]), "application/json")
    yield "GET", "/asyncapi.json", _fixed(msgspec.json.encode(documents["asyncapi"]), "application/json")
    yield "GET", "/docs", _page(docs_page(documents["openapi"]))
    yield "GET", "/_atoll/sagas", parked.list
    yield "GET", "/_atoll/sagas/{saga_id}", parked.show
    yield "POST", "/_atoll/sagas/{saga_id}/retry", parked.retry
    yield "POST", "/_atoll/sagas/{saga_id}/skip", parked.skip
    yield "POST", "/_atoll/sagas/{saga_id}/resolve", parked.resolve
    yield "GET", "/_atoll/deadletters", letters.list
    yield "POST", "/_atoll/deadletters/replay", letters.replay
    yield "GET", "/_atoll/deadletters/{letter_id}", letters.show
    yield "PUT", "/_atoll/deadletters/{letter_id}", letters.edit
    yield "POST", "/_atoll/deadletters/{letter_id}/discard", letters.discard
    yield "GET", "/_atoll/outbox", operator.outbox
    yield "GET", "/_atoll/backlog", operator.backlog


def event_routes(store: EventStore | None, projections: ProjectionEngine | None) -> Iterator[Route]:
    """The operator's views of what only some services have."""
    if store is not None:
        yield "GET", "/_atoll/events", EventEndpoints(store).show
    if projections is not None:
        views = ProjectionEndpoints(projections)
        yield "GET", "/_atoll/projections", views.list
        yield "GET", "/_atoll/projections/{name}", views.show
        yield "POST", "/_atoll/projections/{name}/{action}", views.act


def documents_of(service: type[Service]) -> dict[str, dict[str, Any]]:
    """Return the OpenAPI and AsyncAPI documents of a service, by those names in lower case."""
    specs = _contracts(service)
    return {
        "openapi": openapi(specs, title=service.name, version=service.version),
        "asyncapi": asyncapi(specs, title=service.name, version=service.version, consumes=consumed_events(service)),
    }


def _contracts(service: type[Service]) -> list[ContractSpec]:
    return [spec_of(base) for base in service.__mro__ if is_contract(base)]


def _fixed(body: bytes, content_type: str) -> Plain:
    async def fixed(request: Request) -> Reply:
        return Reply(body=body, content_type=content_type)

    return fixed


def _page(text: str) -> Plain:
    async def page(request: Request) -> Reply:
        headers = {"content-security-policy": content_security_policy()}
        return Reply(body=text.encode(), content_type="text/html; charset=utf-8", headers=headers)

    return page
