"""`doorcheck lab`: test passes of invented people, with the lists to judge them."""

from __future__ import annotations

import argparse
import io
import json
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

import zxingcpp
from PIL import Image, ImageDraw, ImageFont

from doorcheck.commands import arguments as words
from doorcheck.commands.arguments import InputError
from doorcheck.core.denylist import digest
from doorcheck.edge.store import StoreError, write_atomically
from doorcheck.lab import issuer, story

EXAMPLES = """\
examples:
  doorcheck lab passes/                 valid for a year from now
  doorcheck lab passes/ --at 2021-10-01 as if issued around that day
  doorcheck check --trust passes/trust.dctl --deny passes/deny.txt passes/

It writes one picture a pass, `passes.txt` with one pass a line, `trust.dctl` and
`deny.txt`. The authority's key is made for this call and forgotten: nobody can issue
more. Its passes carry the TEST signal at every door.
exit codes: 0 written, 2 the folder can't be written
"""
_MODULE_PX = 6
_CAPTION_PX = 28


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="folder to write to; made when it is not there"
    )
    parser.add_argument(
        "--at", metavar="TIME", help="the passes are good around that time, ISO 8601 (default: now)"
    )
    parser.add_argument("--json", action="store_true", help="print what was written as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Mint the passes of the demo's story and write them."""
    folder: Path = arguments.folder
    try:
        moment = datetime.now(UTC) if arguments.at is None else words.time(arguments.at)
        folder.mkdir(parents=True, exist_ok=True)
        written = [write(folder / name, data) for name, data in _files(moment).items()]
    except (InputError, StoreError) as error:
        print(f"doorcheck lab: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"doorcheck lab: {folder}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps({"written": written, "at": moment.isoformat()}))
    else:
        print(f"{len(written)} files in {folder}, good around {moment:%Y-%m-%d %H:%M} UTC; next:")
        print(f"  doorcheck check --trust {folder}/trust.dctl --deny {folder}/deny.txt {folder}")
    return 0


def write(path: Path, data: bytes) -> str:
    """Write one file; its name."""
    write_atomically(path, data)
    return path.name


def _files(moment: datetime) -> dict[str, bytes]:
    told = story.compose(moment, secrets.token_bytes(32))
    leaked = digest(issuer.identifier("leaked").encode()).hex()
    return {
        **{f"{name}.png": picture(data, f"TEST  {name}") for name, data in told.passes.items()},
        "passes.txt": b"".join(data + b"\n" for data in told.passes.values()),
        "trust.dctl": told.trust.dump(),
        "deny.txt": f"# the leaked pass, by its identifier\n{leaked}\n".encode(),
    }


def picture(data: bytes, caption: str) -> bytes:
    """A PNG of the code with a caption under it."""
    code = zxingcpp.create_barcode(data.decode("ascii"), zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
    drawn = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=_MODULE_PX, add_quiet_zones=True))
    sheet = Image.new("L", (drawn.width, drawn.height + _CAPTION_PX), 255)
    sheet.paste(drawn)
    font = ImageFont.load_default(size=_CAPTION_PX * 2 // 3)
    ImageDraw.Draw(sheet).text((_MODULE_PX * 4, drawn.height), caption, fill=0, font=font)
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()
