"""Histories that other migration tools keep: what their rows mean, and which file of the folder each is about. Pure."""
