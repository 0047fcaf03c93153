"""What makes libcamera's virtual camera a camera module: loaded by a .pth file at each start of Python.

libcamera's virtual pipeline makes the requests, their times and their buffers, and picamera2 hands
them on, both as they are published. Three things are put right when picamera2 is loaded: the
camera has no raw modes; buffers come from libcamera's own allocator, for those of a Pi's heap
have one plane only; and what the lens sees is the picture in a memory that this machine shares
with its host, copied into each buffer when its request completes. So who plays scenes is
outside of the machine, and no program inside knows of it.

The shared memory: "<8sIIII" magic, number, active slot, width, height; the slots of 8-bit luma
begin at SLOTS and SLOTS + width * height.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import mmap
import os
import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

LENS: Final = Path("/dev/virtual-lens")
MAGIC: Final = b"doorlens"
HEADER: Final = struct.Struct("<8sIIII")
SLOTS: Final = 4096
TARGET: Final = "picamera2.picamera2"


class Lens:
    """The shared memory; `paint` puts what it shows into a buffer of NV12 or YUV420."""

    def __init__(self, path: Path = LENS) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            self._memory = mmap.mmap(descriptor, os.fstat(descriptor).st_size, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)

    def paint(self, buffer: mmap.mmap) -> None:
        """Copy the picture's luma over the buffer's; nothing when there is no picture, or it is larger."""
        magic, _number, slot, width, height = HEADER.unpack_from(self._memory)
        size = width * height
        if magic != MAGIC or size > len(buffer):
            return
        start = SLOTS + slot * size
        buffer[:size] = self._memory[start : start + size]


def mend(module: ModuleType) -> None:
    """Put the three things right in `picamera2.picamera2`."""
    allocators: Any = importlib.import_module("picamera2.allocators")
    libcamera: Any = importlib.import_module("libcamera")
    lens = Lens()

    class Allocator(allocators.LibcameraAllocator):  # type: ignore[misc] # picamera2 has no types here
        """libcamera's buffers, in which the lens leaves its picture."""

        def acquire(self, buffers: Any) -> None:
            for buffer in buffers.values():
                with self.sync(self, buffer, True) as mapped:
                    lens.paint(mapped)

    def raw_modes(_camera: Any) -> list[dict[str, Any]]:
        return [{"format": "NV12", "size": (1280, 960)}]

    changed: Any = module
    changed.Picamera2._get_raw_modes = raw_modes
    changed.DmaAllocator = lambda: Allocator(libcamera.CameraManager.singleton().cameras[0])


class Mender(importlib.abc.MetaPathFinder):
    """Finds `picamera2.picamera2` where it is, and mends it once it is loaded."""

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The module's own specification, with one more step at the end."""
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            load = loader.exec_module

            def load_and_mend(module: ModuleType) -> None:
                load(module)
                mend(module)

            loader.exec_module = load_and_mend
        return spec


sys.meta_path.insert(0, Mender())
