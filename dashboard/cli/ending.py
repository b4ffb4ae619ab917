"""How a command ends: with its exit code, whatever it ran into."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from config.errors import Misconfigured
from dashboard.cli.exits import Exit, complain
from dashboard.engine.errors import EngineError


def code_of_run(run: Callable[[], int]) -> int:
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has read enough; what is left must not be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except EngineError as error:
        return complain(error)
    except Misconfigured as error:
        print(f"signalbox: {error}", file=sys.stderr)
        return Exit.USAGE
    return code
