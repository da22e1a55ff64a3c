"""The journal's tables, in the service's own database."""

from __future__ import annotations

from typing import Final

from atoll.storage.versions import Part

FENCE: Final = "atoll_saga_fence"
"""The check that a write fails whose lease is void: it sets `lease_until` to -1 instead of asking first, so that the
fence needs no answer and travels with the commit."""

AWAKE: Final = "ended_at IS NULL AND wake_at IS NULL"
"""Of a saga that somebody is to work on now."""

TABLES: Final = """
CREATE TABLE IF NOT EXISTS atoll_sagas (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    status TEXT NOT NULL,
    input TEXT NOT NULL,
    result TEXT,
    cause TEXT,
    stuck TEXT,
    subject TEXT NOT NULL DEFAULT '',
    roles TEXT NOT NULL DEFAULT '[]',
    traceparent TEXT NOT NULL DEFAULT '',
    request_id TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL,
    holder TEXT NOT NULL DEFAULT '',
    epoch BIGINT NOT NULL,
    lease_until DOUBLE PRECISION NOT NULL CONSTRAINT atoll_saga_fence CHECK (lease_until >= 0),
    wake_at DOUBLE PRECISION,
    waits_for TEXT NOT NULL DEFAULT '',
    hears_after BIGINT,
    started_at DOUBLE PRECISION NOT NULL,
    turned_at DOUBLE PRECISION,
    ended_at DOUBLE PRECISION
) {updated};
CREATE INDEX IF NOT EXISTS atoll_sagas_awake ON atoll_sagas (started_at) WHERE ended_at IS NULL AND wake_at IS NULL;
CREATE INDEX IF NOT EXISTS atoll_sagas_asleep ON atoll_sagas (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS atoll_sagas_waiting ON atoll_sagas (waits_for) WHERE waits_for <> '';
CREATE INDEX IF NOT EXISTS atoll_sagas_parked ON atoll_sagas (started_at) WHERE status = 'parked';
CREATE INDEX IF NOT EXISTS atoll_sagas_recent ON atoll_sagas (started_at);

CREATE TABLE IF NOT EXISTS atoll_saga_steps (
    seq {serial},
    saga_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    place BIGINT NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    result TEXT,
    error TEXT,
    attempts BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL DEFAULT 0,
    due DOUBLE PRECISION,
    time DOUBLE PRECISION NOT NULL,
    UNIQUE (saga_id, name, kind)
);

CREATE TABLE IF NOT EXISTS atoll_saga_decisions (
    id TEXT PRIMARY KEY,
    saga_id TEXT NOT NULL,
    action TEXT NOT NULL,
    step TEXT NOT NULL DEFAULT '',
    who TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    result TEXT,
    time DOUBLE PRECISION NOT NULL
);
CREATE INDEX IF NOT EXISTS atoll_saga_decisions_of ON atoll_saga_decisions (saga_id, time);

CREATE TABLE IF NOT EXISTS atoll_saga_events (
    seq {serial},
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    data TEXT NOT NULL,
    time DOUBLE PRECISION NOT NULL
);
CREATE INDEX IF NOT EXISTS atoll_saga_events_by_key ON atoll_saga_events (type, key, seq);
"""

SAGA: Final = Part(name="atoll.saga", revisions=("saga_0001",), tables=TABLES)
"""A change of the tables after a release is a new revision, here and in `atoll/migrations/toolkit`."""
