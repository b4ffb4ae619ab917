"""The API at /api/v1: what it takes and gives is described in its OpenAPI document, which is made from this code."""
