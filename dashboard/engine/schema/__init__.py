"""Schemas as values: read from the catalog, compared, and held against what the runs left."""
