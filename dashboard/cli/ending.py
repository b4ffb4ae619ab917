"""How a command ends: with its exit code, whatever it ran into."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from config.errors import Misconfigured
from dashboard.cli.exits import Exit, complain
from dashboard.engine.errors import EngineError

#: How a full or broken disk answers a write.
_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def code_of_run(run: Callable[[], int]) -> int:
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has read enough; what is left must not be written at exit either
        _write_no_more()
        return Exit.FAILED
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        _write_no_more()
        print(f"signalbox: its answer could not be written: {os.strerror(error.errno)}.", file=sys.stderr)
        print("  What it did before stands. See that there is room, and ask for the answer again.", file=sys.stderr)
        return Exit.FAILED
    except EngineError as error:
        return complain(error)
    except Misconfigured as error:
        print(f"signalbox: {error}", file=sys.stderr)
        return Exit.USAGE
    return code


def _write_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
