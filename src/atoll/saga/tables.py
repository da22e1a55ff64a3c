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
    epoch INTEGER NOT NULL,
    lease_until REAL NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL
);
CREATE INDEX IF NOT EXISTS atoll_sagas_open ON atoll_sagas (lease_until) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS atoll_sagas_recent ON atoll_sagas (started_at);

CREATE TABLE IF NOT EXISTS atoll_saga_steps (
    saga_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    result TEXT,
    error TEXT,
    attempts INTEGER NOT NULL,
    time REAL NOT NULL,
    PRIMARY KEY (saga_id, name, kind)
);
"""
