# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role aws_compute accepts beyond its specification."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .settings import Table, integer, sentence


def public_key(aws_compute_public_key_file: str, aws_compute_generate_key: bool) -> Iterator[str]:
    """Find a missing file of the public key."""
    file = aws_compute_public_key_file
    if not file or not (aws_compute_generate_key or Path(file).expanduser().exists()):
        accepted = "the path of your SSH public key. Create a key with: ssh-keygen -t ed25519"
        yield sentence("aws_compute_public_key_file", file, accepted)


def market(aws_compute_market: str, table_order_environment: str) -> Iterator[str]:
    """Find a server for production that AWS may terminate at any time."""
    if aws_compute_market == "spot" and table_order_environment == "production":
        accepted = "on_demand in production, since AWS terminates a Spot server when it needs the capacity. Remove the setting"
        yield sentence("aws_compute_market", aws_compute_market, accepted)


TABLE = Table(
    {
        "aws_compute_root_volume_gib": integer(8, 16384, "; 8 is the image's minimum"),
        "aws_compute_image_keep": integer(1, 100, ". Omit the setting for 3"),
    },
    [public_key, market],
    others=[
        "aws_compute_resources",
        "aws_compute_size",
        "aws_compute_size_before",
        "aws_compute_image_result",
    ],
)
