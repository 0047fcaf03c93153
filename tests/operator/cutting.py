"""A disk that is cut off after so many steps, and forgets what was not flushed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from doorcheck.edge.disk import Disk


class CutError(BaseException):
    """The process is gone: no `except` of the program may see it, and nothing more is written."""


class CuttingDisk(Disk):
    """Does `steps` changes, then none. `lose` undoes every change of a name whose folder was not flushed.

    That is harsher than a journal, which loses the newest changes only: here an older one
    may be lost and a newer one kept.
    """

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.trash = Path(tempfile.mkdtemp(prefix="cutting-"))
        self.unflushed: list[tuple[set[Path], Callable[[], object]]] = []

    def _step(self) -> None:
        if self.left <= 0:
            raise CutError
        self.left -= 1

    def _aside(self, path: Path) -> Path:
        aside = Path(tempfile.mkdtemp(dir=self.trash)) / "kept"
        path.rename(aside)
        return aside

    def _note(self, undo: Callable[[], object], *folders: Path) -> None:
        self.unflushed.append((set(folders), undo))

    def make_folder(self, path: Path, permissions: int = 0o777) -> None:
        """One step."""
        self._step()
        super().make_folder(path, permissions)
        self._note(lambda: shutil.rmtree(path), path.parent)

    @contextmanager
    def writing(self, path: Path, permissions: int | None = None) -> Iterator[Callable[[bytes], object]]:
        """Two steps: the file, and its data, of which half is there when the cut is in between."""
        self._step()
        self._note(lambda: path.unlink(), path.parent)
        try:
            with super().writing(path, permissions) as write:
                yield write
                self._step()
        except CutError:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            raise

    def link(self, existing: Path, path: Path) -> None:
        """One step."""
        self._step()
        super().link(existing, path)
        self._note(lambda: path.unlink(), path.parent)

    def rename(self, old: Path, new: Path) -> None:
        """One step."""
        self._step()
        before = self._aside(new) if new.exists() else None
        super().rename(old, new)

        def undo() -> None:
            if old.parent.is_dir():
                new.rename(old)
            else:
                self._aside(new)
            if before is not None:
                before.rename(new)

        self._note(undo, old.parent, new.parent)

    def remove(self, path: Path) -> None:
        """One step."""
        self._step()
        aside = self._aside(path)
        self._note(lambda: aside.rename(path), path.parent)

    def remove_folder(self, path: Path) -> None:
        """One step."""
        self._step()
        super().remove_folder(path)
        self._note(lambda: path.mkdir(), path.parent)

    def flush_folder(self, path: Path) -> None:
        """One step."""
        self._step()
        super().flush_folder(path)
        for folders, _ in self.unflushed:
            folders.discard(path)

    def lose(self) -> None:
        """The power was cut: what no flush had made durable is undone, as far as its folders are there."""
        for folders, undo in reversed(self.unflushed):
            if folders and all(folder.is_dir() for folder in folders):
                undo()
        self.unflushed.clear()

    def close(self) -> None:
        """Remove what was kept for undoing."""
        shutil.rmtree(self.trash)
