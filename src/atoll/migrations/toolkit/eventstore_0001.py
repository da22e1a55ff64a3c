"""The toolkit's tables of `eventstore`.

Made from the constant itself as long as it is the first revision. Before the tables change after a release, their text
of then takes its place here, and a second revision makes the difference.
"""

from alembic import op

from atoll.eventstore.logs import words_of
from atoll.eventstore.sql.opening import tables_for
from atoll.migrations import script

revision = "eventstore_0001"
down_revision = None


def upgrade() -> None:
    script(tables_for(words_of(op.get_context().dialect.name), gapless=False))
