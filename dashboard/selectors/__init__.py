"""Reads of the control database and the folder, shaped for pages and commands. They write nothing."""
