"""The tables of aggregates, in the service's own database."""

from __future__ import annotations

from typing import Final

from atoll.storage.versions import Part

TABLES: Final = """
CREATE TABLE IF NOT EXISTS atoll_subject_keys (
    subject TEXT PRIMARY KEY,
    key BYTEA,
    erased_at DOUBLE PRECISION
) {keyed};

CREATE TABLE IF NOT EXISTS atoll_snapshots (
    tenant TEXT NOT NULL,
    stream TEXT NOT NULL,
    schema TEXT NOT NULL,
    version BIGINT NOT NULL,
    subjects TEXT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (tenant, stream)
);
"""

AGGREGATES: Final = Part(name="atoll.aggregates", revisions=("aggregates_0001",), tables=TABLES)
"""The tables of this code."""
