"""The journal's tables, in the service's own database."""

from __future__ import annotations

from typing import Final

TABLES: Final = """
CREATE TABLE IF NOT EXISTS atoll_sagas (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    input TEXT NOT NULL,
    result TEXT,
    cause TEXT,
    subject TEXT NOT NULL DEFAULT '',
    roles TEXT NOT NULL DEFAULT '[]',
    traceparent TEXT NOT NULL DEFAULT '',
    request_id TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    lease_until DOUBLE PRECISION NOT NULL,
    started_at DOUBLE PRECISION NOT NULL,
    ended_at DOUBLE PRECISION
) {updated};
CREATE INDEX IF NOT EXISTS atoll_sagas_unended ON atoll_sagas (started_at) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS atoll_sagas_recent ON atoll_sagas (started_at);

CREATE TABLE IF NOT EXISTS atoll_saga_steps (
    seq {serial},
    saga_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    result TEXT,
    error TEXT,
    attempts BIGINT NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    UNIQUE (saga_id, name, kind)
);
"""
