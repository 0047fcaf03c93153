"""Picture files into grey frames, with bounds: what `doorcheck check` reads.

Pillow is loaded when a file needs it: loading takes longer than judging a pass.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from doorcheck.edge.frame import Frame

if TYPE_CHECKING:
    from PIL import Image

PIXELS_MOST = 50_000_000
"""Larger than any phone's picture; a frame of that size is 50 MB."""
PIPE_BYTES_MOST = 256 << 20
"""What is read of a stream that can't be rewound, at most."""
FORMATS = ("PNG", "JPEG", "WEBP", "PPM", "GIF", "BMP", "TIFF")
_PLAIN_PGM = re.compile(rb"P5\s+([1-9]\d{0,5})\s+([1-9]\d{0,5})\s+255\s")
_16_BITS = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)
"""What Pillow's readers raise on damaged files."""


class PictureError(Exception):
    """The file can't be used as a picture; the text says why and what to do, without its name."""


def looks_like_picture(first_bytes: bytes) -> bool:
    """True when a file beginning like this is a picture of a known kind, whole or damaged.

    Sixteen bytes are enough. No text with a pass in it begins like a picture.
    """
    head = first_bytes[:16]
    return (
        head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"))
        or head.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[:2] == b"BM" and head[6:10] == bytes(4))
        or (head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace())
    )


def load_luma(source: Path | BinaryIO) -> Frame:
    """The luma of a picture's first image, 8 bits a pixel; what is transparent becomes white.

    PNG, JPEG, WebP, PNM, GIF, BMP and TIFF are read. A picture's turn (EXIF) is left as it
    is stored: decoders don't mind. `taken_ms` is 0. Raises `PictureError`; a picture of
    more than `PIXELS_MOST` is refused by its header alone.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                return _loaded(file)
        except OSError as error:
            raise PictureError(f"cannot be opened: {(error.strerror or str(error)).lower()}") from error
    if source.seekable():
        return _loaded(source)
    data = source.read(PIPE_BYTES_MOST + 1)
    if len(data) > PIPE_BYTES_MOST:
        raise PictureError(f"more than {PIPE_BYTES_MOST >> 20} MB: save it smaller")
    return _loaded(io.BytesIO(data))


def _loaded(file: BinaryIO) -> Frame:
    return _plain_pgm(file) or _through_pillow(file)


def _plain_pgm(file: BinaryIO) -> Frame | None:
    """The simplest of formats, 8 bits a pixel and no comments, as cameras and tests write it."""
    header = _PLAIN_PGM.match(file.read(64))
    file.seek(header.end() if header else 0)
    if not header:
        return None
    width, height = int(header[1]), int(header[2])
    if width * height > PIXELS_MOST:
        raise _too_large(f"{width} by {height} pixels")
    luma = file.read(width * height)
    if len(luma) < width * height:
        raise PictureError("damaged or cut short: get the file again")
    return Frame(memoryview(luma), width, height, width, 0)


def _through_pillow(file: BinaryIO) -> Frame:
    with _opened(file) as image:
        width, height = image.size
        if width * height > PIXELS_MOST:
            raise _too_large(f"{width} by {height} pixels")
        if image.format == "JPEG":
            image.draft("L", None)  # the colours need not be decoded
        try:
            image.load()
            grey = _grey(image)
        except _BROKEN as error:
            raise PictureError("damaged or cut short: get the file again") from error
    return Frame(memoryview(grey.tobytes()), width, height, width, 0)


def _opened(file: BinaryIO) -> Image.Image:
    """The header read, no pixel decoded."""
    from PIL import Image, UnidentifiedImageError

    head = file.read(8)
    if not head:
        raise PictureError("an empty file: get it again")
    file.seek(0)
    try:
        if head == b"\x89PNG\r\n\x1a\n":
            # What people have most: Pillow's `open` would first load four other formats.
            from PIL.PngImagePlugin import PngImageFile

            return PngImageFile(file)
        with warnings.catch_warnings():
            # Our own bound is tighter, and an operator's screen is no place for a warning.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PictureError("not a picture, or a damaged one: use PNG, JPEG, WebP or PGM") from error
    except Image.DecompressionBombError as error:
        raise _too_large("far too many pixels") from error
    except _BROKEN as error:
        raise PictureError("damaged or cut short: get the file again") from error


def _too_large(size: str) -> PictureError:
    return PictureError(
        f"{size}, more than {PIXELS_MOST // 1_000_000} million: make it smaller, or cut the code out"
    )


def _grey(image: Image.Image) -> Image.Image:
    """The image as 8-bit grey."""
    from PIL import Image

    if image.mode == "L" and "transparency" not in image.info:
        return image
    if image.mode in _16_BITS:
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode == "F":
        raise PictureError("stored as fractions: save it as PNG or JPEG")
    if image.mode == "LAB":
        return image.getchannel(0)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("L")
    return image.convert("RGB").convert("L")
