"""Follows log files by name, across rotation and restarts."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

# Read at most this much of a file in one go (bytes), so that a large backlog does not fill the memory.
CHUNK = 1 << 20


@dataclass
class Position:
    """How far a file has been shipped: the file by its inode, the offset in bytes."""

    inode: int = 0
    offset: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the position for the state file."""
        return asdict(self)


class Tail:
    """The lines of one log file, from a position on.

    Lines are handed out by read() and counted as shipped only by commit(): what was read in between is read again.
    """

    def __init__(self, path: str, position: Position | None = None) -> None:
        """Follow the file at path. Without a position, from its beginning."""
        self.path = Path(path)
        self.position = position or Position()
        self._next = self.position
        self._file: BinaryIO | None = None

    def read(self) -> list[str]:
        """Return complete lines that are new, oldest first; an empty list when there are none.

        Raises:
            OSError: if the file cannot be read. That it does not exist (yet) is no error.
        """
        file = self._open()
        if file is None:
            return []
        status = os.fstat(file.fileno())
        # A file that is smaller than what was read of it has been truncated in place.
        offset = self.position.offset if self.position.offset <= status.st_size else 0
        file.seek(offset)
        content = file.read(CHUNK)
        replaced = self._is_replaced(status.st_ino)
        if not content and replaced:
            self.close()
            self._next = Position(self.path.stat().st_ino, 0)
            return []
        end = content.rfind(b"\n") + 1
        if not end and (replaced or len(content) == CHUNK):
            end = len(content)  # otherwise a line without its end is still being written
        self._next = Position(status.st_ino, offset + end)
        return [
            line.rstrip("\r") for line in content[:end].decode(errors="replace").split("\n") if line.strip()
        ]

    def commit(self) -> None:
        """Count what read() has returned as shipped."""
        self.position = self._next

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> BinaryIO | None:
        if self._file is None:
            path = self._current_path()
            if path is None:
                return None
            self._file = path.open("rb")
        return self._file

    def _current_path(self) -> Path | None:
        """Return the file to read: the one of the position, under its new name if it was rotated."""
        try:
            if self.position.inode in (0, self.path.stat().st_ino):
                return self.path
        except FileNotFoundError:
            pass
        for candidate in self.path.parent.glob(f"{self.path.name}?*"):
            if candidate.stat().st_ino == self.position.inode:
                return candidate
        # Gone: whatever takes the name next is another file.
        self.position = self._next = Position()
        return self.path if self.path.exists() else None

    def _is_replaced(self, inode: int) -> bool:
        """Tell whether another file has taken the name, so that nothing more comes into the one with this inode."""
        try:
            return self.path.stat().st_ino != inode
        except FileNotFoundError:
            return False  # renamed, and the new one is not there yet
