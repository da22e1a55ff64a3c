"""The commands the agent takes: what each PUT does to the catalogue."""

from __future__ import annotations

from atoll.core.clock import Clock
from atoll.discovery.agent.bodies import read_object
from atoll.discovery.agent.definitions import read_check, read_service, read_update
from atoll.discovery.agent.records import CheckDefinition, Outcome, Status
from atoll.discovery.agent.request import Query
from atoll.discovery.agent.state import Catalogue
from atoll.discovery.errors import RegistryRefused


class Writes:
    """One method for each PUT route; each raises RegistryRefused instead of doing a part."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def register_service(self, query: Query) -> None:
        wanted = read_service(read_object(query.body))
        replace = query.flag("replace-existing-checks")
        self._catalogue.register_service(wanted, self._clock.monotonic(), replace_checks=replace)

    def deregister_service(self, query: Query) -> None:
        self._catalogue.deregister_service(query.argument)

    def register_check(self, query: Query) -> None:
        wanted, service_id = read_check(read_object(query.body))
        self._catalogue.register_check(wanted, service_id, self._clock.monotonic())

    def deregister_check(self, query: Query) -> None:
        self._catalogue.deregister_check(query.argument)

    def pass_check(self, query: Query) -> None:
        self._report(query.argument, "passing", query.first("note"))

    def warn_check(self, query: Query) -> None:
        self._report(query.argument, "warning", query.first("note"))

    def fail_check(self, query: Query) -> None:
        self._report(query.argument, "critical", query.first("note"))

    def update_check(self, query: Query) -> None:
        status, output = read_update(read_object(query.body))
        self._report(query.argument, status, output)

    def maintain_service(self, query: Query) -> None:
        self._catalogue.service(query.argument)
        self._maintain(query, f"_service_maintenance:{query.argument}", "Service Maintenance Mode", query.argument)

    def maintain_node(self, query: Query) -> None:
        self._maintain(query, "_node_maintenance", "Node Maintenance Mode", "")

    def _report(self, check_id: str, status: Status, output: str) -> None:
        if self._catalogue.check(check_id).definition.kind != "ttl":
            raise RegistryRefused(400, f"CheckID {check_id!r} does not have associated TTL")
        self._catalogue.report(check_id, Outcome(status=status, output=output), self._clock.monotonic())

    def _maintain(self, query: Query, check_id: str, name: str, service_id: str) -> None:
        if "enable" not in query.parameters:
            raise RegistryRefused(400, "Missing value for enable")
        if query.flag("enable"):
            notes = query.first("reason") or "Maintenance mode is enabled, but no reason was given."
            check = CheckDefinition(id=check_id, name=name, kind="mark", notes=notes)
            self._catalogue.register_check(check, service_id, self._clock.monotonic())
        elif check_id in self._catalogue.checks:
            self._catalogue.deregister_check(check_id)
