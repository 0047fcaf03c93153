"""A disk that loses at a power cut what was not flushed: QEMU's own files lose nothing when it is killed.

A small server of the network block device protocol (fixed newstyle, without structured replies) lies
between QEMU and the overlay's blocks. What the machine writes stays here until it asks for a flush, as
in the cache of a card. `cut` then does what a card may do: of the blocks that were not flushed, some were
written and some were not, in no order (at random, from a seed).

    https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

from __future__ import annotations

import contextlib
import copy
import os
import random
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

BLOCK: Final = 4096
NBD_MAGIC: Final = 0x4E42444D41474943
OPTION_MAGIC: Final = 0x49484156454F5054
REPLY_MAGIC: Final = 0x3E889045565A9
REQUEST: Final = struct.Struct(">IHHQQI")
ANSWER: Final = struct.Struct(">IIQ")
EXPORT_NAME, ABORT, GO = 1, 2, 7
READ, WRITE, DISC, FLUSH, ZEROES = 0, 1, 2, 3, 6
FLAGS: Final = 1 | 4 | 64
"""Has flags, can flush, can write zeroes."""
ACK, INFO, UNSUPPORTED = 1, 3, (1 << 31) + 1


class VolatileDisk:
    """A base file that is never written, the blocks that are safe, and those that a cut may lose."""

    def __init__(self, base: Path, size_bytes: int) -> None:
        self.size_bytes, self._path = size_bytes, base
        self._base: IO[bytes] = base.open("rb")
        self._base_bytes = base.stat().st_size
        self._safe: dict[int, bytes] = {}
        self._loose: dict[int, bytes] = {}
        self._lock = threading.Lock()
        self.flushes = 0
        self.before_flush: Callable[[], None] = lambda: None
        """Told when the machine asks for a flush, before anything of that is safe: the worst moment."""

    def read(self, offset: int, length: int) -> bytes:
        """What the machine sees: the newest, flushed or not."""
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        with self._lock:
            data = b"".join(self._block(number) for number in range(first, last + 1))
        start = offset - first * BLOCK
        return data[start : start + length]

    def write(self, offset: int, data: bytes) -> None:
        """Into the cache."""
        view, at = memoryview(data), 0
        with self._lock:
            while at < len(view):
                number, into = divmod(offset + at, BLOCK)
                piece = view[at : at + BLOCK - into]
                if len(piece) == BLOCK:
                    self._loose[number] = bytes(piece)
                else:
                    whole = bytearray(self._block(number))
                    whole[into : into + len(piece)] = piece
                    self._loose[number] = bytes(whole)
                at += len(piece)

    def flush(self) -> None:
        """Everything written so far is safe."""
        self.before_flush()
        with self._lock:
            self._safe.update(self._loose)
            self._loose.clear()
            self.flushes += 1

    def cut(self, chance: random.Random) -> tuple[int, int]:
        """Power is gone: how many blocks were not flushed, and how many of them are lost."""
        with self._lock:
            loose = len(self._loose)
            share = chance.random()
            kept = {number: data for number, data in self._loose.items() if chance.random() < share}
            self._safe.update(kept)
            self._loose.clear()
        return loose, loose - len(kept)

    def as_if_cut(self, chance: random.Random) -> tuple[VolatileDisk, int, int]:
        """The disk as a cut at this instant would have left it, and what `cut` tells; this one goes on."""
        left = copy.copy(self)
        left._lock, left.before_flush = threading.Lock(), lambda: None
        with self._lock:
            left._safe, left._loose = dict(self._safe), dict(self._loose)
        return left, *left.cut(chance)

    def write_to(self, path: Path) -> None:
        """The whole disk as a file."""
        subprocess.run(["/bin/cp", "--sparse=always", self._path, path], check=True)
        with path.open("r+b") as file, self._lock:
            file.truncate(self.size_bytes)
            for number, data in sorted({**self._safe, **self._loose}.items()):
                file.seek(number * BLOCK)
                file.write(data)

    def close(self) -> None:
        """Give the base back, which copies as if cut share."""
        self._base.close()

    def _block(self, number: int) -> bytes:
        found = self._loose.get(number) or self._safe.get(number)
        if found is not None:
            return found
        offset = number * BLOCK
        if offset >= self._base_bytes:
            return bytes(BLOCK)
        return os.pread(self._base.fileno(), BLOCK, offset).ljust(BLOCK, b"\0")


class Server:
    """Serves one disk on a socket, to one QEMU after the other, in a thread."""

    def __init__(self, disk: VolatileDisk, path: Path) -> None:
        self.disk = disk
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(4)
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="disk", daemon=True)
        self._thread.start()

    def drop(self) -> None:
        """Hear nothing more of the machine that was cut."""
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Serve nobody any more."""
        self.drop()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                self._client, _ = self._listener.accept()
            except OSError:
                return
            with self._client as client, contextlib.suppress(OSError, EOFError):
                if self._agree(client):
                    while self._turn(client):
                        pass

    def _agree(self, client: socket.socket) -> bool:
        """The handshake; whether requests follow."""
        client.sendall(struct.pack(">QQH", NBD_MAGIC, OPTION_MAGIC, 3))
        (flags,) = struct.unpack(">I", _exactly(client, 4))
        while True:
            _, option, length = struct.unpack(">QII", _exactly(client, 16))
            _exactly(client, length)
            if option == EXPORT_NAME:
                client.sendall(struct.pack(">QH", self.disk.size_bytes, FLAGS))
                client.sendall(bytes(0 if flags & 2 else 124))
                return True
            if option == GO:
                export = struct.pack(">HQH", 0, self.disk.size_bytes, FLAGS)
                client.sendall(struct.pack(">QIII", REPLY_MAGIC, option, INFO, len(export)) + export)
                client.sendall(struct.pack(">QIII", REPLY_MAGIC, option, ACK, 0))
                return True
            answer = ACK if option == ABORT else UNSUPPORTED
            client.sendall(struct.pack(">QIII", REPLY_MAGIC, option, answer, 0))
            if option == ABORT:
                return False

    def _turn(self, client: socket.socket) -> bool:
        """One request; whether more may follow."""
        _, _, what, handle, offset, length = REQUEST.unpack(_exactly(client, REQUEST.size))
        data, disk = b"", self.disk
        if what == READ:
            data = disk.read(offset, length)
        elif what == WRITE:
            disk.write(offset, _exactly(client, length))
        elif what == ZEROES:
            disk.write(offset, bytes(length))
        elif what == FLUSH:
            disk.flush()
        elif what == DISC:
            return False
        client.sendall(ANSWER.pack(0x67446698, 0, handle) + data)
        return True


def _exactly(client: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        piece = client.recv(min(length - len(data), 1 << 20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)
