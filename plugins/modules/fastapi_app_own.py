#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: change the owner of a tree without following links of its current owner."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_own
short_description: Change the owner of a tree without following links of its current owner
description:
  - Gives a directory with its contents to another user and the user's group. All users may read, only the owner may write, and
    any executable bit becomes one for all. Set-user-ID bits and access control lists are removed.
  - Every step goes through an open directory and follows no symbolic link. The module refuses entries that do not belong to
    O(from_user) (a hard link to another user's file), and entries that are neither a directory, a file nor a link.
options:
  path:
    description: The directory. Other users must not control any part of its path.
    type: path
    required: true
  from_user:
    description: The current owner. Entries of O(to_user) are left unchanged.
    type: str
    required: true
  to_user:
    description: The new owner.
    type: str
    required: true
  within:
    description: A directory that no symbolic link may leave, such as the release. Empty allows any target.
    type: path
    default: ""
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.fastapi_app_own:
    path: /srv/shop/releases/3f2a/backend
    from_user: table-order-build
    to_user: root
"""

RETURN = """
entries: {description: 'The number of directories, files and links.', type: int, returned: always}
"""

import os
import pwd
import stat
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Opening a pipe must not block.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class RefusedError(Exception):
    """The tree contains an entry that must not be handed over; the message names the entry."""


class Handover:
    """Changes the owner of one tree."""

    def __init__(self, from_uid: int, to_uid: int, to_gid: int, within: str = "") -> None:
        """Set the old and the new owner, and the directory that links must not leave."""
        self.from_uid, self.to_uid, self.to_gid, self.within = from_uid, to_uid, to_gid, within
        self.entries, self.changed = 0, False

    def judge(self, found: os.stat_result, where: Path) -> None:
        """Raise RefusedError for an entry that belongs to neither the old nor the new owner."""
        if found.st_uid == self.from_uid:
            return
        # A killed run may have changed the owner already. A hard link could be a file outside the tree.
        if found.st_uid != self.to_uid or (found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)):
            raise RefusedError(f"{where} belongs to user {found.st_uid}: a hard link to another user's file")

    def own(self, descriptor: int, found: os.stat_result) -> None:
        """Give an open file or directory to the new owner."""
        executable = stat.S_ISDIR(found.st_mode) or found.st_mode & 0o111
        mode = 0o755 if executable else 0o644
        # Access control lists would survive the change of owner.
        lists = [name for name in os.listxattr(descriptor) if name.startswith("system.posix_acl")]
        wanted = (self.to_uid, self.to_gid, mode)
        if not lists and (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == wanted:
            return
        for name in lists:
            os.removexattr(descriptor, name)
        os.fchown(descriptor, self.to_uid, self.to_gid)
        os.fchmod(descriptor, mode)
        self.changed = True

    def entry(self, parent: int, name: str, where: Path) -> None:
        """Change the owner of one entry of the open directory ``parent``."""
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        self.judge(found, where)
        if stat.S_ISLNK(found.st_mode):
            self.entries += 1
            target = os.readlink(name, dir_fd=parent)
            reached = Path(os.path.normpath(where.parent / target))
            if self.within and not reached.is_relative_to(self.within):
                raise RefusedError(f"{where} is a link to {target}, which lies outside {self.within}")
            if (found.st_uid, found.st_gid) != (self.to_uid, self.to_gid):
                os.chown(name, self.to_uid, self.to_gid, dir_fd=parent, follow_symlinks=False)
                self.changed = True
            return
        if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            raise RefusedError(f"{where} is neither a file, a directory nor a link")
        descriptor = os.open(name, DIRECTORY if stat.S_ISDIR(found.st_mode) else FILE, dir_fd=parent)
        try:
            self.opened(descriptor, where)
        finally:
            os.close(descriptor)

    def opened(self, descriptor: int, where: Path) -> None:
        """Change the owner of an open file or directory; a directory before its entries, so that no entry can move."""
        # Check the open descriptor: the name may point to another file by now.
        found = os.fstat(descriptor)
        self.judge(found, where)
        self.entries += 1
        self.own(descriptor, found)
        if stat.S_ISDIR(found.st_mode):
            for name in os.listdir(descriptor):
                self.entry(descriptor, name, where / name)


def hand_over(path: Path, from_uid: int, to_uid: int, to_gid: int, within: str = "") -> Handover:
    """Change the owner of the directory at ``path`` with its contents; raises RefusedError and OSError."""
    handover = Handover(from_uid, to_uid, to_gid, within)
    descriptor = os.open(path, DIRECTORY)
    try:
        handover.opened(descriptor, path)
    finally:
        os.close(descriptor)
    return handover


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "from_user": {"type": "str", "required": True},
            "to_user": {"type": "str", "required": True},
            "within": {"type": "path", "default": ""},
        },
    )
    path = Path(module.params["path"])
    try:
        giver, taker = pwd.getpwnam(module.params["from_user"]), pwd.getpwnam(module.params["to_user"])
        done = hand_over(path, giver.pw_uid, taker.pw_uid, taker.pw_gid, module.params["within"])
    except KeyError as error:
        module.fail_json(msg=f"{path} cannot be handed over: {error.args[0]}")
    except (RefusedError, OSError, RecursionError) as error:
        # A name of any encoding: Ansible refuses results that are not UTF-8.
        said = f"{path} cannot be handed over to {module.params['to_user']}: {error}"
        module.fail_json(msg=os.fsencode(said).decode(errors="backslashreplace"))
    module.exit_json(changed=done.changed, entries=done.entries)


if __name__ == "__main__":
    main()
