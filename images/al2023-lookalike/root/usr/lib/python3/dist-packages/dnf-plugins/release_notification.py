"""STAND-IN for Amazon Linux's dnf-plugin-release-notification: names the newer releases of the repository in this image."""

from argparse import ArgumentParser
from pathlib import Path

import dnf
import dnf.cli


@dnf.plugin.register_command
class CheckReleaseUpdate(dnf.cli.Command):
    """The command ``dnf check-release-update``."""

    aliases = ("check-release-update",)
    summary = "List the releases that are newer than the server's"

    @staticmethod
    def set_argparser(parser: ArgumentParser) -> None:
        """Take the two options that a script uses."""
        parser.add_argument("--latest-only", action="store_true", help="name only the newest release")
        parser.add_argument("--version-only", action="store_true", help="print nothing but the version")

    def run(self) -> None:
        """Print the versions, the oldest first."""
        own = self.base.conf.substitutions["releasever"]
        found = sorted(path.name for path in Path("/srv/al2023-lookalike").iterdir() if not path.is_symlink())
        newer = [version for version in found if version > own]
        for version in newer[-1:] if self.opts.latest_only else newer:
            print(
                version
                if self.opts.version_only
                else f"Version {version}: dnf upgrade --releasever={version}"
            )
