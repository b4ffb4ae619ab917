"""What an error of PostgreSQL is about, told by the file and function that raised it: they are in no language.

For errors whose SQLSTATE has many meanings, and whose message is in whatever language the server speaks (lc_messages).
"""

from __future__ import annotations

import re

_ROLES = re.compile(r"(acl|user)\.c |\w+\.c regrolein$")
_MAKING_ROLES = re.compile(r"user\.c (Create|Drop|Rename)Role$")
_SETTINGS = re.compile(r"guc\.c call_string_check_hook$")
_GRAMMAR = re.compile(r"\S+ \w*yyerror$")
#: The control file of an extension, and the library of a function.
_FILES = re.compile(r"extension\.c parse_extension_control_file$|dfmgr\.c ")
#: ICU, LZ4 and libxml; a namespace of XMLTABLE is refused by every server.
_PROGRAMS = re.compile(r"(pg_locale\w*|toast_compression)\.c |xml\.c (?!XmlTableSetNamespace$)")
_NOT_SUPPORTED = "0A000"  # feature_not_supported


def is_about_a_role(origin: str) -> bool:
    """Whether it is a role that is not there: 42704 is the SQLSTATE of any object."""
    return _ROLES.match(origin) is not None


def is_about_a_setting(origin: str) -> bool:
    """Whether a setting was given the name of something that the server does not have: with SET ROLE a role, else a
    tablespace, a time zone. 22023 is the SQLSTATE of any wrong value."""
    return _SETTINGS.match(origin) is not None


def is_about_making_roles(origin: str) -> bool:
    """Whether the right to make or change roles was missing: 42501 is the SQLSTATE of any right."""
    return _MAKING_ROLES.match(origin) is not None


def is_about_the_grammar(origin: str) -> bool:
    """Whether it was not parsed: 42601 is the SQLSTATE of many a statement that was, too."""
    return _GRAMMAR.match(origin) is not None


def is_lack_of_build(origin: str, sqlstate: str) -> bool:
    """Whether the programs or the files of the server lack something, whatever the migration holds."""
    return _FILES.match(origin) is not None or (sqlstate == _NOT_SUPPORTED and _PROGRAMS.match(origin) is not None)
