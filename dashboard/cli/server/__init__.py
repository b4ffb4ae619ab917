"""The verbs that ask a server over /api/v1: `run(options, server) -> exit code`."""
