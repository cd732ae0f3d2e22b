# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role aws_storage accepts beyond its specification."""

from __future__ import annotations

from .settings import Table, pattern

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
# A name with a dot would not match S3's TLS certificate.
NAME = r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|--x-s3|--table-s3)\Z)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
ACCEPTED = (
    "3 to 63 lower-case letters, digits and hyphens, without a hyphen at either end and without a prefix or suffix that S3 "
    "reserves, such as table-order-menu-images-123456789012"
)
TABLE = Table({"aws_storage_bucket_name": pattern(NAME, ACCEPTED)}, others=["aws_storage_resources"])
