"""doorcheck: a box at a venue's entrance that verifies health passes offline."""

from datetime import UTC, datetime

__version__ = "0.1.0"
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that shows an earlier time can be right: a floor for every door."""
