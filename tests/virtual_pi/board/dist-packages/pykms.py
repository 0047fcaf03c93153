"""Stands for pykms, which picamera2 loads for previews on a screen even where none is shown."""

from __future__ import annotations

from unittest.mock import Mock

PixelFormat = Mock()
