"""The use cases. Whatever writes is here, with its rules and its audit event in the same transaction."""
