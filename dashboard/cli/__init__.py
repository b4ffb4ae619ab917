"""The command line. Data on stdout, everything else on stderr; each verb is a module with a docstring (its help),
`add_arguments(parser)` and `run(options, workspace) -> exit code`.

`signalbox` (program.py) works on this machine without Django and without a control database, or asks a server over its
API; `manage.py signalbox` (verbs.py) works beside the control database.

Exit codes: 0 fine · 1 failed · 2 wrong usage (also a missing folder) · 3 something is pending (with --exit-code) ·
4 a second person has to approve · 5 a run is under way · 6 not allowed ·
7 a target or a repository cannot be reached · 8 a file or a history needs attention.
"""
