"""What a person can be here. Each role includes the ones before it."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"  # sees everything, changes nothing
    REQUESTER = "requester"  # asks for runs, starts approved ones and those of unprotected environments
    APPROVER = "approver"  # decides on other people's requests
    ADMIN = "admin"  # also skips migrations, and manages people


#: Who may decide on requests, where the environment names no higher role.
DECIDING = (Role.APPROVER, Role.ADMIN)
