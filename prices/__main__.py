"""Refresh the price table from AWS's Price List API, with the credentials of the shell. Needs the permission pricing:GetProducts.

scripts/prices            writes plugins/plugin_utils/prices.yml, and prints each figure that differs
scripts/prices --check    only prints; exits 1 if a figure differs
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from datetime import UTC, datetime
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from prices import TABLE, refresh, written

# The API is in this region, and answers for all.
ENDPOINT = "us-east-1"


def ask(client: Any, service: str, filters: dict[str, str]) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the products of AWS's price list that match all filters."""
    terms = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()]
    pages = client.get_paginator("get_products").paginate(
        ServiceCode=service, FormatVersion="aws_v1", Filters=terms
    )
    return [json.loads(product) for page in pages for product in page["PriceList"]]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 1 for any problem, and with --check for any difference."""
    parser = argparse.ArgumentParser(
        prog="scripts/prices", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    retries = Config(connect_timeout=10, retries={"mode": "adaptive", "max_attempts": 10})
    try:
        client = boto3.client("pricing", region_name=ENDPOINT, config=retries)
        today = datetime.now(UTC).date().isoformat()
        changes, problems = refresh(table, functools.partial(ask, client), today)
    except (BotoCoreError, ClientError) as error:
        print(
            f"scripts/prices: {error}\nNothing is written. It needs a network that reaches AWS, and credentials (AWS_PROFILE) that "
            "allow pricing:GetProducts.",
            file=sys.stderr,
        )
        return 1
    print("\n".join([*changes, f"{len(changes)} figures differ, {len(problems)} could not be read."]))
    for problem in problems:
        print(problem, file=sys.stderr)
    if not options.check:
        TABLE.write_text(written(table), encoding="utf-8")
        print(f"Written: {TABLE}. Then run scripts/docs, which draws docs/cost.svg.")
    return int(bool(problems) or (options.check and bool(changes)))


if __name__ == "__main__":
    sys.exit(main())
