"""Follows log files by name, across rotation and restarts."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

# Maximum bytes per read, so that a large backlog does not fill the memory.
CHUNK = 1 << 20


@dataclass
class Position:
    """The shipped part of a file: its inode, and the offset in bytes."""

    inode: int = 0
    offset: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the position for the state file."""
        return asdict(self)


class Tail:
    """The lines of one log file after a position.

    read() returns lines, and commit() marks them as shipped. Without commit(), the next read() returns them again.
    """

    def __init__(self, path: str, position: Position | None = None) -> None:
        """Follow the file at path from the position; without one, from its beginning."""
        self.path = Path(path)
        self.position = position or Position()
        self._next = self.position
        self._file: BinaryIO | None = None

    def read(self) -> list[str]:
        """Return new complete lines, oldest first.

        Raises:
            OSError: if the file cannot be read. A missing file is not an error.
        """
        file = self._open()
        if file is None:
            return []
        status = os.fstat(file.fileno())
        # A file smaller than the offset was truncated in place.
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
            end = len(content)  # Otherwise the line without an end is still being written.
        self._next = Position(status.st_ino, offset + end)
        return [
            line.rstrip("\r") for line in content[:end].decode(errors="replace").split("\n") if line.strip()
        ]

    def commit(self) -> None:
        """Mark the lines of the last read() as shipped."""
        self.position = self._next

    def close(self) -> None:
        """Close the file."""
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
        """Return the path of the position's file, which may have been rotated to another name."""
        try:
            if self.position.inode in (0, self.path.stat().st_ino):
                return self.path
        except FileNotFoundError:
            pass
        for candidate in self.path.parent.glob(f"{self.path.name}?*"):
            if candidate.stat().st_ino == self.position.inode:
                return candidate
        # The file was deleted: a later file of this name is another file.
        self.position = self._next = Position()
        return self.path if self.path.exists() else None

    def _is_replaced(self, inode: int) -> bool:
        """Return whether another file has the name, so that the file with this inode is complete."""
        try:
            return self.path.stat().st_ino != inode
        except FileNotFoundError:
            return False  # The file was renamed, and the new one does not exist yet.
