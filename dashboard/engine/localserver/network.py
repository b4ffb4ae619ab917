"""A process, and all that it starts, with no network but its own loopback.

Nothing but the standard library, because it is run by path too, to find out beforehand whether the platform allows it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # from <linux/sched.h>
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914  # from <linux/sockios.h>
IFF_UP = 0x1  # from <linux/if.h>


def can_be_left() -> bool:
    """Tried in a process of its own, with all that a server needs afterwards."""
    if sys.platform != "linux":
        return False
    command, given = [sys.executable, "-I", "-S", __file__], {"PATH": os.defpath}  # and no key
    done = subprocess.run(command, capture_output=True, check=False, cwd="/", env=given)
    return done.returncode == 0


def leave() -> bool:
    """From here on no packet leaves this process or what it starts; False where that cannot be had, and nothing has
    changed. Before any thread begins, and before the process is closed."""
    return can_be_left() and _leave()


def _leave() -> bool:
    user, group = os.geteuid(), os.getegid()
    if not _unshare(CLONE_NEWNET):
        # Who is not root becomes the root of a namespace of users first. Root would lose the right to start a server
        # as another user by that.
        if user == 0 or not _unshare(CLONE_NEWUSER | CLONE_NEWNET):
            return False
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _raise_loopback()
    return True


def _unshare(flags: int) -> bool:
    return bool(ctypes.CDLL(None).unshare(flags) == 0)


def _raise_loopback() -> None:
    """The server and whoever asks it are both inside."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


if __name__ == "__main__":
    left = _leave()
    Path(sys.executable).open("rb").close()  # in a namespace of users, rights beyond those of a user are gone
    sys.exit(not left)
