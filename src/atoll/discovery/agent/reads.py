"""The questions the agent answers: what each GET shows, and the index it waits on when it may block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from atoll import __version__
from atoll.discovery.agent import shapes, wire
from atoll.discovery.agent.definitions import STATUSES
from atoll.discovery.agent.records import Check, Node, Service
from atoll.discovery.agent.request import Query, check_options
from atoll.discovery.agent.state import Catalogue
from atoll.discovery.errors import RegistryRefused


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer yet to be made: `body` makes it from the state at that time.

    `index` tells when what it shows last changed; None for an answer that does not block.
    """

    body: Callable[[], object]
    index: Callable[[], int] | None = None


class Reads:
    """One method for each GET route."""

    def __init__(self, catalogue: Catalogue, node: Node) -> None:
        self._catalogue = catalogue
        self._node = node

    def agent_self(self, query: Query) -> Reading:
        return Reading(lambda: wire.self_shape(self._node, __version__))

    def agent_members(self, query: Query) -> Reading:
        return Reading(lambda: [wire.member_shape(self._node)])

    def agent_services(self, query: Query) -> Reading:
        check_options(query, self._node.datacenter)
        services = self._catalogue.services
        return Reading(lambda: {key: wire.agent_service_shape(each, self._node) for key, each in services.items()})

    def agent_service(self, query: Query) -> Reading:
        service = self._catalogue.service(query.argument)
        return Reading(lambda: wire.agent_service_shape(service, self._node))

    def agent_checks(self, query: Query) -> Reading:
        check_options(query, self._node.datacenter)
        checks = self._catalogue.checks
        return Reading(lambda: {key: self._check(each) for key, each in checks.items()})

    def health_service(self, query: Query) -> Reading:
        name, passing, tags = self._name(query), query.flag("passing"), set(query.parameters.get("tag", ()))

        def entries() -> list[shapes.EntryShape]:
            found = [each for each in self._here(query, name) if tags <= set(each.definition.tags)]
            return [
                self._entry(each) for each in found if not passing or self._catalogue.is_passing(each.definition.id)
            ]

        return Reading(entries, lambda: self._catalogue.indexes.service(name))

    def health_none(self, query: Query) -> Reading:
        """Connect proxies and ingress gateways: there are none here."""
        name = self._name(query)
        return Reading(list, lambda: self._catalogue.indexes.service(name))

    def health_checks(self, query: Query) -> Reading:
        name = self._name(query)

        def checks() -> list[shapes.CheckShape]:
            wanted = {each.definition.id for each in self._here(query, name)}
            return [shape for shape in self._checks() if shape.service_id in wanted]

        return Reading(checks, lambda: self._catalogue.indexes.service(name))

    def health_state(self, query: Query) -> Reading:
        check_options(query, self._node.datacenter)
        state = query.argument
        if state not in (*STATUSES, "any", "unknown"):
            raise RegistryRefused(400, f"Invalid check state; it must be any, unknown, {', '.join(STATUSES)}")
        return Reading(
            lambda: [each for each in self._checks() if state in ("any", each.status)],
            lambda: self._catalogue.indexes.latest,
        )

    def health_node(self, query: Query) -> Reading:
        check_options(query, self._node.datacenter)
        known = self._is_node(query.argument)
        return Reading(lambda: self._checks() if known else [], lambda: self._catalogue.indexes.latest)

    def catalog_services(self, query: Query) -> Reading:
        check_options(query, self._node.datacenter)

        def tags_by_name() -> dict[str, list[str]]:
            found: dict[str, set[str]] = {}
            for each in self._catalogue.services.values():
                found.setdefault(each.definition.name, set()).update(each.definition.tags)
            return {name: sorted(tags) for name, tags in sorted(found.items())}

        return Reading(tags_by_name, lambda: self._catalogue.indexes.services)

    def catalog_service(self, query: Query) -> Reading:
        name, tags = self._name(query), set(query.parameters.get("tag", ()))
        return Reading(
            lambda: [
                wire.catalog_shape(each, self._node)
                for each in self._here(query, name)
                if tags <= set(each.definition.tags)
            ],
            lambda: self._catalogue.indexes.service(name),
        )

    def catalog_nodes(self, query: Query) -> Reading:
        check_options(query, self._node.datacenter)
        return Reading(lambda: [wire.node_shape(self._node)], lambda: self._catalogue.indexes.first)

    def catalog_node(self, query: Query) -> Reading:
        check_options(query, self._node.datacenter)
        known = self._is_node(query.argument)

        def node() -> shapes.NodeServicesShape:
            services = self._catalogue.services.items()
            return shapes.NodeServicesShape(
                node=wire.node_shape(self._node),
                services={key: wire.service_shape(each) for key, each in services},
            )

        return Reading(lambda: node() if known else None, lambda: self._catalogue.indexes.services)

    def catalog_datacenters(self, query: Query) -> Reading:
        return Reading(lambda: [self._node.datacenter])

    def status_leader(self, query: Query) -> Reading:
        return Reading(lambda: f"{self._node.address}:8300")

    def status_peers(self, query: Query) -> Reading:
        return Reading(lambda: [f"{self._node.address}:8300"])

    def _name(self, query: Query) -> str:
        check_options(query, self._node.datacenter)
        if not query.argument:
            raise RegistryRefused(400, "Missing service name")
        return query.argument

    def _is_node(self, name: str) -> bool:
        return name in (self._node.name, self._node.id)

    def _here(self, query: Query, name: str) -> list[Service]:
        """The instances of a service; none when the node must have metadata, since this one has none."""
        return [] if "node-meta" in query.parameters else self._catalogue.instances(name)

    def _entry(self, service: Service) -> shapes.EntryShape:
        checks = [self._check(each) for each in self._catalogue.checks_of(service.definition.id)]
        return shapes.EntryShape(
            node=wire.node_shape(self._node),
            service=wire.service_shape(service),
            checks=[wire.serf_shape(self._node), *checks],
        )

    def _checks(self) -> list[shapes.CheckShape]:
        return [wire.serf_shape(self._node), *map(self._check, self._catalogue.checks.values())]

    def _check(self, check: Check) -> shapes.CheckShape:
        return wire.check_shape(check, self._catalogue.services.get(check.service_id), self._node)
