"""The registry's catalogue: a pure state machine of services, checks and the indexes that blocking queries wait on.

Time is an argument (monotonic seconds) and nothing here waits: who changed the catalogue tells those who wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Final

from atoll.discovery.agent.indexes import Indexes
from atoll.discovery.agent.records import Check, CheckDefinition, Outcome, Service, ServiceDefinition, Status
from atoll.discovery.errors import RegistryRefused

DEREGISTER_MINIMUM: Final = 60.0
"""Consul never takes a critical service out earlier (…/api-docs/agent/check, DeregisterCriticalServiceAfter)."""


class Catalogue:
    """Services and checks of one node. Every change that a query can see raises the index of that query.

    A probe's new output without a new status is kept but raises no index, so that a readiness page that
    shows the time does not wake every watcher; Consul defers such updates too.
    """

    def __init__(self, *, start_index: int = 1, deregister_minimum: float = DEREGISTER_MINIMUM) -> None:
        self.indexes = Indexes(start_index)
        self._minimum = deregister_minimum
        self._services: dict[str, Service] = {}
        self._checks: dict[str, Check] = {}

    @property
    def services(self) -> Mapping[str, Service]:
        """Every instance by its id."""
        return self._services

    @property
    def checks(self) -> Mapping[str, Check]:
        """Every check by its id."""
        return self._checks

    def instances(self, name: str) -> list[Service]:
        """The instances of the service `name`, by id."""
        found = [each for each in self._services.values() if each.definition.name == name]
        return sorted(found, key=lambda each: each.definition.id)

    def checks_of(self, service_id: str) -> list[Check]:
        """The checks of one instance, and those of the node (which count for every instance)."""
        found = [each for each in self._checks.values() if each.service_id in (service_id, "")]
        return sorted(found, key=lambda each: each.definition.id)

    def is_passing(self, service_id: str) -> bool:
        """Tell whether every check of the instance and of the node passes."""
        return all(each.status == "passing" for each in self.checks_of(service_id))

    def probes(self) -> dict[str, CheckDefinition]:
        """The checks to be probed now, by id."""
        return {
            check_id: each.definition
            for check_id, each in self._checks.items()
            if each.definition.kind in ("http", "tcp") and not each.halted
        }

    def register_service(self, wanted: ServiceDefinition, now: float, *, replace_checks: bool = False) -> None:
        """Add an instance, or put it in the place of the one with its id; its checks begin anew.

        Other checks the instance has stay, unless `replace_checks`.
        """
        previous = self._services.get(wanted.id)
        if previous is not None and previous.definition.name != wanted.name:
            self.deregister_service(wanted.id)
        if replace_checks:
            self._drop_checks(wanted.id)
        index = self.indexes.change_services(wanted.name)
        created = index if previous is None else previous.create_index
        self._services[wanted.id] = Service(definition=wanted, create_index=created, modify_index=index)
        for check in wanted.checks:
            self.register_check(check, wanted.id, now)

    def deregister_service(self, service_id: str) -> None:
        """Take an instance out, with its checks. Raises RegistryRefused when there is none of that id."""
        name = self.service(service_id).definition.name
        self._drop_checks(service_id)
        del self._services[service_id]
        self.indexes.change_services(name, gone=not self.instances(name))

    def register_check(self, wanted: CheckDefinition, service_id: str, now: float) -> None:
        """Add a check of an instance, or of the node when `service_id` is empty; it replaces one with its id."""
        if service_id:
            self.service(service_id)
        if wanted.id in self._checks:
            self.deregister_check(wanted.id)
        index = self._change(service_id)
        self._checks[wanted.id] = Check(
            definition=wanted,
            service_id=service_id,
            status=wanted.status,
            since=now,
            due=now + wanted.ttl if wanted.ttl else inf,
            create_index=index,
            modify_index=index,
        )

    def deregister_check(self, check_id: str) -> None:
        """Take a check out. Raises RegistryRefused when there is none of that id."""
        service_id = self.check(check_id).service_id
        del self._checks[check_id]
        self._change(service_id)

    def report(self, check_id: str, outcome: Outcome, now: float) -> bool:
        """Note what a probe found or a service said about itself; tell whether the status is another now."""
        check = self.check(check_id)
        ttl = check.definition.ttl
        self._checks[check_id] = replace(check, output=outcome.output, due=now + ttl if ttl else inf)
        return self._set_status(check_id, outcome.status, now)

    def fail(self, service_id: str, output: str, now: float) -> bool:
        """Make every check of an instance that is gone critical, and probe it no more; tell whether it was there.

        It stays so until it registers again or the reaper takes it out. One without checks is taken out at once.
        """
        if service_id not in self._services:
            return False
        checks = self._owned(service_id)
        for check in checks:
            self._checks[check.definition.id] = replace(check, output=output, due=inf, halted=True)
            self._set_status(check.definition.id, "critical", now)
        if not checks:
            self.deregister_service(service_id)
        return True

    def sweep(self, now: float) -> list[str]:
        """Make overdue TTL checks critical and take out what was critical too long; tell each in a sentence."""
        overdue = [each for each in self._checks.values() if each.due <= now]
        for check in overdue:
            output = f"no report came within the {check.definition.ttl:g} s of its TTL"
            self._checks[check.definition.id] = replace(check, output=output, due=inf)
            self._set_status(check.definition.id, "critical", now)
        lost = {each.service_id for each in self._checks.values() if self._is_lost(each, now)}
        for service_id in lost:
            self.deregister_service(service_id)
        return [f"check {each.definition.id} is critical: its TTL has passed without a report" for each in overdue] + [
            f"service {each} is taken out: it was critical for longer than it may be" for each in sorted(lost)
        ]

    def service(self, service_id: str) -> Service:
        """Return one instance. Raises RegistryRefused when there is none of that id."""
        found = self._services.get(service_id)
        if found is None:
            raise RegistryRefused(
                404,
                f"Unknown service ID {service_id!r}. Ensure that the service ID is passed, not the service name.",
            )
        return found

    def check(self, check_id: str) -> Check:
        """Return one check. Raises RegistryRefused when there is none of that id."""
        found = self._checks.get(check_id)
        if found is None:
            raise RegistryRefused(
                404, f"Unknown check ID {check_id!r}. Ensure that the check ID is passed, not the check name."
            )
        return found

    def _is_lost(self, check: Check, now: float) -> bool:
        after = check.definition.deregister_after
        critical = check.status == "critical" and check.service_id
        return bool(after and critical) and now - check.since >= max(self._minimum, after)

    def _set_status(self, check_id: str, status: Status, now: float) -> bool:
        check = self._checks[check_id]
        if check.status == status:
            return False
        index = self._change(check.service_id)
        self._checks[check_id] = replace(check, status=status, since=now, modify_index=index)
        return True

    def _drop_checks(self, service_id: str) -> None:
        for check in self._owned(service_id):
            self.deregister_check(check.definition.id)

    def _owned(self, service_id: str) -> list[Check]:
        return [each for each in self._checks.values() if each.service_id == service_id]

    def _change(self, service_id: str) -> int:
        if not service_id:
            return self.indexes.change_node()
        return self.indexes.change_checks(self.service(service_id).definition.name)
