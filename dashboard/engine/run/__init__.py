"""A run of a plan, from the lock to the last COMMIT, and afterwards the question what committed."""
