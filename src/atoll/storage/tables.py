"""The toolkit's own tables in each service's database; every name begins with `atoll_`."""

from __future__ import annotations

from typing import Final

from atoll.storage.versions import Part

TABLES: Final = """
CREATE TABLE IF NOT EXISTS atoll_outbox (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    lane TEXT NOT NULL,
    key_range BIGINT NOT NULL,
    message TEXT NOT NULL,
    due_at DOUBLE PRECISION,
    held_at DOUBLE PRECISION,
    confirmed_at DOUBLE PRECISION
);
CREATE INDEX IF NOT EXISTS atoll_outbox_ready ON atoll_outbox (seq)
    WHERE confirmed_at IS NULL AND due_at IS NULL AND held_at IS NULL;
CREATE INDEX IF NOT EXISTS atoll_outbox_due ON atoll_outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS atoll_outbox_held ON atoll_outbox (lane, seq) WHERE held_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS atoll_outbox_confirmed ON atoll_outbox (confirmed_at) WHERE confirmed_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS atoll_outbox_ranges (
    key_range BIGINT PRIMARY KEY,
    owner TEXT NOT NULL DEFAULT '',
    epoch BIGINT NOT NULL DEFAULT 0,
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    store TEXT NOT NULL DEFAULT '',
    place BIGINT NOT NULL DEFAULT 0,
    witness TEXT NOT NULL DEFAULT ''
) {updated};

CREATE TABLE IF NOT EXISTS atoll_relays (
    owner TEXT PRIMARY KEY,
    seen_until DOUBLE PRECISION NOT NULL
) {updated};

CREATE TABLE IF NOT EXISTS atoll_inbox (
    consumer TEXT NOT NULL,
    message_id TEXT NOT NULL,
    handled_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (consumer, message_id)
) {keyed};
CREATE INDEX IF NOT EXISTS atoll_inbox_age ON atoll_inbox (handled_at);

CREATE TABLE IF NOT EXISTS atoll_dead_letters (
    seq {serial},
    consumer TEXT NOT NULL,
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    message TEXT NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    edits BIGINT NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    UNIQUE (consumer, id)
);
CREATE INDEX IF NOT EXISTS atoll_dead_letters_key ON atoll_dead_letters (consumer, key, seq);

CREATE TABLE IF NOT EXISTS atoll_replies (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status BIGINT NOT NULL,
    body BYTEA NOT NULL,
    content_type TEXT NOT NULL,
    time DOUBLE PRECISION NOT NULL
) {keyed};
CREATE INDEX IF NOT EXISTS atoll_replies_time ON atoll_replies (time);

CREATE TABLE IF NOT EXISTS atoll_timers (
    name TEXT PRIMARY KEY,
    done_at DOUBLE PRECISION NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0
) {updated};
"""

STORAGE: Final = Part(name="atoll.storage", revisions=("storage_0001",), tables=TABLES)
"""A change of the tables after a release is a new revision, here and in `atoll/migrations/toolkit`."""
