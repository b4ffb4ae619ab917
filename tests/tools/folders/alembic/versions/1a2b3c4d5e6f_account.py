"""Makes the table account."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "1a2b3c4d5e6f", None


def upgrade() -> None:
    op.create_table("account", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
    op.create_index("account_name", "account", ["name"])


def downgrade() -> None:
    op.drop_table("account")
