"""Releases of the program on this box: what `release` is made of. Python's standard library only."""
