"""Picture files become grey frames, or one clear line."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image

from doorcheck.edge.frame import Frame
from doorcheck.edge.pictures import PIXELS_MOST, PictureError, load_luma, looks_like_picture

DARK, LIGHT, WIDTH, HEIGHT = 10, 240, 40, 24


def halves(mode: str = "L") -> Image.Image:
    """The left half dark, the right half light."""
    grey = Image.new("L", (WIDTH, HEIGHT), LIGHT)
    grey.paste(DARK, (0, 0, WIDTH // 2, HEIGHT))
    return grey.convert(mode)


def stored(image: Image.Image, kind: str, **options: object) -> io.BytesIO:
    """The image in a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def left_and_right(frame: Frame) -> tuple[int, int]:
    """A pixel of each half; the frame's layout is checked on the way."""
    assert (frame.width, frame.height, frame.stride) == (WIDTH, HEIGHT, WIDTH)
    assert len(frame.luma) == WIDTH * HEIGHT
    assert frame.luma.format == "B"
    row = WIDTH * (HEIGHT // 2)
    return frame.luma[row + WIDTH // 4], frame.luma[row + 3 * WIDTH // 4]


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, and holds nearly nothing."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0")),
    ]
    body = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [*chunks, (b"IEND", b"")]
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


KINDS = [
    ("PNG", "L"),
    ("PNG", "RGB"),
    ("PNG", "P"),
    ("PNG", "RGBA"),
    ("JPEG", "L"),
    ("JPEG", "RGB"),
    ("JPEG", "CMYK"),
    ("WEBP", "RGB"),
    ("GIF", "P"),
    ("BMP", "RGB"),
    ("PPM", "L"),
    ("PPM", "RGB"),
    ("TIFF", "L"),
    ("TIFF", "CMYK"),
    ("TIFF", "LAB"),
]


@pytest.mark.parametrize(("kind", "mode"), KINDS)
def test_every_kind_becomes_grey(kind: str, mode: str) -> None:
    """Whatever the file format and its colours: dark stays dark, light stays light."""
    image = (
        halves()
        if mode != "LAB"
        else Image.merge("LAB", [halves(), *[Image.new("L", (WIDTH, HEIGHT), 128)] * 2])
    )
    file = stored(image if mode in ("L", "LAB") else halves(mode), kind)
    assert looks_like_picture(file.getvalue()[:16])
    dark, light = left_and_right(load_luma(file))
    assert abs(dark - DARK) < 12
    assert abs(light - LIGHT) < 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit_a_pixel(kind: str) -> None:
    """A scan in black and white becomes 0 and 255."""
    assert left_and_right(load_luma(stored(halves("1"), kind))) == (0, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_a_pixel(kind: str) -> None:
    """Deep grey keeps its upper eight bits; nothing saturates."""
    deep = Image.frombytes(
        "I;16", (WIDTH, HEIGHT), b"".join(struct.pack("<H", v * 257) for v in halves().tobytes())
    )
    assert left_and_right(load_luma(stored(deep, kind))) == (DARK, LIGHT)


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("WEBP", "RGBA"), ("TIFF", "RGBA")]
)
def test_what_is_transparent_becomes_white(kind: str, mode: str) -> None:
    """A wallet's code on a transparent ground is black on white, not black on black."""
    clear = Image.new("L", (WIDTH, HEIGHT), 0)
    clear.paste(255, (0, 0, WIDTH // 2, HEIGHT))
    image = Image.new(mode, (WIDTH, HEIGHT))
    image.putalpha(clear)
    options = {"lossless": True} if kind == "WEBP" else {}
    assert left_and_right(load_luma(stored(image, kind, **options))) == (0, 255)


def test_a_transparent_palette_becomes_white() -> None:
    """A colour that a palette marks transparent is white too."""
    file = stored(halves("P"), "PNG", transparency=halves("P").getpixel((WIDTH - 1, 0)))
    assert left_and_right(load_luma(file))[1] == 255


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_gives_its_first_picture(kind: str) -> None:
    """Later pictures of a file are not looked at."""
    file = stored(halves(), kind, save_all=True, append_images=[Image.new("L", (WIDTH, HEIGHT), 128)])
    dark, light = left_and_right(load_luma(file))
    assert abs(dark - DARK) < 12
    assert abs(light - LIGHT) < 12


def test_a_path_is_read(tmp_path: Path) -> None:
    """A file can be named."""
    path = tmp_path / "pass.png"
    halves().save(path)
    assert left_and_right(load_luma(path)) == (DARK, LIGHT)


@pytest.mark.parametrize(
    "header", [b"P5 40 24 255\n", b"P5\n# a comment\n40 24\n255\n", b"P5\t40\r\n24 255 "]
)
def test_a_pgm_is_read_however_its_header_is_written(header: bytes) -> None:
    """With comments or without, through Pillow or not, the same pixels come out."""
    assert left_and_right(load_luma(io.BytesIO(header + halves().tobytes()))) == (DARK, LIGHT)


def test_a_pipe_is_read() -> None:
    """A stream that can't be rewound works as a file does."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

    assert left_and_right(load_luma(Pipe(stored(halves(), "PNG").getvalue()))) == (DARK, LIGHT)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"HC1:NCFOXN%TS3DH", "not a picture"),
        (b"\x89PNG\r\n\x1a\n", "damaged or cut short"),
        (b"\xff\xd8\xff", "not a picture, or a damaged one"),
        (png_header(20_000, 10_000), "million"),
        (png_header(10_000, 9_000), "10000 by 9000 pixels, more than 50 million"),
        (png_header(8_000, 8_000), "8000 by 8000 pixels, more than 50 million"),
        (png_header(100, 100), "damaged or cut short"),
        (b"P5 10000 5001 255 ", "10000 by 5001 pixels, more than 50 million"),
        (b"P5 10 10 255 1234", "damaged or cut short"),
    ],
    ids=[
        "empty",
        "text",
        "magic alone",
        "magic of another format alone",
        "200 megapixels",
        "90 megapixels",
        "64 megapixels",
        "no pixels",
        "large PGM",
        "cut PGM",
    ],
)
def test_what_is_no_picture_says_why(data: bytes, words: str) -> None:
    """One clear line that says what to do; a giant is refused by its header, without a warning."""
    with warnings.catch_warnings(action="error"), pytest.raises(PictureError, match=words) as caught:
        load_luma(io.BytesIO(data))
    assert "\n" not in str(caught.value)
    assert ": " in str(caught.value)


def test_the_largest_picture_is_accepted_by_its_header() -> None:
    """The bound is on pixels, and what is at the bound passes it."""
    with pytest.raises(PictureError, match="damaged"):
        load_luma(io.BytesIO(png_header(10_000, PIXELS_MOST // 10_000)))
    with pytest.raises(PictureError, match="million"):
        load_luma(io.BytesIO(png_header(10_000, PIXELS_MOST // 10_000 + 1)))


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    """What can't be opened is an error of the picture, without its name: the caller knows it."""
    for path, words in ((tmp_path / "none.png", "no such file"), (tmp_path, "directory")):
        with pytest.raises(PictureError, match=words) as caught:
            load_luma(path)
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.filterwarnings("ignore:(Corrupt EXIF|Truncated File|Metadata Warning):UserWarning")
@pytest.mark.parametrize(("kind", "mode"), [*KINDS, ("TIFF", "1"), ("PNG", "1"), ("PPM", "1")])
def test_a_file_cut_anywhere_is_an_error_or_a_picture(kind: str, mode: str) -> None:
    """However a file is cut short, nothing but a frame or a `PictureError` comes out."""
    mode = "L" if mode == "LAB" else mode
    data = stored(halves(mode), kind).getvalue()
    for length in range(0, len(data), max(1, len(data) // 60)):
        try:
            left_and_right(load_luma(io.BytesIO(data[:length])))
        except PictureError as error:
            assert ": " in str(error)  # noqa: PT017 - either outcome is right
    cut = data[: len(data) // 2]
    if kind not in ("GIF", "WEBP"):
        with pytest.raises(PictureError):
            load_luma(io.BytesIO(cut))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HC1:NCFOXN%TS3DH",
        b"DC04FR0000001E9A1E9A",
        b"HCFR1:6BF",
        b"BM is not a bitmap",
        b"P",
        b"PASS",
        b"RIFF1234WAVE",
    ],
)
def test_text_is_no_picture(head: bytes) -> None:
    """A pass in a text file is never taken for a picture."""
    assert not looks_like_picture(head)
