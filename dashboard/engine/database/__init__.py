"""Everything that is said to one database: connections, locks, guards, tracking tables, history, saved rows, sizes."""
