"""One module for each tool. None of them talks to a database."""
