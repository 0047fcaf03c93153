"""A disk that remembers every change made to it, and what a power cut after any of them leaves.

Kept apart, as a file system keeps them apart: what a file holds and what of that reached
the card (a flush of the file), and which names a folder has and which of them reached the
card (a flush of the folder). A cut leaves all of it, or what was flushed, or anything in
between; `states` gives the trees.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doorcheck.edge.disk import Disk


class Kind(enum.Enum):
    """What was done to the disk."""

    MAKE_FOLDER = "make folder"
    CREATE = "create"
    WRITE = "write"
    FLUSH = "flush"
    LINK = "link"
    SYMLINK = "symlink"
    RENAME = "rename"
    REMOVE = "remove"
    REMOVE_FOLDER = "remove folder"


@dataclass(frozen=True)
class Step:
    """One change; `other` is a link's target, or where something is renamed from."""

    kind: Kind
    path: Path
    other: str = ""
    data: bytes = b""


class RecordingDisk(Disk):
    """Does everything, and writes it down when it is done. Nothing waits for the real card."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def _note(self, kind: Kind, path: Path, other: str = "", data: bytes = b"") -> None:
        self.steps.append(Step(kind, path, other, data))

    def make_folder(self, path: Path, permissions: int = 0o777) -> None:
        """Make it."""
        super().make_folder(path, permissions)
        self._note(Kind.MAKE_FOLDER, path)

    @contextmanager
    def writing(self, path: Path, permissions: int | None = None) -> Iterator[Callable[[bytes], object]]:
        """Make and write it."""
        with super().writing(path, permissions) as write:
            self._note(Kind.CREATE, path)

            def noted(data: bytes) -> None:
                write(data)
                self._note(Kind.WRITE, path, data=bytes(data))

            yield noted

    def link(self, existing: Path, path: Path) -> None:
        """Link it."""
        super().link(existing, path)
        self._note(Kind.LINK, path, str(existing))

    def symlink(self, target: str, path: Path) -> None:
        """Link it."""
        super().symlink(target, path)
        self._note(Kind.SYMLINK, path, target)

    def rename(self, old: Path, new: Path) -> None:
        """Rename it."""
        super().rename(old, new)
        self._note(Kind.RENAME, new, str(old))

    def remove(self, path: Path) -> None:
        """Remove it."""
        super().remove(path)
        self._note(Kind.REMOVE, path)

    def remove_folder(self, path: Path) -> None:
        """Remove it."""
        super().remove_folder(path)
        self._note(Kind.REMOVE_FOLDER, path)

    def _flush(self, handle: int) -> None:
        self._note(Kind.FLUSH, Path(f"/proc/self/fd/{handle}").readlink())


# The model


@dataclass(eq=False)
class File:
    """What it holds, and what of that is on the card for sure."""

    data: bytes = b""
    flushed: bytes = b""


@dataclass(eq=False)
class Link:
    """A symbolic link; it is what it is from the beginning, as its name."""

    target: str


@dataclass(eq=False)
class Folder:
    """Which names are on the card for sure; the changes since then are in the model's list."""

    names: dict[str, Node] = field(default_factory=dict)


Node = File | Link | Folder
Change = Callable[[dict[str, Node]], object]
Data = Callable[[File], bytes]
Tree = dict[str, bytes | str | None]
"""Path to contents: bytes of a file, text of a link, None for a folder."""


@dataclass(frozen=True)
class Pending:
    """A change of a folder's names that may or may not survive."""

    folder: Folder
    change: Change


class Model:
    """A folder and what has been done in it. Paths are absolute, under `root`."""

    def __init__(self, root: Path) -> None:
        """Everything that is there now is on the card."""
        self.root = root
        self._nodes: dict[tuple[int, int], File] = {}
        self._top = self._read(root)
        self.pending: list[Pending] = []

    def _read(self, path: Path) -> Folder:
        folder = Folder()
        for inside in sorted(path.iterdir()):
            if inside.is_symlink():
                folder.names[inside.name] = Link(str(inside.readlink()))
            elif inside.is_dir():
                folder.names[inside.name] = self._read(inside)
            else:
                status, data = inside.stat(), inside.read_bytes()
                node = self._nodes.setdefault((status.st_dev, status.st_ino), File(data, data))
                folder.names[inside.name] = node
        return folder

    def apply(self, step: Step) -> None:
        """Do it in the model too."""
        name, folder = step.path.name, None if step.path == self.root else self._folder(step.path.parent)
        match step.kind:
            case Kind.WRITE:
                file = self._node(step.path)
                assert isinstance(file, File)
                file.data += step.data
            case Kind.FLUSH:
                self._flush(self._node(step.path))
            case Kind.RENAME:
                assert Path(step.other).parent == step.path.parent, "renamed across folders"
                old = Path(step.other).name
                self._change(folder, lambda names: _rename(names, old, name))
            case Kind.REMOVE | Kind.REMOVE_FOLDER:
                self._change(folder, lambda names: names.pop(name, None))
            case Kind.LINK:
                linked = self._node(Path(step.other))
                self._change(folder, lambda names: names.update({name: linked}))
            case Kind.MAKE_FOLDER | Kind.CREATE | Kind.SYMLINK:
                made = _new(step)
                self._change(folder, lambda names: names.update({name: made}))

    def _change(self, folder: Folder | None, change: Change) -> None:
        assert folder is not None
        self.pending.append(Pending(folder, change))

    def _flush(self, node: Node) -> None:
        if isinstance(node, File):
            node.flushed = node.data
            return
        assert isinstance(node, Folder)
        node.names = self._names(node, self.pending)
        self.pending = [one for one in self.pending if one.folder is not node]

    @staticmethod
    def _names(folder: Folder, survived: list[Pending]) -> dict[str, Node]:
        names = dict(folder.names)
        for one in survived:
            if one.folder is folder:
                one.change(names)
        return names

    def _node(self, path: Path) -> Node:
        node: Node = self._top
        for part in path.relative_to(self.root).parts:
            assert isinstance(node, Folder)
            node = self._names(node, self.pending)[part]
        return node

    def _folder(self, path: Path) -> Folder:
        node = self._node(path)
        assert isinstance(node, Folder)
        return node

    # After a cut

    def tree(self, survived: list[Pending] | None = None, data: Data | None = None) -> Tree:
        """What is there if those changes of names survived, and of the files that data; None: all."""
        kept = self.pending if survived is None else survived
        found: Tree = {}

        def walk(folder: Folder, place: str) -> None:
            for name, node in self._names(folder, kept).items():
                match node:
                    case Folder():
                        found[place + name] = None
                        walk(node, f"{place}{name}/")
                    case Link():
                        found[place + name] = node.target
                    case File():
                        found[place + name] = node.data if data is None else data(node)

        walk(self._top, "")
        return found

    def states(self, *, thorough: bool) -> Iterator[tuple[str, Tree]]:
        """Every tree that a cut now may leave, with how it comes about.

        Changes of names survive in their order, up to any of them; if `thorough`, also any
        of them alone, and all but any.
        """
        count, pending = len(self.pending), self.pending
        kinds = DATA if thorough else {kind: DATA[kind] for kind in ("kept", "lost")}
        survived = {f"the first {kept} of {count} names": pending[:kept] for kept in range(count + 1)}
        if thorough:
            for number in range(count):
                survived[f"name {number + 1} of {count} alone"] = pending[number : number + 1]
                survived[f"all {count} names but {number + 1}"] = pending[:number] + pending[number + 1 :]
        for names, changes in survived.items():
            for data, kept_data in kinds.items():
                yield f"{names}, data {data}", self.tree(changes, kept_data)


DATA: dict[str, Data] = {
    "kept": lambda file: file.data,
    "lost": lambda file: file.flushed,
    "torn": lambda file: file.data[: (len(file.flushed) + len(file.data) + 1) // 2],
    "zeros": lambda file: file.flushed + bytes(len(file.data) - len(file.flushed)),
}
"""What becomes of data that was not flushed."""


def _new(step: Step) -> Node:
    if step.kind is Kind.SYMLINK:
        return Link(step.other)
    return File() if step.kind is Kind.CREATE else Folder()


def _rename(names: dict[str, Node], old: str, new: str) -> None:
    node = names.pop(old, None)
    if node is not None:
        names[new] = node


def build(tree: Tree, folder: Path, store: Path) -> None:
    """Make a tree on the disk; the same data is one file in `store` with many names, for speed."""
    folder.mkdir()
    for name, content in tree.items():
        path = folder / name
        if content is None:
            path.mkdir()
        elif isinstance(content, str):
            path.symlink_to(content)
        else:
            kept = store / hashlib.sha256(content).hexdigest()
            if not kept.exists():
                kept.write_bytes(content)
            path.hardlink_to(kept)


def read(folder: Path) -> Tree:
    """What is really there."""
    model = Model(folder)
    return model.tree()
