"""What a folder holds. One module for each format of folders; none of them talks to a database."""
