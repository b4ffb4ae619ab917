"""How each kind of statement stands to a transaction: the one table.

PostgreSQL refuses some kinds inside a transaction block (SQLSTATE 25001), as their text says. Others it refuses only
because of what they name, which no text tells, or they do something else there. The tests hold the table against live
servers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.engine.sql import trees


def _always(tree: Any) -> bool:
    return True


def _never(tree: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementKind:
    """What holds of one kind of statement, told by its parse tree."""

    refused: Callable[[Any], bool] = _never  # inside a transaction block
    bare: Callable[[Any], bool] = _never  # sent with nothing around it where the file says transaction=none
    commits: bool = False  # it may commit by itself: when it fails, what it did before is not known
    repeatable: bool = False  # a second time does no harm, or nothing of it outlives the session


def refused_inside(node: str, tree: Any) -> bool:
    """Whether PostgreSQL refuses the statement inside a transaction block."""
    return of(node).refused(tree)


def of(node: str) -> StatementKind:
    return KINDS.get(node, _ORDINARY)


def _concurrent(tree: Any) -> bool:
    return bool(tree.concurrent)


def _has_option_of_extension(tree: Any) -> bool:
    """WITH (timescaledb.transaction_per_chunk), for one, commits after each chunk."""
    return any(option.def_elem.defnamespace for option in tree.options)


def _reindexes_much_or_concurrently(tree: Any) -> bool:
    wide = ("REINDEX_OBJECT_SCHEMA", "REINDEX_OBJECT_SYSTEM", "REINDEX_OBJECT_DATABASE")
    return trees.enum_name(tree, "kind") in wide or _is_on(tree.params, "concurrently")


def _detaches_concurrently(tree: Any) -> bool:
    commands = (cmd.alter_table_cmd for cmd in tree.cmds if cmd.HasField("alter_table_cmd"))
    detached = (
        getattr(c, "def").partition_cmd for c in commands if trees.enum_name(c, "subtype") == "AT_DetachPartition"
    )
    return any(partition.concurrent for partition in detached)


def _moves_tablespace(tree: Any) -> bool:
    return _names(tree.options, "tablespace")


def _creates_slot(tree: Any) -> bool:
    """A subscription that does not connect makes no slot unless told to."""
    if _names(tree.options, "create_slot"):
        return not _is_off(tree.options, "create_slot")
    return not _is_off(tree.options, "connect")


def _changes_slot(tree: Any) -> bool:
    """It refreshes (refused since 14), or changes the slot on the other side (`failover` since 17, `two_phase` since
    18)."""
    kind = trees.enum_name(tree, "kind")
    if kind.endswith("_OPTIONS"):
        return _names(tree.options, "failover") or _is_off(tree.options, "two_phase")
    changes_publications = kind.endswith(("_SET_PUBLICATION", "_ADD_PUBLICATION", "_DROP_PUBLICATION"))
    return kind.endswith("_REFRESH") or (changes_publications and not _is_off(tree.options, "refresh"))


def _discards_all(tree: Any) -> bool:
    return trees.enum_name(tree, "target") == "DISCARD_ALL"


_ORDINARY = StatementKind()
_OUTSIDE_ONLY = StatementKind(refused=_always)
#: What it sets, opens or listens to is the session's. Some of it means something else inside a transaction (a cursor
#: WITH HOLD is read at its end, SET LOCAL and LOCK TABLE last until then), and a role would be the one that writes the
#: journal.
_OF_THE_SESSION = StatementKind(bare=_always, repeatable=True)

KINDS: Mapping[str, StatementKind] = {
    "index_stmt": StatementKind(refused=_concurrent, bare=_has_option_of_extension, commits=True),
    "drop_stmt": StatementKind(refused=_concurrent),
    "alter_table_stmt": StatementKind(refused=_detaches_concurrently),
    "createdb_stmt": _OUTSIDE_ONLY,
    "dropdb_stmt": _OUTSIDE_ONLY,
    "alter_database_stmt": StatementKind(refused=_moves_tablespace),
    "create_table_space_stmt": _OUTSIDE_ONLY,
    "drop_table_space_stmt": _OUTSIDE_ONLY,
    "create_subscription_stmt": StatementKind(refused=_creates_slot),
    "drop_subscription_stmt": _OUTSIDE_ONLY,
    "alter_subscription_stmt": StatementKind(refused=_changes_slot),
    "alter_system_stmt": StatementKind(refused=_always, repeatable=True),
    # A partitioned table is refused, another one is not.
    "reindex_stmt": StatementKind(refused=_reindexes_much_or_concurrently, bare=_always, repeatable=True),
    "cluster_stmt": StatementKind(refused=lambda tree: not tree.HasField("relation"), bare=_always, repeatable=True),
    # ANALYZE is accepted, and would hold its locks to the end of a transaction.
    "vacuum_stmt": StatementKind(refused=lambda tree: bool(tree.is_vacuumcmd), bare=_always, repeatable=True),
    # They may call what makes a replication slot or works on another connection; an extension's view may be refused.
    "select_stmt": StatementKind(bare=_always),
    "create_table_as_stmt": StatementKind(bare=_always),
    "do_stmt": StatementKind(bare=_always, commits=True),
    "call_stmt": StatementKind(bare=_always, commits=True),
    "discard_stmt": StatementKind(refused=_discards_all, bare=_always, repeatable=True),
    "variable_set_stmt": _OF_THE_SESSION,
    "variable_show_stmt": _OF_THE_SESSION,
    "constraints_set_stmt": _OF_THE_SESSION,
    "prepare_stmt": _OF_THE_SESSION,
    "deallocate_stmt": _OF_THE_SESSION,
    "declare_cursor_stmt": _OF_THE_SESSION,
    "fetch_stmt": _OF_THE_SESSION,
    "close_portal_stmt": _OF_THE_SESSION,
    "listen_stmt": _OF_THE_SESSION,
    "unlisten_stmt": _OF_THE_SESSION,
    "lock_stmt": _OF_THE_SESSION,
    "load_stmt": _OF_THE_SESSION,
}


def _names(options: Any, name: str) -> bool:
    return any(option.def_elem.defname == name for option in options)


def _is_on(options: Any, name: str) -> bool:
    return _names(options, name) and not _is_off(options, name)


def _is_off(options: Any, name: str) -> bool:
    return any(option.def_elem.defname == name and _is_false(option.def_elem) for option in options)


def _is_false(option: Any) -> bool:
    if option.arg.HasField("integer"):
        return not option.arg.integer.ival
    if option.arg.HasField("boolean"):
        return not option.arg.boolean.boolval
    return option.arg.HasField("string") and option.arg.string.sval.lower() in ("off", "false", "no", "0")
