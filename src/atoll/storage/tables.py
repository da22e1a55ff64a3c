"""The toolkit's own tables in each service's database; every name begins with `atoll_`."""

from __future__ import annotations

from typing import Final

TABLES: Final = """
CREATE TABLE IF NOT EXISTS atoll_outbox (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    message TEXT NOT NULL,
    confirmed_at DOUBLE PRECISION
);
CREATE INDEX IF NOT EXISTS atoll_outbox_pending ON atoll_outbox (seq) WHERE confirmed_at IS NULL;
CREATE INDEX IF NOT EXISTS atoll_outbox_confirmed ON atoll_outbox (confirmed_at) WHERE confirmed_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS atoll_inbox (
    consumer TEXT NOT NULL,
    message_id TEXT NOT NULL,
    handled_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (consumer, message_id)
) {keyed};

CREATE TABLE IF NOT EXISTS atoll_dead_letters (
    id TEXT NOT NULL,
    consumer TEXT NOT NULL,
    message TEXT NOT NULL,
    error TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (consumer, id)
);

CREATE TABLE IF NOT EXISTS atoll_replies (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status BIGINT NOT NULL,
    body BYTEA NOT NULL,
    content_type TEXT NOT NULL,
    time DOUBLE PRECISION NOT NULL
) {keyed};
"""
