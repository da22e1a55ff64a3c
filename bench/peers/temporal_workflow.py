"""The workflow and its activity; a module of their own, because Temporal imports it again in its sandbox."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def step(what: str) -> str:
    return what


@workflow.defn
class Flow:
    @workflow.run
    async def run(self, order: str) -> str:
        limit = timedelta(seconds=10)
        await workflow.execute_activity(step, "a", start_to_close_timeout=limit)
        await workflow.execute_activity(step, "b", start_to_close_timeout=limit)
        return await workflow.execute_activity(step, "c", start_to_close_timeout=limit)
