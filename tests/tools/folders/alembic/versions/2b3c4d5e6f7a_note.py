"""Makes the table note."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2b3c4d5e6f7a", "1a2b3c4d5e6f"


def upgrade() -> None:
    op.create_table("note", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
    op.create_index("note_name", "note", ["name"])


def downgrade() -> None:
    op.drop_table("note")
