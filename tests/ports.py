from __future__ import annotations

import socket


def free_port() -> int:
    """One at which nobody listens, for a server that the test starts."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
