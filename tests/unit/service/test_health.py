"""Whether requests may come does not depend on what fails for all replicas; whether all is well does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from atoll.messaging import BrokerUnavailable
from atoll.service.health import Health, HealthState
from atoll.service.http import Reply, Request

ASKED = Request(method="GET", path="/")


def health(*, state: HealthState = HealthState.HEALTHY, fails: bool = False) -> Health:
    async def check() -> None:
        if fails:
            raise BrokerUnavailable("nobody there")

    made = Health("order", "1.0", "0", [])
    made.add("messaging", check)
    made.state = state
    return made


def told(reply: Reply) -> tuple[int, str, Any]:
    body = msgspec.json.decode(reply.body)
    return reply.status, body["status"], body["checks"]


async def test_all_is_well_while_each_check_is() -> None:
    assert told(await health().report(ASKED)) == (200, "healthy", {"messaging": "ok"})


async def test_a_service_is_degraded_and_ready_while_a_check_fails() -> None:
    failing = health(fails=True)
    assert told(await failing.report(ASKED)) == (503, "degraded", {"messaging": "down: nobody there"})
    assert (await failing.ready(ASKED)).status == 200


@pytest.mark.parametrize("state", [HealthState.STARTING, HealthState.STOPPING, HealthState.STOPPED])
async def test_a_service_that_is_not_up_is_not_ready_and_not_called_degraded(state: HealthState) -> None:
    failing = health(state=state, fails=True)
    assert told(await failing.report(ASKED))[:2] == (503, state)
    assert (await failing.ready(ASKED)).status == 503
