"""Who may import whom, and how pure the core is: read from the source, nothing is run.

The contracts in pyproject.toml (`lint-imports`) follow chains of imports between our own
modules. This file looks closer at each module: what it names from outside, and what it calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "device" / "doorcheck"

# All that the core may use from outside. Nothing here can reach a file, a socket, a thread, a
# process, a clock or a random source, with what `_IMPURE_NAMES` takes away again.
_STANDARD_LIBRARY = """
    __future__ abc array base64 binascii bisect calendar collections contextlib copy dataclasses
    datetime decimal enum fractions functools hashlib heapq hmac io itertools json math operator
    re string struct types typing typing_extensions unicodedata zlib
"""
CORE_MAY_USE = {*_STANDARD_LIBRARY.split(), "cbor2", "cryptography", "doorcheck", "msgspec", "pycose"}


_IMPURE_NAMES = {
    "io": {"open", "open_code", "FileIO", "BufferedReader", "BufferedWriter", "TextIOWrapper"},
    "hashlib": {"file_digest"},
    "cryptography": {"x509"},  # hostile certificates are the operator's computer's work
}
_IMPURE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "compile", "breakpoint", "__import__"})
_CLOCK_CALLS = frozenset({"now", "utcnow", "today"})

# Which of our own modules a layer may never import; names after ":" are the exceptions.
FORBIDDEN = {
    "core": "cli commands config daemon edge lab operator update",
    "config": "cli commands daemon edge lab operator update",
    "edge": "cli commands daemon lab operator",
    "update": "cli commands daemon lab operator",
    "operator": "cli commands daemon lab edge:store,disk,denymap,reader,decoder,pictures,frame",
    "service": "cli commands lab operator",
    "daemon": "cli commands lab operator",
}

Found = tuple[int, str]
"""A line's number and what is wrong there."""


def imported(tree: ast.AST, module: str) -> Iterator[Found]:
    """Every dotted name that a module imports, with its line; relative imports resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def wrong_layers(source: str, module: str) -> list[Found]:
    """Imports of our own modules that the module's layer forbids."""
    layer = module.split(".")[1]
    found = []
    for line, name in imported(ast.parse(source), module):
        parts = name.split(".")
        for rule in FORBIDDEN.get(layer, "").split():
            forbidden, _, exceptions = rule.partition(":")
            if parts[:2] == ["doorcheck", forbidden] and parts[2:3] not in [
                [one] for one in exceptions.split(",")
            ]:
                found.append((line, f"{layer} imports {name}"))
    return found


def impurities(source: str) -> list[Found]:
    """What a module of the core imports or calls that reaches outside of its arguments."""
    tree = ast.parse(source)
    found = []
    for line, name in imported(tree, "doorcheck.core.any"):
        top, _, rest = name.partition(".")
        if top not in CORE_MAY_USE or rest.split(".")[0] in _IMPURE_NAMES.get(top, ()):
            found.append((line, f"imports {name}"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in _IMPURE_CALLS:
                found.append((node.lineno, f"calls {node.func.id}()"))
        elif isinstance(node, ast.Attribute):
            if node.attr in _CLOCK_CALLS:
                found.append((node.lineno, f"reads a clock with .{node.attr}"))
            elif isinstance(node.value, ast.Name) and node.attr in _IMPURE_NAMES.get(node.value.id, ()):
                found.append((node.lineno, f"uses {node.value.id}.{node.attr}"))
    return found


def modules() -> list[tuple[str, Path]]:
    """Every module of the package: its dotted name and its file."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found.append((".".join(parts), path))
    return found


def test_every_layer_keeps_to_its_place() -> None:
    """No module imports from above its layer; the operator's side takes only the store from the edge."""
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}: {what}"
        for name, path in modules()
        for line, what in wrong_layers(path.read_text(encoding="utf-8"), name)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_is_pure() -> None:
    """Decision code takes bytes and a time: it names no file, socket, thread or clock."""
    core = [path for name, path in modules() if name.startswith("doorcheck.core.")]
    assert core, "there is no core to look at"
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}: {what}"
        for path in core
        for line, what in impurities(path.read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "source",
    [
        "import socket",
        "import os.path",
        "from pathlib import Path",
        "import threading as t",
        "def f() -> None:\n    import time",
        "import logging, zlib",
        "import secrets",
        "from io import open",
        "import io\nio.open('f')",
        "import io\nio.FileIO('f')",
        "open('f')",
        "print('x')",
        "eval('1')",
        "from datetime import datetime\ndatetime.now()",
        "from datetime import datetime as d\nd.now(None)",
        "import datetime\ndatetime.datetime.utcnow()",
        "from datetime import date\ndate.today()",
        "from datetime import date\nclock = date.today",
        "from cryptography import x509",
    ],
)
def test_an_impure_core_is_noticed(source: str) -> None:
    """Each way out of the core is seen, so that the test above can fail."""
    assert impurities(source)


@pytest.mark.parametrize(
    "source",
    [
        "import io\nstream = io.BytesIO(b'')",
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
        "from doorcheck.core import cbor\nfrom . import trust",
        "def at(now: int) -> int:\n    return now",
        "from cryptography.hazmat.primitives.asymmetric import ec",
    ],
)
def test_a_pure_core_is_left_alone(source: str) -> None:
    """What the core needs for its work raises no alarm."""
    assert not impurities(source)
    assert not wrong_layers(source, "doorcheck.core.example")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("doorcheck.core.rules", "import doorcheck.edge.clock"),
        ("doorcheck.core.rules", "from doorcheck import lab"),
        ("doorcheck.core.rules", "from ..edge import clock"),
        ("doorcheck.edge.reader", "from doorcheck.operator import importers"),
        ("doorcheck.edge.reader", "from doorcheck.lab.issuer import Issuer"),
        ("doorcheck.operator.publish", "from doorcheck.edge.panel import Lamps"),
        ("doorcheck.operator.publish", "from doorcheck.edge import panel"),
        ("doorcheck.daemon", "import doorcheck.lab"),
    ],
)
def test_a_wrong_layer_is_noticed(module: str, source: str) -> None:
    """Each layer's ban is seen, however the import is written."""
    assert wrong_layers(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("doorcheck.operator.publish", "from doorcheck.edge.store import write"),
        ("doorcheck.operator.publish", "from doorcheck.edge import store"),
        ("doorcheck.lab.door", "from doorcheck.edge import panel\nimport doorcheck.daemon"),
        ("doorcheck.commands.demo", "from doorcheck.lab import issuer\nfrom doorcheck.edge import panel"),
    ],
)
def test_a_right_layer_is_left_alone(module: str, source: str) -> None:
    """The one exception, and the layers that may use everything below them."""
    assert not wrong_layers(source, module)
