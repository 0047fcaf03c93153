"""HTML in which nothing that a box said can be more than text."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

from deploy.report.contact import clean


class Html(str):
    """Markup that is safe as it is; any other text is escaped where it meets one."""

    __slots__ = ()


EMPTY: Final = Html("")
Child = str | int | None


def text(value: object) -> Html:
    """A value as text, its invisible characters shown as marks."""
    return value if isinstance(value, Html) else Html(html.escape(clean(str(value))))


def join(*children: Child) -> Html:
    """One after the other, without anything in between; None is nothing."""
    return Html("".join(text(child) for child in children if child is not None))


def tag(name: str, *children: Child, **attributes: Child) -> Html:
    """An element. `class_` is the attribute class, `aria_label` aria-label; None leaves one out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{told}>{join(*children)}</{name}>")


def with_commands(words: str) -> Html:
    """Words in which what stands between backticks is a command."""
    parts = enumerate(words.split("`"))
    return join(*(tag("code", part) if number % 2 else part for number, part in parts))


def listed(children: Iterable[Html]) -> Html:
    """One after the other, with commas."""
    return Html(", ".join(children))
