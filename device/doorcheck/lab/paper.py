"""A drawing as a file: PDF pages for a printer, or SVG for a document."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from doorcheck.lab.drawing import Outline, Sheet, Words
from doorcheck.lab.typesetting import POINT_MM, encoded, width_mm

_FONTS = {False: "F1", True: "F2"}
_NAMES = {"F1": "Helvetica", "F2": "Helvetica-Bold"}


def pdf(sheets: Sequence[Sheet], title: str) -> bytes:
    """The sheets as one PDF file (ISO 32000-1), the same bytes for the same sheets: it holds no date."""
    fonts = {name: 3 + number for number, name in enumerate(_NAMES)}
    first = 3 + len(fonts) + 1
    pages = [first + 2 * number for number in range(len(sheets))]
    kids = " ".join(f"{page} 0 R" for page in pages)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        *(
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
            for name in _NAMES.values()
        ),
        b"<< /Title (" + _literal(encoded(title)) + b") /Producer (doorcheck) >>",
    ]
    resources = " ".join(f"/{name} {number} 0 R" for name, number in fonts.items())
    for page, sheet in zip(pages, sheets, strict=True):
        size = f"{sheet.width_mm / POINT_MM:.2f} {sheet.height_mm / POINT_MM:.2f}"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size}] /Contents {page + 1} 0 R "
            f"/Resources << /Font << {resources} >> >> >>".encode()
        )
        stream = zlib.compress(_stream(sheet), 9)
        objects.append(
            f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode() + stream + b"\nendstream"
        )
    return _file(objects, info=first - 1)


def svg(sheet: Sheet) -> str:
    """The sheet as an SVG picture."""
    width, height = _number(sheet.width_mm), _number(sheet.height_mm)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" '
        f'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, Liberation Sans, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    lines += [
        _svg_words(shape) if isinstance(shape, Words) else _svg_outline(shape) for shape in sheet.shapes
    ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _svg_words(words: Words) -> str:
    weight = ' font-weight="bold"' if words.bold else ""
    if words.align:
        weight += f' text-anchor="{"middle" if words.align < 1 else "end"}"'
    x, y = map(_number, words.at)
    size = _number(words.size_pt * POINT_MM)
    return f'<text x="{x}" y="{y}" font-size="{size}"{weight} fill="{words.ink}">{escape(words.text)}</text>'


def _svg_outline(outline: Outline) -> str:
    ends = "Z" if outline.closed else ""
    path = "".join(
        f"M{'L'.join(f'{_number(x)} {_number(y)}' for x, y in ring)}{ends}" for ring in outline.rings
    )
    look = f'fill="{outline.fill or "none"}"'
    if outline.stroke:
        look += f' stroke="{outline.stroke}" stroke-width="{_number(outline.stroke_mm)}"'
        look += ' stroke-linejoin="round" stroke-linecap="round"'
    if outline.dash_mm:
        look += f' stroke-dasharray="{_number(outline.dash_mm)}"'
    return f'<path d="{path}" {look}/>'


def _stream(sheet: Sheet) -> bytes:
    """A page's content: its axes are turned and scaled once, so that all numbers are millimetres."""
    scale = 1 / POINT_MM
    head = f"{scale:.6f} 0 0 {-scale:.6f} 0 {sheet.height_mm * scale:.4f} cm 1 j 1 J".encode()
    parts = [_pdf_words(shape) if isinstance(shape, Words) else _pdf_outline(shape) for shape in sheet.shapes]
    return b"\n".join([head, *parts])


def _pdf_words(words: Words) -> bytes:
    left = words.at[0] - words.align * width_mm(words.text, words.size_pt, bold=words.bold)
    x, y = _number(left), _number(words.at[1])
    size = _number(words.size_pt * POINT_MM)
    place = f"BT {_colour(words.ink)} rg /{_FONTS[words.bold]} {size} Tf 1 0 0 -1 {x} {y} Tm (".encode()
    return place + _literal(encoded(words.text)) + b") Tj ET"


def _pdf_outline(outline: Outline) -> bytes:
    look = f"{_colour(outline.fill)} rg " if outline.fill else ""
    if outline.stroke:
        dash = f"[{_number(outline.dash_mm)}] 0 d" if outline.dash_mm else "[] 0 d"
        look += f"{_colour(outline.stroke)} RG {_number(outline.stroke_mm)} w {dash} "
    paint = {(True, True): "B", (True, False): "f", (False, True): "S", (False, False): "n"}
    ends = " h" if outline.closed else ""
    path = " ".join(" ".join(_moves(ring)) + ends for ring in outline.rings)
    return f"{look}{path} {paint[bool(outline.fill), bool(outline.stroke)]}".encode()


def _moves(ring: Iterable[tuple[float, float]]) -> Iterable[str]:
    for number, (x, y) in enumerate(ring):
        yield f"{_number(x)} {_number(y)} {'l' if number else 'm'}"


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _colour(colour: str) -> str:
    return " ".join(_number(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))


def _literal(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _file(objects: Sequence[bytes], info: int) -> bytes:
    """The objects, numbered from 1, with the table that says where each begins."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for place in places:
        out += f"{place:010} 00000 n \n".encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {info} 0 R >>\n".encode()
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())
