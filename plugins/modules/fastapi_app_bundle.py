#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: create a reproducible bundle of a source tree."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_bundle
short_description: Create a reproducible bundle of a source tree
description:
  - Packs parts of a directory into a tar.gz that depends only on names, contents and the executable bit. Without O(dest) the
    module writes nothing and returns the SHA-256 of the bundle.
options:
  path:
    description: The source directory.
    type: path
    required: true
  include:
    description: Parts of the directory to pack, with what their links lead to. Missing parts are skipped.
    type: list
    elements: str
    required: true
  exclude:
    description: Shell patterns. Files and directories with a matching name are skipped.
    type: list
    elements: str
    default: []
  dest:
    description: The path of the bundle.
    type: path
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.fastapi_app_bundle:
    path: /home/me/table-order
    include: [backend, frontend/menu/build]
    exclude: [tests, "*.pyc"]
    dest: /tmp/table-order.tar.gz
"""

RETURN = """
sha256: {description: The SHA-256 of the uncompressed bundle., type: str, returned: always}
files: {description: The number of files in the bundle., type: int, returned: always}
"""

import fnmatch
import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ansible.module_utils.basic import AnsibleModule


class RefusedError(Exception):
    """The tree contains an entry that cannot be deployed; the message names the entry."""


class HashingWriter(io.RawIOBase):
    """A writable file that hashes its data and forwards the data to an optional target file."""

    def __init__(self, target: IO[bytes] | None) -> None:
        """Forward the data to ``target``, unless None."""
        super().__init__()
        self.hash = hashlib.sha256()
        self.target = target

    def writable(self) -> bool:
        """Return True: the file accepts writes."""
        return True

    def write(self, data: bytes) -> int:
        """Write ``data`` completely; returns its length in bytes."""
        self.hash.update(data)
        if self.target is not None:
            self.target.write(data)
        return len(data)


def is_excluded(name: str, exclude: list[str]) -> bool:
    """Return whether a name matches a pattern of ``exclude``."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in exclude)


def walk(directory: Path, exclude: list[str]) -> Iterator[Path]:
    """Yield all entries below ``directory``, sorted by name, except matches of ``exclude``; or ``directory``, if a file."""
    if not directory.is_dir() or directory.is_symlink():
        yield directory
        return
    for entry in sorted(directory.iterdir()):
        if is_excluded(entry.name, exclude):
            continue
        yield entry
        if entry.is_dir() and not entry.is_symlink():
            yield from walk(entry, exclude)


def member(path: Path, root: Path) -> tarfile.TarInfo:
    """Return a reproducible tar header of ``path``: equal for two checkouts of the same content.

    Raises RefusedError for a link that leaves ``root``, and for an entry that is neither a file, a directory nor a link.
    """
    header = tarfile.TarInfo(str(path.relative_to(root)))
    if path.is_symlink():
        if not path.resolve().is_relative_to(root):
            raise RefusedError(f"{path} is a link to {path.readlink()}, which lies outside {root}")
        header.type, header.linkname, header.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
    elif path.is_dir():
        header.type, header.mode = tarfile.DIRTYPE, 0o755
    elif path.is_file():
        header.size = path.stat().st_size
        header.mode = 0o755 if os.access(path, os.X_OK) else 0o644
    else:
        raise RefusedError(f"{path} is neither a file, a directory nor a link")
    return header


def needed_by(link: Path, root: Path, exclude: list[str]) -> Path | None:
    """Return the path below ``root`` that a link leads to, or None for one that is excluded or missing."""
    target = Path(os.path.normpath(link.parent / link.readlink()))
    if not (target.is_relative_to(root) and os.path.lexists(target)):
        return None
    below = target.relative_to(root)
    return None if any(is_excluded(name, exclude) for name in below.parts) else below


def bundle(root: Path, parts: list[str], exclude: list[str], target: IO[bytes] | None) -> tuple[str, int]:
    """Write the uncompressed bundle to ``target`` (unless None); returns its SHA-256 and the number of files."""
    writer = HashingWriter(target)
    files = 0
    with tarfile.open(fileobj=writer, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        # Grows by what links lead to.
        packed = [Path(part) for part in parts if (root / part).is_dir()]
        for part in packed:
            for path in walk(root / part, exclude):
                header = member(path, root)
                needed = needed_by(path, root, exclude) if path.is_symlink() else None
                if needed is not None and not any(needed.is_relative_to(other) for other in packed):
                    packed.append(needed)
                if header.isreg():
                    files += 1
                    with path.open("rb") as content:
                        archive.addfile(header, content)
                else:
                    archive.addfile(header)
    return writer.hash.hexdigest(), files


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "include": {"type": "list", "elements": "str", "required": True},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "dest": {"type": "path"},
        },
        supports_check_mode=True,
    )
    root = Path(module.params["path"]).resolve()
    dest = module.params["dest"]
    writes = dest is not None and not module.check_mode
    try:
        if writes:
            with Path(dest).open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as compressed:
                digest, files = bundle(root, module.params["include"], module.params["exclude"], compressed)
        else:
            digest, files = bundle(root, module.params["include"], module.params["exclude"], None)
    except (RefusedError, OSError) as error:
        # A name of any encoding: Ansible refuses results that are not UTF-8.
        said = f"{module.params['path']} cannot be deployed: {error}"
        module.fail_json(msg=os.fsencode(said).decode(errors="backslashreplace"))
    module.exit_json(changed=writes, sha256=digest, files=files)


if __name__ == "__main__":
    main()
