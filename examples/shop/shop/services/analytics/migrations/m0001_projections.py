"""Revenue by day, and how many came how far."""

from atoll.migrations import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    script(
        """
        CREATE TABLE revenue (
            day TEXT NOT NULL,
            currency TEXT NOT NULL,
            orders INTEGER NOT NULL,
            amount BIGINT NOT NULL,
            PRIMARY KEY (day, currency)
        );
        CREATE TABLE funnel (
            stage TEXT NOT NULL,
            reason TEXT NOT NULL,
            customers INTEGER NOT NULL,
            PRIMARY KEY (stage, reason)
        );
        """
    )
