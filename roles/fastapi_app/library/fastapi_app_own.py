#!/usr/bin/python
"""Ansible module: hand a tree over to another user without following a link that its owner may have made."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: fastapi_app_own
short_description: Hand a tree over to another user without following a link that its owner may have made
description:
  - Gives a folder and all that is in it to another user and that user's group. All may read, only the owner may write, and what was
    executable for anybody is so for all. Set-user-ID bits and access control lists are taken away.
  - Every step goes through an open folder and follows no symbolic link. What does not belong to O(from_user) (a hard link
    to somebody else's file), and what is neither a folder, a file nor a link, is refused.
options:
  path:
    description: The folder; no part of its path may be in another user's hands.
    type: path
    required: true
  from_user:
    description: Whose all of it is now; what was handed over already is left alone.
    type: str
    required: true
  to_user:
    description: Whose all of it becomes.
    type: str
    required: true
  within:
    description: A folder that no symbolic link may lead out of, such as the release; empty for any target.
    type: path
    default: ""
author: [Table Order]
"""

EXAMPLES = """
- fastapi_app_own:
    path: /opt/table-order/releases/3f2a/backend
    from_user: table-order-build
    to_user: root
"""

RETURN = """
entries: {description: How many folders, files and links there are., type: int, returned: always}
"""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Not to wait for a pipe's other end.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class RefusedError(Exception):
    """The tree holds something that must not be handed over; the message says what."""


class Handover:
    """Hands one tree over."""

    def __init__(self, from_uid: int, to_uid: int, to_gid: int, within: str = "") -> None:
        """Say between whom, and where links must end."""
        self.from_uid, self.to_uid, self.to_gid, self.within = from_uid, to_uid, to_gid, within
        self.entries, self.changed = 0, False

    def judge(self, found: os.stat_result, where: Path) -> None:
        """Raise RefusedError for what is not the former owner's, nor handed over already."""
        if found.st_uid == self.from_uid:
            return
        # Handed over already, by a run that was killed: a second name could be that of a file elsewhere.
        if found.st_uid != self.to_uid or (found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)):
            raise RefusedError(
                f"{where} belongs to user {found.st_uid}: it is a hard link to somebody else's file"
            )

    def own(self, descriptor: int, found: os.stat_result) -> None:
        """Give an open file or folder to the new owner."""
        executable = stat.S_ISDIR(found.st_mode) or found.st_mode & 0o111
        mode = 0o755 if executable else 0o644
        # They would outlive the owner's change.
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
        """Hand over one entry of the open folder ``parent``."""
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        self.judge(found, where)
        if stat.S_ISLNK(found.st_mode):
            self.entries += 1
            target = os.readlink(name, dir_fd=parent)
            reached = Path(os.path.normpath(where.parent / target))
            if self.within and not reached.is_relative_to(self.within):
                raise RefusedError(f"{where} is a link to {target}, which lies outside of {self.within}")
            if (found.st_uid, found.st_gid) != (self.to_uid, self.to_gid):
                os.chown(name, self.to_uid, self.to_gid, dir_fd=parent, follow_symlinks=False)
                self.changed = True
            return
        if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            raise RefusedError(f"{where} is neither a file, a folder nor a link")
        descriptor = os.open(name, FOLDER if stat.S_ISDIR(found.st_mode) else FILE, dir_fd=parent)
        try:
            self.opened(descriptor, where)
        finally:
            os.close(descriptor)

    def opened(self, descriptor: int, where: Path) -> None:
        """Hand over an open file, or an open folder with what is in it; the folder first, so that nothing moves meanwhile."""
        # Of what was opened: its name may have become another's since.
        found = os.fstat(descriptor)
        self.judge(found, where)
        self.entries += 1
        self.own(descriptor, found)
        if stat.S_ISDIR(found.st_mode):
            for name in os.listdir(descriptor):
                self.entry(descriptor, name, where / name)


def hand_over(path: Path, from_uid: int, to_uid: int, to_gid: int, within: str = "") -> Handover:
    """Hand the folder at ``path`` over, with all that is in it; raises RefusedError and OSError."""
    handover = Handover(from_uid, to_uid, to_gid, within)
    descriptor = os.open(path, FOLDER)
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
        module.fail_json(msg=f"{path} cannot be handed over to {module.params['to_user']}: {error}")
    module.exit_json(changed=done.changed, entries=done.entries)


if __name__ == "__main__":
    main()
