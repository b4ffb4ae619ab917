"""The process that fetches: started by `apart`, and by nobody else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from dashboard.engine import apart
from dashboard.engine.git import fetching
from dashboard.engine.git.apart import FetchOrder
from dashboard.engine.git.conversation import conversation
from dashboard.engine.git.errors import GitFetchFailed
from dashboard.engine.git.letters import write_fetched
from dashboard.engine.git.values import Fetched


def main() -> None:
    apart.begin(dies_with_parent=True)
    order: FetchOrder = apart.received(sys.stdin.buffer)
    # Each failure is answered; what libraries would log beside that is the words of a foreign server.
    for library in ("dulwich", "paramiko", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    apart.bound(memory=order.limits.memory, file_size=2 * order.limits.received)
    try:
        _carry_out(order)
    except BrokenPipeError:
        apart.nobody_listens()


def _carry_out(order: FetchOrder) -> None:
    out = sys.stdout.buffer
    try:
        answer = _answer(order, lambda size: apart.write(out, {"received": size}))
    except GitFetchFailed as error:
        apart.write_error(out, error)
    else:
        write_fetched(out, answer) if isinstance(answer, Fetched) else apart.write(out, {"answer": {"commit": answer}})


def _answer(order: FetchOrder, tell: Callable[[int], None]) -> Fetched | str:
    with conversation(order.remote, order.limits, silence=order.silence, tell=tell, proxies=order.proxies) as talk:
        return fetching.peek(talk) if order.is_peek else fetching.fetch(talk, Path(order.home), order.known)


if __name__ == "__main__":
    main()
