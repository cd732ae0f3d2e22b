#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: unpack an untrusted tar or zip file."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_unpack
short_description: Unpack an untrusted tar or zip file
description:
  - Unpacks directories, files and links. Refuses the whole archive before writing a file, if any member is of another kind,
    lies outside or links to the outside. Skips what macOS adds. Ignores owners, times and all mode bits except the executable bit.
options:
  path:
    description: A tar file, compressed or not, or a zip file.
    type: path
    required: true
  dest:
    description: An existing directory.
    type: path
    required: true
  strip:
    description: The number of leading directories to strip. Members with fewer directories are skipped.
    type: int
    default: 0
  parts:
    description:
      - The directories that are used without the rest. A link from one of them to another place in the archive becomes a copy of
        what is there. A pointer of Git LFS in one of them is refused.
    type: list
    elements: str
    default: []
  exclude:
    description: Shell patterns. Below a matching name a pointer of Git LFS is accepted.
    type: list
    elements: str
    default: []
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.fastapi_app_unpack:
    path: /tmp/guestbook-1.2.0.tar.gz
    dest: /srv/guestbook
    strip: 1
"""

RETURN = """
files: {description: The number of unpacked files., type: int, returned: always}
checksums: {description: "The SHA-256 of each file by its path; bytes that are not UTF-8 are escaped", type: dict, returned: always}
"""

import fnmatch
import hashlib
import itertools
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from ansible.module_utils.basic import AnsibleModule

# Errors of Python's readers for a truncated, unknown or encrypted archive.
BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
)


# What a Git repository has in place of a file of Git LFS: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
LFS = b"version https://git-lfs.github.com/spec/"
# What macOS adds to an archive: metadata of files and folders.
MAC = {"__MACOSX", ".DS_Store"}
APPLE_DOUBLE = b"\x00\x05\x16\x07"


class RefusedError(Exception):
    """The archive is unreadable or contains a forbidden member; the message gives the reason."""


def printable(name: str | PurePosixPath) -> str:
    """Return a name for messages and results: a byte that is not UTF-8 as in \\xe9, since Ansible refuses such results."""
    return os.fsencode(str(name)).decode(errors="backslashreplace")


class Member(NamedTuple):
    """One entry of an archive of any format."""

    name: str
    kind: str  # file, directory, link (symbolic), same (another name of a file in the archive), other
    target: str
    executable: bool
    read: Callable[[], IO[bytes]]


def tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    """Yield the members of a tar file."""
    for entry in archive:
        if entry.isfile():
            kind = "file"
        elif entry.isdir():
            kind = "directory"
        elif entry.issym():
            kind = "link"
        else:
            kind = "same" if entry.islnk() else "other"
        yield Member(
            entry.name,
            kind,
            entry.linkname,
            bool(entry.mode & stat.S_IXUSR),
            lambda entry=entry: archive.extractfile(entry),
        )


def zip_name(entry: zipfile.ZipInfo) -> str:
    """Return the name of a zip file's entry: its bytes, with the slashes of another system.

    Python reads a name without the mark of UTF-8 as that of MS-DOS, but macOS and Windows write other encodings without it.
    """
    name = entry.filename if entry.flag_bits & 0x800 else os.fsdecode(entry.filename.encode("cp437"))
    # Compress-Archive of Windows PowerShell 5.
    return name.replace("\\", "/") if entry.create_system == 0 and "/" not in name else name


def is_of_mac(member: Member) -> bool:
    """Return whether macOS has added a member, which is no file of the application."""
    name = PurePosixPath(member.name)
    if MAC.intersection(name.parts):
        return True
    if not name.name.startswith("._") or member.kind != "file":
        return False
    with member.read() as content:
        return content.read(4) == APPLE_DOUBLE


def zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    """Yield the members of a zip file."""
    for entry in archive.infolist():
        mode = entry.external_attr >> 16
        if stat.S_ISLNK(mode):
            kind = "link"
        elif zip_name(entry).endswith("/"):
            kind = "directory"
        else:
            kind = "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "other"
        target = os.fsdecode(archive.read(entry)) if kind == "link" else ""
        yield Member(
            zip_name(entry), kind, target, bool(mode & stat.S_IXUSR), lambda entry=entry: archive.open(entry)
        )


def inside(name: str, what: str) -> PurePosixPath:
    """Return a path of the archive without "." and ".."; raises RefusedError for a path outside."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == "/" or (part == ".." and not parts):
            raise RefusedError(f"{what} lies outside the archive")
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def stripped(path: PurePosixPath, strip: int) -> PurePosixPath:
    """Return ``path`` without its first ``strip`` directories."""
    return PurePosixPath(*path.parts[strip:])


def plan(members: Iterator[Member], strip: int) -> dict[PurePosixPath, Member]:
    """Return the members to unpack by their target path; raises RefusedError for a forbidden member."""
    wanted: dict[PurePosixPath, Member] = {}
    for member in members:
        if ".." in PurePosixPath(member.name).parts:
            raise RefusedError(f'"{member.name}" has ".." in its path')
        full = inside(member.name, f'"{member.name}"')
        if member.kind == "other":
            raise RefusedError(f'"{member.name}" is neither a file, a directory nor a link')
        place = stripped(full, strip)
        if not place.parts or is_of_mac(member):
            continue
        if member.kind == "link":
            what = f'"{member.name}" is a link to "{member.target}", which'
            # "x/.." leads elsewhere if x is a link.
            steps = PurePosixPath(member.target).parts
            if ".." in itertools.dropwhile(lambda step: step == "..", steps):
                raise RefusedError(f"{what} goes up after going down")
            reached = inside(str(full.parent / member.target), what)
            # Stripped directories do not exist after unpacking: such a link would leave the target directory.
            if reached.parts[:strip] != full.parts[:strip]:
                raise RefusedError(f"{what} lies outside the unpacked part")
        wanted[place] = member
    links = {place for place, member in wanted.items() if member.kind == "link"}
    for place in wanted:
        # The checks above use names only; a member behind another link would be written elsewhere.
        if crossed := links.intersection(place.parents):
            raise RefusedError(f'"{place}" lies behind the link "{crossed.pop()}"')
        reached = wanted[place].target if place in links else ""
        for step in PurePosixPath(os.path.normpath(place.parent / reached)).parents if reached else ():
            if step in links:
                raise RefusedError(f'"{place}" is a link to "{reached}", which lies behind the link "{step}"')
    return wanted


def copies(
    wanted: dict[PurePosixPath, Member], place: PurePosixPath, target: PurePosixPath, around: tuple = ()
) -> Iterator[tuple[PurePosixPath, Member]]:
    """Yield at ``place`` the members at and below ``target``, which ``place`` is a link to; raises RefusedError for a circle."""
    if target in around:
        raise RefusedError(f'"{place}" is a link to "{target}", which is a link back')
    for other, member in wanted.items():
        if other.is_relative_to(target):
            copy = place / other.relative_to(target)
            reached = PurePosixPath(os.path.normpath(other.parent / member.target))
            if member.kind == "link" and not reached.is_relative_to(target):
                yield from copies(wanted, copy, reached, (*around, target))
            else:
                yield copy, member


def complete(wanted: dict[PurePosixPath, Member], parts: list[str]) -> dict[PurePosixPath, Member]:
    """Return the members with a copy in place of each link that leads out of its part; raises RefusedError for a circle."""
    found = dict(wanted)
    for place, member in wanted.items():
        reached = PurePosixPath(os.path.normpath(place.parent / member.target))
        own = [PurePosixPath(part) for part in parts if place.is_relative_to(part)]
        leaves = member.kind == "link" and not all(reached.is_relative_to(part) for part in own)
        # Where the archive has nothing, the link stays as it is: many applications do not need it.
        if leaves and (copied := dict(copies(wanted, place, reached))):
            del found[place]
            found |= copied
    return found


def unpack(wanted: dict[PurePosixPath, Member], dest: Path, strip: int) -> dict[str, str]:
    """Write the members from ``plan`` below ``dest``; returns the SHA-256 of each file."""
    checksums = {}
    for place, member in wanted.items():
        path = dest / place
        if member.kind == "directory":
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.is_file():
            path.unlink()
        if member.kind == "link":
            path.symlink_to(member.target)
            continue
        if member.kind == "same":
            other = dest / stripped(inside(member.target, f'"{member.name}" is a link that'), strip)
            if not other.is_file() or other.is_symlink():
                raise RefusedError(
                    f'"{member.name}" is a hard link to "{member.target}", which is not an earlier file'
                )
            shutil.copyfile(other, path)
        else:
            with member.read() as content, path.open("xb") as copy:
                shutil.copyfileobj(content, copy)
        path.chmod(0o755 if member.executable else 0o644)
        checksums[printable(place)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return checksums


def refuse_pointers(dest: Path, parts: list[str], exclude: list[str]) -> None:
    """Raise RefusedError for files of ``parts`` that are pointers of Git LFS, except below names that match ``exclude``."""
    found = []
    for path in (path for part in parts for path in sorted((dest / part).rglob("*"))):
        names = path.relative_to(dest).parts
        if path.is_file() and not any(fnmatch.fnmatch(name, one) for name in names for one in exclude):
            with path.open("rb") as content:
                if content.read(len(LFS)) == LFS:
                    found.append(f'"{path.relative_to(dest)}"')
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise RefusedError(
            f"{', '.join(found[:5])}{more}: a pointer of Git LFS in place of the file. Install git-lfs on the server "
            "(fastapi_app_system_packages), or make the archive with the files (git lfs pull)"
        )


def unpack_archive(path: Path, dest: Path, strip: int, parts: list[str]) -> dict[str, str]:
    """Unpack the archive at ``path`` below ``dest``; returns the SHA-256 of each file. Raises RefusedError."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return unpack(complete(plan(zip_members(archive), strip), parts), dest, strip)
        with tarfile.open(path) as archive:
            return unpack(complete(plan(tar_members(archive), strip), parts), dest, strip)
    except BROKEN as error:
        raise RefusedError(f"not a complete tar or zip file ({error})") from error


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "strip": {"type": "int", "default": 0},
            "parts": {"type": "list", "elements": "str", "default": []},
            "exclude": {"type": "list", "elements": "str", "default": []},
        },
    )
    path, dest = Path(module.params["path"]), Path(module.params["dest"])
    try:
        checksums = unpack_archive(path, dest, module.params["strip"], module.params["parts"])
        refuse_pointers(dest, module.params["parts"], module.params["exclude"])
    except (RefusedError, OSError) as error:
        module.fail_json(msg=printable(f"{path.name} cannot be unpacked: {error}"))
    module.exit_json(changed=True, files=len(checksums), checksums=checksums)


if __name__ == "__main__":
    main()
