"""How large the body of a call may be, in bytes: what the web worker collects, and what Django and the API read."""

from __future__ import annotations

#: Of any call. Django's own limit too.
USUAL = 2_621_440
#: Of a call that pushes the files of a source, each process reads one at a time.
SNAPSHOT = 20 * 1024 * 1024
