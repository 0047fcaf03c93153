"""`doorcheck check`: what an operator gets for good input and for bad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from doorcheck.cli import main

AT = "2026-03-01T12:00:00Z"
EXPECTED = {
    "expired": ("REFUSE", "P-EXP"),
    "forged": ("REFUSE", "S-SIG"),
    "leaked": ("REFUSE", "R-UCI"),
    "menu": ("REFUSE", "D-PRE"),
    "recovery": ("ADMIT", "OK"),
    "replacement": ("ADMIT", "OK"),
    "test": ("ADMIT", "OK"),
    "unknown-signer": ("REFUSE", "S-UNK"),
    "valid": ("ADMIT", "OK"),
}

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's passes, trust list and deny list."""
    folder = tmp_path_factory.mktemp("passes")
    assert main(["lab", str(folder), "--at", AT]) == 0
    return folder


def lists(made: Path) -> list[str]:
    """The arguments that name the lab's lists and its time."""
    return ["--trust", str(made / "trust.dctl"), "--deny", str(made / "deny.txt"), "--at", AT]


def check(capsys: Capture, *arguments: str) -> tuple[int, list[dict[str, object]], str]:
    """Exit code, JSON lines and what was said on standard error."""
    code = main(["check", "--json", *arguments])
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err


def test_pictures_of_a_folder_are_judged_in_the_order_of_their_names(made: Path, capsys: Capture) -> None:
    """Each of the lab's pictures gets the outcome and the reason that its name tells."""
    code, told, errors = check(capsys, *lists(made), str(made))
    got = {Path(str(one["source"])).stem: (one["outcome"], one["reason"]) for one in told}
    assert got == EXPECTED
    assert list(got) == sorted(got)
    assert (code, errors) == (1, "")


def test_lines_of_text_keep_their_order_and_their_numbers(made: Path, capsys: Capture) -> None:
    """A text file gives the same verdicts as the pictures, with line numbers."""
    code, told, _ = check(capsys, *lists(made), str(made / "passes.txt"))
    assert [one["line"] for one in told] == list(range(1, len(EXPECTED) + 1))
    assert sorted((one["outcome"], one["reason"]) for one in told) == sorted(EXPECTED.values())
    assert all(set(one) >= {"source", "format", "signer", "milliseconds"} for one in told)
    assert code == 1


def test_all_admitted_is_exit_code_0(made: Path, capsys: Capture) -> None:
    """Only ADMIT for every pass gives 0."""
    code, told, _ = check(capsys, *lists(made), str(made / "valid.png"), str(made / "test.png"))
    assert code == 0
    assert [one["outcome"] for one in told] == ["ADMIT", "ADMIT"]


def test_without_a_trust_list_the_door_is_out_of_order(made: Path, capsys: Capture) -> None:
    """No list is no reason to trust anybody."""
    code, told, errors = check(capsys, "--at", AT, str(made / "valid.png"))
    assert code == 1
    assert (told[0]["outcome"], told[0]["reason"]) == ("OUT_OF_ORDER", "O-TRU")
    assert "no --trust" in errors


def test_bad_input_is_named_and_the_rest_is_judged(made: Path, tmp_path: Path, capsys: Capture) -> None:
    """Empty, truncated, huge, binary, missing, a folder without pictures: a line each, and exit code 2."""
    empty, cut, binary = tmp_path / "empty.png", tmp_path / "cut.png", tmp_path / "binary"
    empty.touch()
    cut.write_bytes((made / "valid.png").read_bytes()[:900])
    binary.write_bytes(bytes(range(256)) * 8)
    huge, folder = tmp_path / "huge.png", tmp_path / "folder"
    huge.write_bytes(_png_of(20_000, 10_000))
    folder.mkdir()
    bad = [empty, cut, binary, huge, folder, tmp_path / "missing"]
    code, told, errors = check(capsys, *lists(made), *map(str, bad), str(made / "valid.png"))
    assert code == 2
    assert [one["outcome"] for one in told] == ["ADMIT"]
    lines = errors.splitlines()
    assert [line.split(": ")[1] for line in lines] == [str(path) for path in bad]


def _png_of(width: int, height: int) -> bytes:
    """A header that announces so many pixels, and nothing behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_a_picture_without_a_code_is_refused_with_its_own_reason(
    made: Path, tmp_path: Path, capsys: Capture
) -> None:
    """No code is an answer, not an error."""
    Image.new("L", (300, 200), 128).save(tmp_path / "grey.png")
    code, told, _ = check(capsys, *lists(made), str(tmp_path / "grey.png"))
    assert code == 1
    assert [(one["outcome"], one["reason"]) for one in told] == [("REFUSE", "D-SYM")]


def test_text_as_people_save_it(made: Path, tmp_path: Path, capsys: Capture) -> None:
    """A byte-order mark, CRLF, empty lines and a missing last newline change nothing."""
    valid = (made / "passes.txt").read_bytes().splitlines()[0]
    (tmp_path / "lines.txt").write_bytes(b"\xef\xbb\xbf" + valid + b"\r\n\r\n" + valid)
    code, told, _ = check(capsys, *lists(made), str(tmp_path / "lines.txt"))
    assert code == 0
    assert [one["line"] for one in told] == [1, 3]


@pytest.mark.parametrize("data", [b"\x00\x01\x02" * 100, b""])
def test_binary_or_nothing_on_standard_input(made: Path, data: bytes) -> None:
    """One clear line, and exit code 2."""
    command = [sys.executable, "-m", "doorcheck.cli", "check", *lists(made), "-"]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1


def test_a_picture_on_standard_input(made: Path) -> None:
    """A pipe may carry a picture as well as text."""
    command = [sys.executable, "-m", "doorcheck.cli", "check", "--json", *lists(made), "-"]
    done = subprocess.run(command, input=(made / "valid.png").read_bytes(), capture_output=True, check=True)
    assert json.loads(done.stdout)["outcome"] == "ADMIT"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("--trust", b"", "not a doorcheck trust list"),
        ("--trust", b"doorcheck trust list 2\n" + bytes(99), "format 2 is not known here"),
        ("--trust", b"doorcheck trust list 1\n" + bytes(99), "damaged"),
        ("--deny", b"0123\n", "line 1 is not a SHA-256"),
        ("--deny", b"\xff\xfe", "line 1 is not text"),
        ("--trust", None, "no such file"),
        ("--deny", None, "no such file"),
    ],
)
def test_a_list_that_cannot_be_used_stops_everything(
    made: Path, tmp_path: Path, capsys: Capture, name: str, data: bytes | None, says: str
) -> None:
    """A corrupt, newer or missing list: one line, exit code 2, and nobody is judged."""
    path = tmp_path / "list"
    if data is not None:
        path.write_bytes(data)
    code, told, errors = check(capsys, *lists(made), name, str(path), str(made / "valid.png"))
    assert (code, told) == (2, [])
    assert says.lower() in errors.lower()
    assert str(path) in errors
    assert len(errors.splitlines()) == 1


def test_a_time_that_is_none(made: Path, capsys: Capture) -> None:
    """--at wants ISO 8601 and says so."""
    code, told, errors = check(capsys, str(made / "valid.png"), "--at", "tomorrow")
    assert (code, told) == (2, [])
    assert "2021-07-01" in errors


def test_the_time_decides(made: Path, capsys: Capture) -> None:
    """The same pass before its issue, in its period and after it."""
    reasons = []
    for at in ("2026-02-01", AT, "2027-06-01"):
        _, told, _ = check(capsys, *lists(made), "--at", at, str(made / "valid.png"))
        reasons.append(told[0]["reason"])
    assert reasons == ["P-IAT", "OK", "P-EXP"]


@pytest.mark.slow
def test_a_folder_of_ten_thousand_files(made: Path, tmp_path: Path, capsys: Capture) -> None:
    """Ten thousand files, nearly all of them no pictures: the pictures among them are judged."""
    for number in range(10_000):
        (tmp_path / f"{number:05}.txt").write_bytes(b"not a picture\n")
    os.link(made / "valid.png", tmp_path / "05000.png")
    code, told, errors = check(capsys, *lists(made), str(tmp_path))
    assert (code, errors) == (0, "")
    assert [one["outcome"] for one in told] == ["ADMIT"]
