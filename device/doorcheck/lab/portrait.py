"""Pictures of the simulated door for the documents, drawn without a terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMNS: Final = 80


def export(renderable: RenderableType, path: Path, title: str, columns: int = COLUMNS) -> None:
    """Write the renderable, as an 80-column terminal would show it, to an SVG file at `path`.

    The same renderable and title give the same bytes, on every machine: the picture asks
    for no font from the network and holds no date. Raises `OSError` when it can't write.
    """
    from rich.console import Console

    console = Console(
        record=True,
        file=io.StringIO(),
        width=columns,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    console.print(renderable)
    picture = console.export_svg(title=title, code_format=_code_format(), unique_id="doorcheck")
    path.write_text(picture, encoding="utf-8", newline="\n")


def _code_format() -> str:
    """The frame that rich draws, without its web fonts, and with spaces kept by every viewer."""
    from rich._export_format import CONSOLE_SVG_FORMAT

    local = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    local = local.replace('xmlns="', 'xml:space="preserve" xmlns="', 1)
    return local.replace("Fira Code, monospace", "DejaVu Sans Mono, Menlo, Consolas, monospace")
