"""What a server can do, as it says when objects are asked for."""

from __future__ import annotations

from dulwich.client import GitClient
from dulwich.protocol import CAPABILITY_FETCH, CAPABILITY_FILTER, CAPABILITY_SHALLOW, parse_capability
from dulwich.refs import Ref

from dashboard.engine.git.errors import GitShallowRefused


class CapableClient(GitClient):
    """Stands before a client of dulwich, which keeps this to itself."""

    #: In errors.
    shown = ""
    #: Whether the server leaves out what is not asked for. Known once something was received.
    filters = False

    def _negotiate_upload_pack_capabilities(
        self, server_capabilities: set[bytes]
    ) -> tuple[set[bytes], dict[Ref, Ref], bytes | None]:
        agreed = super()._negotiate_upload_pack_capabilities(server_capabilities)
        features = server_capabilities
        if self.protocol_version == 2:
            features = set((dict(map(parse_capability, server_capabilities)).get(CAPABILITY_FETCH) or b"").split())
            self.filters = CAPABILITY_FILTER in features
        if CAPABILITY_SHALLOW not in features:
            raise GitShallowRefused(repository=self.shown)
        return agreed
