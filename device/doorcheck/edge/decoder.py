"""The decoder process: zxing-cpp behind a wall, so that a hostile picture stops nothing else.

The newest zxing-cpp can loop for ever, or crash, on a crafted picture. So it runs in a
process of its own, which `doorcheck.edge.reader` feeds, watches and kills. The process
reads commands from descriptor 0, finds the frame in the shared memory behind descriptor
3, and answers on descriptor 1. All numbers are little-endian:

    command  attempt u32, width u32, height u32, stride u32, CPU seconds u32
    answer   length of the rest u32, symbols found u16, symbols seen but not read u16,
             then for each found: format u8, 8 corner coordinates i32, length u32, bytes

It imports as little as it can: a restart is time without a door. Importing this module
does not load zxing-cpp; serving does, before the first command is read. Nothing that was read
goes anywhere but into the answer: arguments and environment are the parent's, and
standard error is closed before the first frame.
"""

from __future__ import annotations

import contextlib
import enum
import mmap
import os
import resource
import struct
import sys
from time import process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zxingcpp
    from PIL import Image

COMMANDS, ANSWERS, MEMORY = 0, 1, 3
"""The descriptors that the process is started with."""
COMMAND = struct.Struct("<5I")
LENGTH = struct.Struct("<I")
COUNTS = struct.Struct("<HH")
FOUND = struct.Struct("<B8iI")
SPARE_BYTES = 256 << 20
"""Address space for the program itself; frames come on top, `_COPIES` times."""
_COPIES = 40
_REACH, _REACH_OF_HALF = 3, 2
"""Pixels to the neighbours that sharpening compares with: most of a module, as codes are held."""


class Attempt(enum.IntFlag):
    """One way of looking at a frame: the formats, zxing-cpp's options, a treatment before.

    `SMOOTH` averages 2 by 2 pixels: against noise. `SHARPEN` subtracts what is two or
    three pixels away: against a lens out of focus, and haze. `HALF` and `DOUBLE` change the size.
    `ROTATE` matters to DataMatrix alone. Nothing set: just an answer.
    """

    QR = 1
    AZTEC = 2
    DATAMATRIX = 4
    INVERT = 16
    DOWNSCALE = 32
    ROTATE = 64
    HALF = 256
    SMOOTH = 512
    SHARPEN = 1024
    DOUBLE = 2048
    PREPARE = 4096
    """Load what treatments need, so that the first of them is not late."""


FORMATS = Attempt.QR | Attempt.AZTEC | Attempt.DATAMATRIX
TREATMENTS = Attempt.HALF | Attempt.SMOOTH | Attempt.SHARPEN | Attempt.DOUBLE
WANTED = {Attempt.QR: "QRCode", Attempt.AZTEC: "Aztec", Attempt.DATAMATRIX: "DataMatrix"}
CODES = {
    "QRCode": Attempt.QR,
    "QRCodeModel2": Attempt.QR,
    "Aztec": Attempt.AZTEC,
    "AztecCode": Attempt.AZTEC,
    "DataMatrix": Attempt.DATAMATRIX,
}
"""Micro QR and its like come along when QR is asked for, and are dropped: no pass fits in."""


def decode(attempt: Attempt, luma: memoryview, width: int, height: int, stride: int) -> bytes:
    """One attempt on a frame: the answer's bytes, without the length before them.

    `luma` holds at least `stride * (height - 1) + width` bytes. Corners are in the
    frame's pixels, whatever the treatment.
    """
    import zxingcpp

    whole = zxingcpp.ImageView(luma, width, height, zxingcpp.ImageFormat.Lum, stride)  # type: ignore[arg-type] # any buffer
    view: zxingcpp.ImageView | memoryview = whole
    scale = 1.0
    if attempt & TREATMENTS:
        image, scale = _treated(attempt, luma, width, height, stride)
        view = memoryview(image.tobytes()).cast("B", (image.height, image.width))
    barcodes = zxingcpp.read_barcodes(
        view,
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat[WANTED[flag]] for flag in attempt & FORMATS]),
        try_rotate=Attempt.ROTATE in attempt,
        try_downscale=Attempt.DOWNSCALE in attempt,
        try_invert=Attempt.INVERT in attempt,
        return_errors=True,
    )
    known = [barcode for barcode in barcodes if barcode.format.name in CODES]
    found = [barcode for barcode in known if barcode.valid]
    answer = [COUNTS.pack(len(found), len(known) - len(found))]
    for barcode in found:
        data = barcode.bytes
        corners = _corners(barcode.position, scale)
        answer += (FOUND.pack(CODES[barcode.format.name], *corners, len(data)), data)
    return b"".join(answer)


def _corners(position: zxingcpp.Position, scale: float) -> list[int]:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return [round(value * scale) for point in points for value in (point.x, point.y)]


def _treated(
    attempt: Attempt, luma: memoryview, width: int, height: int, stride: int
) -> tuple[Image.Image, float]:
    """The frame after the attempt's treatments, and what turns its pixels into the frame's."""
    from PIL import Image

    image = Image.frombuffer("L", (width, height), luma, "raw", "L", stride, 1)  # type: ignore[arg-type] # any buffer
    scale = 1.0
    if Attempt.HALF in attempt:
        image, scale = image.reduce(2), 2.0
    if Attempt.SMOOTH in attempt:
        image = _smoothed(image)
    if Attempt.SHARPEN in attempt:
        image = _sharpened(image, _REACH_OF_HALF if Attempt.HALF in attempt else _REACH)
    if Attempt.DOUBLE in attempt:
        size = (image.width * 2, image.height * 2)
        image, scale = image.resize(size, Image.Resampling.BILINEAR), scale / 2
    return image, scale


def _shifted(image: Image.Image, x: int, y: int) -> Image.Image:
    """The image as seen from (x, y); black comes in at the far edge."""
    return image.crop((x, y, image.width + x, image.height + y))


def _smoothed(image: Image.Image) -> Image.Image:
    """The mean of 2 by 2 pixels. Blends are a third of the price of Pillow's own filters."""
    from PIL import Image

    across = Image.blend(image, _shifted(image, 1, 0), 0.5)
    return Image.blend(across, _shifted(across, 0, 1), 0.5)


def _sharpened(image: Image.Image, r: int) -> Image.Image:
    """Twice the image less the mean of four pixels around it, `r` pixels away both ways.

    It costs a third of an unsharp mask, and reads more.
    """
    from PIL import Image

    falling = Image.blend(_shifted(image, -r, -r), _shifted(image, r, r), 0.5)
    rising = Image.blend(_shifted(image, r, -r), _shifted(image, -r, r), 0.5)
    return Image.blend(Image.blend(falling, rising, 0.5), image, 2.0)


def confine(capacity_bytes: int) -> None:
    """Give up what a decoder does not need: other descriptors, core dumps, endless memory."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - pathlib would slow the start
        if int(name) > MEMORY:
            with contextlib.suppress(OSError):  # the listing's own descriptor is gone by now
                os.close(int(name))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, SPARE_BYTES + _COPIES * capacity_bytes)


def _limit(what: int, most: int) -> None:
    """Set a limit of our own, under the one that holds anyhow."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _hush() -> None:
    """From here on, nothing that a frame caused may reach a log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _allow(cpu_s: int) -> None:
    """End by the kernel's hand when a frame takes longer and nobody is left to kill us."""
    _limit(resource.RLIMIT_CPU, int(process_time()) + 1 + cpu_s)


def serve(capacity_bytes: int) -> None:
    """Answer commands until the other end is closed."""
    import zxingcpp  # noqa: F401 - loaded now: what is missing is told before standard error is closed

    confine(capacity_bytes)
    _hush()
    luma = memoryview(mmap.mmap(MEMORY, capacity_bytes, mmap.MAP_SHARED, mmap.PROT_READ))
    while len(command := os.read(COMMANDS, COMMAND.size)) == COMMAND.size:
        number, width, height, stride, cpu_s = COMMAND.unpack(command)
        attempt = Attempt(number)
        answer = COUNTS.pack(0, 0)
        if Attempt.PREPARE in attempt:
            import PIL.Image  # noqa: F401 - loaded now, used by the next attempts
        if attempt & FORMATS:
            _allow(cpu_s)
            answer = decode(attempt, luma, width, height, stride)
        _write(LENGTH.pack(len(answer)) + answer)


def _write(answer: bytes) -> None:
    rest = memoryview(answer)
    while rest:
        rest = rest[os.write(ANSWERS, rest) :]


if __name__ == "__main__":
    serve(int(sys.argv[1]))
