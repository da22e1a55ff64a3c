"""Credentials, tickets, sessions and signing keys."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE tickets (
            ticket TEXT PRIMARY KEY,
            password_hash TEXT NOT NULL,
            expires_at DOUBLE PRECISION NOT NULL
        );
        CREATE TABLE credentials (
            user_id TEXT PRIMARY KEY,
            email TEXT NOT NULL,
            since DOUBLE PRECISION NOT NULL,
            password_hash TEXT NOT NULL,
            roles TEXT NOT NULL DEFAULT '[]',
            failures INTEGER NOT NULL DEFAULT 0,
            failed_at DOUBLE PRECISION NOT NULL DEFAULT 0,
            ticket TEXT NOT NULL DEFAULT ''
        );
        CREATE INDEX credentials_email ON credentials (email, since);
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            live INTEGER NOT NULL DEFAULT 1
        );
        CREATE INDEX sessions_user ON sessions (user_id);
        CREATE TABLE refresh_tokens (
            token TEXT PRIMARY KEY,
            session_id TEXT NOT NULL,
            expires_at DOUBLE PRECISION NOT NULL,
            used INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
        CREATE TABLE signing_keys (
            id INTEGER PRIMARY KEY,
            document BYTEA NOT NULL
        );
        """
    )
