"""The pure core: bytes, a world and a moment in; a verdict and a panel out.

No file, socket, thread or clock in here; `tests/test_layers.py` keeps it so.
"""
