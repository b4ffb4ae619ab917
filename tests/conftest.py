"""The plugins of the suite. They are loaded before Django is set up, so they import models inside their fixtures."""

pytest_plugins = [
    "tests.fix_suites",
    "tests.fix_postgres",
    "tests.fix_people",
    "tests.fix_project",
    "tests.fix_sources",
    "tests.fix_rehearsals",
    "tests.fix_faults",
    "tests.fix_git",
    "tests.fix_mail",
    "tests.fix_tokens",
]
