"""What a folder format must offer. A format is a module; `discovery.READERS` lists them."""

from __future__ import annotations

from typing import Protocol

from dashboard.engine.files.listing import Limits, Listing
from dashboard.engine.migration import Folder


class Reader(Protocol):
    @property
    def FORMAT(self) -> str: ...

    def recognises(self, listing: Listing) -> bool:
        """True where the folder has the signature of this format."""
        ...

    def read(self, listing: Listing, limits: Limits) -> Folder:
        """Account for every entry of the listing; never raise because of what a file holds."""
        ...
