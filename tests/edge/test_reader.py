"""The reader: every symbol out of a frame, in bounded time, whatever the frame does."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image, ImageFilter, ImageOps

from doorcheck.core.symbol import Corner, Symbol, SymbolFormat
from doorcheck.edge import reader as reader_module
from doorcheck.edge.decoder import COUNTS, FOUND, Attempt, decode
from doorcheck.edge.frame import Frame
from doorcheck.edge.reader import COMMAND_LINE, ENVIRONMENT, PLAN, DecoderHangError, Reader

PASS = b"HC1:NCF0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" * 6
TWO_D_DOC = b"DC04FR0000001E9A1E9A0301L0DOE\x1dL1JANE\x1f" + b"Q7GFMDOFJ2LYBBTUQTWU4SHQDEQ"
ZXING_FORMATS = {
    SymbolFormat.QR: zxingcpp.BarcodeFormat.QRCode,
    SymbolFormat.AZTEC: zxingcpp.BarcodeFormat.Aztec,
    SymbolFormat.DATAMATRIX: zxingcpp.BarcodeFormat.DataMatrix,
}
TRICKY = """
import os, sys
from doorcheck.edge import decoder
honest = decoder.decode
def decode(attempt, luma, *rest):
    while luma[0] == 1:
        pass
    if luma[0] == 2:
        os._exit(3)
    if luma[0] == 3:
        raise ValueError(bytes(luma[:100]))
    if luma[0] == 4:
        os.write(1, b"\\xff" * 64)
    if luma[0] == 5:
        return b"\\x01\\x00\\x00\\x00" + b"\\x63" + bytes(36)
    return honest(attempt, luma, *rest)
decoder.decode = decode
decoder.serve(int(sys.argv[1]))
"""
"""A decoder that does wrong when the first pixel says so."""


def code(data: bytes = PASS, symbol: SymbolFormat = SymbolFormat.QR, module_px: int = 4) -> Image.Image:
    """A code in its quiet zone, four modules wide."""
    barcode = zxingcpp.create_barcode(data, ZXING_FORMATS[symbol])
    drawn = zxingcpp.write_barcode_to_image(barcode, scale=module_px, add_quiet_zones=True)
    return Image.fromarray(drawn)


def scene(*codes: Image.Image, at: Corner = (40, 30), size: tuple[int, int] = (1280, 960)) -> Image.Image:
    """Codes side by side on grey."""
    picture = Image.new("L", size, 200)
    x, y = at
    for drawn in codes:
        picture.paste(drawn, (x, y))
        x += drawn.width + 20
    return picture


def frame(picture: Image.Image, stride: int = 0, first_pixel: int | None = None) -> Frame:
    """A picture as a camera gives it."""
    stride = stride or picture.width
    padded = Image.new("L", (stride, picture.height), 90)
    padded.paste(picture, (0, 0))
    luma = bytearray(padded.tobytes())
    if first_pixel is not None:
        luma[0] = first_pixel
    return Frame(memoryview(luma), picture.width, picture.height, stride, 0)


def found(symbols: list[Symbol]) -> set[tuple[SymbolFormat, bytes]]:
    """Formats and bytes alone."""
    return {(symbol.format, symbol.data) for symbol in symbols}


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A reader in no hurry: a busy machine must not fail a test."""
    with Reader(deadline_ms=20_000, still_deadline_ms=60_000) as opened:
        yield opened


@pytest.fixture
def tricky() -> Iterator[Reader]:
    """A reader whose decoder is lost on some frames."""
    with Reader(deadline_ms=200, command=(sys.executable, "-I", "-c", TRICKY)) as opened:
        yield opened


def test_a_code_is_read_from_the_first_frame(reader: Reader) -> None:
    """A pass held up well is read at once: its bytes, its format, its corners in the frame."""
    (symbol,) = reader.read(frame(scene(code(), at=(300, 200))))
    assert symbol.format is SymbolFormat.QR
    assert symbol.data == PASS
    assert all(300 < x < 900 and 200 < y < 900 for x, y in symbol.corners)
    left_top, right_top, right_bottom, left_bottom = symbol.corners
    assert left_top[0] < right_top[0]
    assert left_bottom[1] > left_top[1]
    assert right_bottom > left_top


@pytest.mark.parametrize("symbol", [SymbolFormat.QR, SymbolFormat.AZTEC, SymbolFormat.DATAMATRIX])
def test_each_format_has_its_turn_within_ten_frames(reader: Reader, symbol: SymbolFormat) -> None:
    """Whatever format is held up is read within one second at ten frames a second, exactly."""
    shown = frame(scene(code(TWO_D_DOC, symbol, module_px=5)))
    assert len(PLAN) <= 10
    assert (symbol, TWO_D_DOC) in set().union(*(found(reader.read(shown)) for _ in PLAN))


@pytest.mark.parametrize("symbol", [SymbolFormat.QR, SymbolFormat.AZTEC, SymbolFormat.DATAMATRIX])
def test_dark_mode_has_its_turn_within_ten_frames(reader: Reader, symbol: SymbolFormat) -> None:
    """A code in light on dark is read within one second too."""
    shown = frame(scene(ImageOps.invert(code(TWO_D_DOC, symbol, module_px=6))))
    assert (symbol, TWO_D_DOC) in set().union(*(found(reader.read(shown)) for _ in PLAN))


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_control_characters_of_a_datamatrix_survive(reader: Reader, quarter_turns: int) -> None:
    """GS and US separate the fields of a 2D-Doc: they arrive as they were written, however it is turned."""
    drawn = code(TWO_D_DOC, SymbolFormat.DATAMATRIX, module_px=5).rotate(90 * quarter_turns, expand=True)
    assert found(reader.read_still(frame(scene(drawn)))) == {(SymbolFormat.DATAMATRIX, TWO_D_DOC)}


def test_bytes_that_are_no_text_survive(reader: Reader) -> None:
    """Binary content is handed over byte for byte."""
    data = bytes(range(256))
    assert found(reader.read_still(frame(scene(code(data))))) == {(SymbolFormat.QR, data)}


def test_two_passes_in_one_view_are_both_seen(reader: Reader) -> None:
    """Every symbol in a frame is returned, never the first alone."""
    other = PASS[::-1]
    shown = frame(scene(code(), code(other)))
    assert {symbol.data for symbol in reader.read(shown)} == {PASS, other}


def test_the_same_bytes_are_returned_once(reader: Reader) -> None:
    """A pass and its reflection are one candidate."""
    assert [symbol.data for symbol in reader.read(frame(scene(code(), code())))] == [PASS]


def test_rows_may_be_further_apart_than_they_are_wide(reader: Reader) -> None:
    """A camera's padding is no part of the picture, with a treatment or without."""
    shown = frame(scene(code(), at=(700, 300), size=(1270, 960)), stride=1344)
    for _ in PLAN[:3]:
        assert [symbol.data for symbol in reader.read(shown)] == [PASS]


def test_a_larger_frame_than_any_before_is_read(reader: Reader) -> None:
    """The shared memory grows with the frames, and smaller ones still work."""
    large = frame(scene(code(), at=(1900, 1500), size=(2592, 1944)))
    assert reader.read(frame(scene(code())))
    (symbol,) = reader.read_still(large)
    assert symbol.data == PASS
    assert all(x > 1900 and y > 1500 for x, y in symbol.corners)
    assert reader.read(frame(scene(code())))
    assert reader.kills == 0


def test_a_buffer_that_is_too_short_is_refused(reader: Reader) -> None:
    """A frame that lies about its size is our own fault, and says so before any decoding."""
    with pytest.raises(ValueError, match="no frame of 1280 by 960"):
        reader.read(Frame(memoryview(bytes(1000)), 1280, 960, 1280, 0))


def test_an_empty_room_holds_no_symbol(reader: Reader) -> None:
    """No code, no symbol; not in a stream, not in a single picture."""
    empty = frame(scene())
    assert [reader.read(empty) for _ in PLAN] == [[]] * len(PLAN)
    assert reader.read_still(empty) == []


@pytest.mark.parametrize(
    "treatment",
    [
        Attempt(0),
        Attempt.HALF,
        Attempt.DOUBLE,
        Attempt.SMOOTH,
        Attempt.SHARPEN,
        Attempt.HALF | Attempt.SHARPEN,
        Attempt.SHARPEN | Attempt.DOUBLE,
    ],
)
def test_corners_are_in_the_frames_pixels(treatment: Attempt) -> None:
    """Whatever was done to the frame before decoding, corners point into the frame itself."""
    drawn = code(module_px=6)
    shown = frame(scene(drawn, at=(240, 180)))
    answer = decode(Attempt.QR | treatment, shown.luma, shown.width, shown.height, shown.stride)
    assert COUNTS.unpack_from(answer) == (1, 0)
    _, *corners, _ = FOUND.unpack_from(answer, COUNTS.size)
    left, top = 240 + 4 * 6, 180 + 4 * 6
    right, bottom = 240 + drawn.width - 4 * 6, 180 + drawn.height - 4 * 6
    assert corners == pytest.approx([left, top, right, top, right, bottom, left, bottom], abs=4)


def test_what_was_seen_but_not_read_gets_a_second_look(reader: Reader) -> None:
    """A pass out of focus is read from the very frame in which it was noticed."""
    for sigma in (1.8, 1.9, 2.0, 2.1, 2.2, 2.3, 2.4):
        shown = frame(scene(code()).filter(ImageFilter.GaussianBlur(sigma)))
        read, seen = COUNTS.unpack_from(decode(PLAN[0], shown.luma, 1280, 960, 1280))
        if not read and seen:
            break
    else:
        pytest.fail("no blur lets the code be seen, yet not read: the test needs another picture")
    assert [symbol.data for symbol in reader.read(shown)] == [PASS]


@pytest.mark.parametrize(
    ("first_pixel", "words"),
    [(1, "killed"), (2, "ended"), (3, "ended"), (4, "ended"), (5, "ended")],
    ids=["endless", "exits", "raises", "babbles", "unknown format"],
)
def test_a_lost_decoder_is_an_event_and_the_next_frame_is_read(
    tricky: Reader, first_pixel: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A frame that the decoder does not survive costs that frame alone, and tells nothing of it."""
    good = scene(code())
    assert tricky.read(frame(good))
    with pytest.raises(DecoderHangError, match=words) as caught:
        tricky.read(frame(good, first_pixel=first_pixel))
    assert tricky.kills == 1
    assert tricky.read(frame(good))
    assert tricky.kills == 1
    assert caught.value.__cause__ is None
    assert capfd.readouterr() == ("", "")


def test_a_decoder_that_never_starts_is_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation makes each frame an event; it neither blocks nor escapes."""
    monkeypatch.setattr(reader_module, "START_MS", 50)
    monkeypatch.setattr(reader_module, "START_MOST_MS", 50)
    asleep = (sys.executable, "-I", "-c", "import signal; signal.pause()")
    for command in (asleep, ("/bin/false",)):
        with Reader(command=command) as broken:
            for _ in range(2):
                with pytest.raises(DecoderHangError):
                    broken.read(frame(scene()))
            assert broken.kills == 2


def test_a_decoder_that_starts_slowly_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame meanwhile is an event, within its bound; the decoder is not replaced, and then it reads."""
    monkeypatch.setattr(reader_module, "START_MS", 20)
    slow = (*COMMAND_LINE[:-1], f"import time; time.sleep(1); {COMMAND_LINE[-1]}")
    with Reader(command=slow) as reader:
        shown = frame(scene(code()))
        told: list[str] = []
        found: list[Symbol] = []
        while not found and len(told) < 500:
            try:
                found = reader.read(shown)
            except DecoderHangError as error:
                told.append(str(error))
        assert [symbol.data for symbol in found] == [PASS]
        assert set(told) == {"the decoder is still starting"}
        assert reader.kills == 0


def held_by_this_process() -> tuple[list[str], list[str], int]:
    """Its open descriptors, its children (zombies too), and how many frames it has mapped."""
    own = Path("/proc/self")
    children = " ".join(one.read_text() for one in own.glob("task/*/children")).split()
    maps = (own / "maps").read_text(encoding="utf-8")
    return sorted(os.listdir(own / "fd")), sorted(children), maps.count("doorcheck-frame")  # noqa: PTH208


def test_fifty_restarts_leave_nothing_behind() -> None:
    """No descriptor, no zombie and no memory of a lost decoder stays."""
    empty = frame(scene(size=(64, 64)))
    before = held_by_this_process()
    with Reader(command=("/bin/false",)) as broken:
        for _ in range(50):
            with pytest.raises(DecoderHangError):
                broken.read(empty)
    broken.close()
    assert held_by_this_process() == before


def decoder_of(process: int) -> int:
    """The process id of another process's only child."""
    return int(Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()[0])


def ended(pidfd: int, within_ms: int) -> bool:
    """Whether the process behind a descriptor has ended, waiting for it at most that long."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(within_ms))


@pytest.mark.parametrize(
    ("script", "within_ms"),
    [
        ("import sys\nfrom doorcheck.edge.reader import Reader\nr = Reader()", 10_000),
        pytest.param(
            "import sys, threading\n"
            "from doorcheck.edge.frame import Frame\n"
            "from doorcheck.edge.reader import Reader\n"
            "r = Reader(60_000, 1000, (sys.executable, '-I', '-c', sys.argv[1]))\n"
            "r.deadline_ms = 1000\n"
            "bad = Frame(memoryview(b'\\x01' * 64), 8, 8, 8, 0)\n"
            "r._decoder.show(bad)\n"
            "import time\n"
            "threading.Thread(target=r._decoder.ask, args=(1, bad, time.monotonic() + 1)).start()",
            30_000,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["idle", "in an endless loop"],
)
def test_a_decoder_dies_with_its_parent(script: str, within_ms: int) -> None:
    """No decoder outlives a killed door, not even one that loops for ever on a frame."""
    whole = f"{script}\nprint('ready', flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", whole, TRICKY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"ready\n"
        pidfd = os.pidfd_open(decoder_of(parent.pid))
        assert not ended(pidfd, 0)
        parent.send_signal(signal.SIGKILL)
    try:
        assert ended(pidfd, within_ms)
    finally:
        os.close(pidfd)


def test_a_decoder_holds_what_it_needs_and_no_more() -> None:
    """It has no open file of ours, may dump no core, and its environment and arguments hold no secret."""
    leak = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        with Reader(deadline_ms=20_000) as fresh:
            assert fresh.read(frame(scene(code())))
            process = Path(f"/proc/{decoder_pid(fresh)}")
            descriptors = {link.name: str(link.readlink()) for link in (process / "fd").iterdir()}
            limits = (process / "limits").read_text(encoding="ascii")
            environment = (process / "environ").read_bytes()
            arguments = (process / "cmdline").read_bytes()
    finally:
        os.close(leak)
    assert descriptors["2"] == "/dev/null"
    assert all("doorcheck-frame" in link for number, link in descriptors.items() if int(number) > 2)
    assert limits.split("Max core file size")[1].split()[0] == "0"
    assert limits.split("Max address space")[1].split()[0] != "unlimited"
    names = {entry.partition(b"=")[0].decode() for entry in environment.split(b"\0") if entry}
    assert names == set(ENVIRONMENT)
    assert arguments.decode().split("\0")[:-2] == list(COMMAND_LINE)


def decoder_pid(reader: Reader) -> int:
    """The process id of the reader's decoder."""
    decoder = reader._decoder
    assert decoder
    return decoder.pid


def test_no_symbol_shows_what_it_holds(reader: Reader) -> None:
    """A visitor's bytes are in no `repr`."""
    symbols = reader.read(frame(scene(code())))
    assert symbols
    assert "NCF" not in repr(symbols)
