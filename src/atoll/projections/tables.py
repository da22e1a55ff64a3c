"""The bookkeeping of projections, in the database of their views."""

from __future__ import annotations

from typing import Final

from atoll.storage.versions import Part

TABLES: Final = """
CREATE TABLE IF NOT EXISTS atoll_projections (
    name TEXT PRIMARY KEY,
    paused BOOLEAN NOT NULL DEFAULT FALSE,
    last_generation BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS atoll_projection_generations (
    name TEXT NOT NULL,
    generation BIGINT NOT NULL,
    version BIGINT NOT NULL,
    partitions BIGINT NOT NULL,
    state TEXT NOT NULL,
    closing BOOLEAN NOT NULL DEFAULT FALSE,
    gate TEXT NOT NULL DEFAULT '[]',
    views TEXT NOT NULL DEFAULT '[]',
    since DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (name, generation)
) {keyed};

CREATE TABLE IF NOT EXISTS atoll_projection_partitions (
    name TEXT NOT NULL,
    generation BIGINT NOT NULL,
    part BIGINT NOT NULL,
    position TEXT NOT NULL DEFAULT '[0,0]',
    near BOOLEAN NOT NULL DEFAULT FALSE,
    closed BOOLEAN NOT NULL DEFAULT FALSE,
    paused BOOLEAN NOT NULL DEFAULT FALSE,
    owner TEXT NOT NULL DEFAULT '',
    epoch BIGINT NOT NULL DEFAULT 0,
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    failed_id TEXT NOT NULL DEFAULT '',
    failed_at TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    attempts BIGINT NOT NULL DEFAULT 0,
    retry_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    discarded TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (name, generation, part)
) {updated};

CREATE TABLE IF NOT EXISTS atoll_projection_parked (
    seq {serial},
    name TEXT NOT NULL,
    generation BIGINT NOT NULL,
    part BIGINT NOT NULL,
    key TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event TEXT NOT NULL,
    error TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    decision TEXT NOT NULL DEFAULT '',
    time DOUBLE PRECISION NOT NULL
);
CREATE INDEX IF NOT EXISTS atoll_projection_parked_in_order
    ON atoll_projection_parked (name, generation, part, key, seq);
"""
"""`gate` holds layers of positions, one of each partition: an event has had its side effects when a layer's position
of its key is at or behind it. `paused` stands with each partition, too, because PostgreSQL looks again at a row that it
has waited for, and at no other. `lease_until` is in epoch seconds, `position` a Position as JSON."""

PROJECTIONS: Final = Part(name="atoll.projections", revisions=("projections_0001",), tables=TABLES)
"""The tables of this code."""
