"""What is read of PL/pgSQL, and what is made of that which cannot be read."""

from __future__ import annotations

from dashboard.engine.sql import dynamic, plpgsql

TRIGGER = """CREATE FUNCTION stamp() RETURNS trigger AS $$
BEGIN
    NEW.updated_at := current_timestamp;
    {}
    RETURN NEW;
END $$ LANGUAGE plpgsql;
"""


def test_the_function_of_a_trigger_is_read_by_its_words() -> None:
    """What libpg_query writes of it is no JSON."""
    assert plpgsql.blocks(TRIGGER.format("")) is None
    assert dynamic.commands_in(TRIGGER.format("")) == ()
    (command,) = dynamic.commands_in(TRIGGER.format("EXECUTE 'DROP TABLE ' || TG_ARGV[0];"))
    assert (command.line, command.is_defined_only) == (4, True)


def test_a_block_is_read() -> None:
    assert plpgsql.blocks("DO $$ BEGIN PERFORM 1; END $$") is not None


def test_one_that_is_wrong_or_too_deep_is_not() -> None:
    assert plpgsql.blocks("DO $$ BEGIN PERFORM 1 END $$") is None
    assert plpgsql.blocks(f"DO $$ BEGIN PERFORM {'(' * 30_000}1{')' * 30_000}; END $$") is None
