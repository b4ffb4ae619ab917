"""One module for each tool whose folders are read: its names, its marks, its row in the catalogue."""
