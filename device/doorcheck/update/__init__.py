"""Signed updates: what a door takes from a pushed directory, and how it switches to it."""
