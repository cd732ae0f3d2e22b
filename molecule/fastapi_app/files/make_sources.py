"""Makes what the scenario deploys: a Git repository and archives, sound ones and others.

usage: make_sources.py FILES TARGET
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

FILES, TARGET = Path(sys.argv[1]), Path(sys.argv[2])
DAY = "2026-01-01T00:00:00Z"


def git(repository: Path, *arguments: str) -> None:
    """Run git in a repository, with nothing of the user's own, so that a commit has the same name everywhere."""
    alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": os.environ["PATH"]}
    days = {"GIT_AUTHOR_DATE": DAY, "GIT_COMMITTER_DATE": DAY}
    people = {
        f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    subprocess.run(["git", *arguments], cwd=repository, check=True, env=alone | days | people)


def make_repository(target: Path) -> None:
    """Make a bare repository of the shop, with the tag v1.0.0.

    With an unreachable submodule, a name that is not UTF-8, an env file beside a module, and the lock file kept out of archives.
    """
    work = target.with_suffix(".work")
    for path in (work, target):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(FILES / "shop", work, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    git(work, "init", "--quiet", "--template=", "--initial-branch=main")
    (work / ".gitattributes").write_text("uv.lock export-ignore\n")
    (work / ".gitmodules").write_text(
        '[submodule "theme"]\n\tpath = vendor/theme\n\turl = http://127.0.0.1:1/private.git\n'
    )
    Path(os.fsdecode(os.fsencode(work / "services/shop") + b"/d\xe9j\xe0.txt")).write_text("vu")
    (work / "services/shop/src/.env").write_text("OPEN=false\n")
    git(work, "add", "--all")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/theme")
    git(work, "commit", "--quiet", "--message=The shop opens")
    git(work, "tag", "v1.0.0")
    git(work, "clone", "--quiet", "--bare", "--template=", ".", str(target))


def make_hostile(target: Path, member: tarfile.TarInfo) -> None:
    """Make an archive of the plain application with one member more."""
    with tarfile.open(target, "w:gz") as archive:
        archive.add(FILES / "plain/service", "server")
        member.size = 4 if member.isreg() else 0
        archive.addfile(member, io.BytesIO(b"oops"))


def link(name: str, to: str) -> tarfile.TarInfo:
    """Return the header of a symbolic link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, to
    return member


TARGET.mkdir(parents=True, exist_ok=True)
make_repository(TARGET / "shop.git")
shutil.make_archive(str(TARGET / "guestbook"), "zip", FILES, "guestbook")
# GitHub's form: one directory, named after the version, around everything.
with tarfile.open(TARGET / "plain.tar.gz", "w:gz") as packed:
    packed.add(FILES / "plain", "plain-1.2.0")
(TARGET / "plain.tar.gz.sha256").write_text(
    hashlib.sha256((TARGET / "plain.tar.gz").read_bytes()).hexdigest()
)
make_hostile(TARGET / "climbs.tar.gz", tarfile.TarInfo("server/../../../../../srv/climbed"))
make_hostile(TARGET / "links.tar.gz", link("server/passwords", "/etc/shadow"))
with tarfile.open(TARGET / "server.tar", "w") as packed:
    for name in ("shop.git", "plain.tar.gz"):
        packed.add(TARGET / name, name)
