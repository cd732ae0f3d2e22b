"""Reads the systemd journal through journalctl."""

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

from stand_in.config import Journal

# Entries per read, so that a large backlog does not fill the memory.
LIMIT = 1000


class JournalTail:
    """The entries of one journald section after a cursor; without a cursor, since this boot."""

    def __init__(self, journal: Journal, cursor: str = "") -> None:
        """Follow the journal."""
        self.journal = journal
        self.cursor = cursor
        self._next = cursor

    def read(self) -> list[tuple[int, str]]:
        """Return new entries, oldest first, as (milliseconds since 1970, text).

        Raises:
            OSError: if journalctl cannot be run, or fails.
        """
        run = subprocess.run(self.command(), capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise OSError(f"journalctl: {run.stderr.strip()}")
        entries = [json.loads(line) for line in run.stdout.splitlines()[:LIMIT]]
        self._next = entries[-1]["__CURSOR"] if entries else self.cursor
        return [(int(entry["__REALTIME_TIMESTAMP"]) // 1000, text_of(entry)) for entry in entries]

    def command(self) -> list[str]:
        """Return the journalctl command for the entries after the cursor."""
        begin = [f"--after-cursor={self.cursor}"] if self.cursor else ["--boot"]
        units = [f"--unit={unit}" for unit in self.journal.units]
        return [
            "journalctl",
            "--quiet",
            "--output=json",
            f"--priority={self.journal.priority}",
            *begin,
            *units,
        ]

    def commit(self) -> None:
        """Mark the entries of the last read() as shipped."""
        self.cursor = self._next


def text_of(entry: dict[str, Any]) -> str:
    """Return a journal entry as a line of the usual form: time, source, message."""
    when = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000, UTC)
    message = entry.get("MESSAGE") or ""
    # journalctl returns invalid text as a list of bytes.
    text = bytes(message).decode(errors="replace") if isinstance(message, list) else message
    source = entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM") or "unknown"
    process = f"[{entry['_PID']}]" if "_PID" in entry else ""
    return f"{when.isoformat(timespec='milliseconds')} {source}{process}: {text}"
