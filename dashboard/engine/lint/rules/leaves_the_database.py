"""The statement reaches outside this database: the server's files and programs, other servers, the network.

Such a statement is not undone by an abort, and a rehearsal could do harm with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.trees import function_name, options

_FUNCTIONS = (
    "lo_import",
    "lo_export",
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "pg_stat_file",
    "pg_file_write",
    "pg_file_unlink",
    "pg_file_rename",
    "pg_rotate_logfile",
    "http_get",
    "http_post",
    "http_put",
    "http_delete",
    "http",
)
_UNTRUSTED = ("c", "internal", "plpythonu", "plpython3u", "plperlu", "pltclu", "plsh", "plr")
_EXTENSIONS = ("dblink", "postgres_fdw", "file_fdw", "adminpack", "http", "pg_net", *_UNTRUSTED)
_STATEMENTS = {
    "CreateForeignServerStmt": "defines another server to read from",
    "CreateUserMappingStmt": "stores how to sign in to another server",
    "ImportForeignSchemaStmt": "reads the catalog of another server",
    "CreateSubscriptionStmt": "subscribes to another server",
    "LoadStmt": "loads a library into the server",
    "AlterSystemStmt": "changes the configuration of the whole server",
    "CreateTableSpaceStmt": "uses a folder of the server",
}
KINDS = frozenset(_STATEMENTS) | {"CopyStmt", "CreateExtensionStmt", "CreatePLangStmt", "CreateFunctionStmt", "DoStmt"}
KINDS |= {"FuncCall"}
_ADVICE = (
    "Do this outside migrations, where it is planned and undone by hand. If it belongs here, allow it with a reason: "
    "an abort or a rollback does not undo it, and a rehearsal is not the same thing."
)


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        if parsed.kind in _STATEMENTS:
            yield parsed.hit(Severity.ERROR, f"This statement {_STATEMENTS[parsed.kind]}.", _ADVICE)
        yield from _copies(parsed)
        yield from _languages(parsed)
        for call in parsed.all("FuncCall"):
            name = function_name(call)
            if name in _FUNCTIONS or name.startswith("dblink"):
                yield parsed.hit(Severity.ERROR, f"{name}() reaches outside this database.", _ADVICE, at=call)


def _copies(parsed: Parsed) -> Iterator[Hit]:
    if parsed.kind != "CopyStmt" or not parsed.tree.filename:
        return
    if parsed.tree.is_program:
        yield parsed.hit(Severity.ERROR, "COPY ... PROGRAM runs a program on the server.", _ADVICE)
    else:
        verb = "reads" if parsed.tree.is_from else "writes"
        yield parsed.hit(Severity.ERROR, f"This COPY {verb} a file on the server.", _ADVICE)


def _languages(parsed: Parsed) -> Iterator[Hit]:
    tree = parsed.tree
    if parsed.kind == "CreateExtensionStmt" and tree.extname in _EXTENSIONS:
        yield parsed.hit(
            Severity.WARNING, f"The extension {tree.extname} lets SQL reach outside this database.", _ADVICE
        )
    elif parsed.kind == "CreatePLangStmt" and not tree.pltrusted and tree.plname in _UNTRUSTED:
        yield parsed.hit(Severity.ERROR, f"The language {tree.plname} can do anything the server can.", _ADVICE)
    elif parsed.kind in ("CreateFunctionStmt", "DoStmt"):
        given = options(tree.options if parsed.kind == "CreateFunctionStmt" else tree.args)
        language = given["language"].arg.string.sval.lower() if "language" in given else ""
        if language in _UNTRUSTED:
            yield parsed.hit(Severity.ERROR, f"The language {language} can do anything the server can.", _ADVICE)
