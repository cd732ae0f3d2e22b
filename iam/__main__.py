"""Print the IAM policies for an inventory, or write them: one file for each managed policy.

scripts/policy production                     all of them, by name
scripts/policy production plan                one, ready for aws iam create-policy
scripts/policy production --write DIRECTORY      DIRECTORY/table-order-plan.json, ...
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from iam import BOUNDARY, POLICIES, ROOT, InventoryError, render, target


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/policy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inventory", help="production, staging, or the path of an inventory")
    parser.add_argument("policy", nargs="?", choices=[*POLICIES, BOUNDARY], help="one policy; without: all")
    parser.add_argument("--account", default="", help="12 digits, if the inventory has no account")
    parser.add_argument("--write", type=Path, metavar="DIRECTORY", help="write files instead of printing")
    options = parser.parse_args(arguments)
    named = ROOT / "inventories" / options.inventory
    try:
        about = target(named if named.is_dir() else Path(options.inventory), options.account)
    except InventoryError as error:
        print(f"scripts/policy: {error}", file=sys.stderr)
        return 1
    chosen = [options.policy] if options.policy else [*POLICIES, BOUNDARY]
    documents = {about.title(policy): render(policy, about) for policy in chosen}
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        for title, document in documents.items():
            path = options.write / f"{title}.json"
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            print(path)
    else:
        print(json.dumps(documents[about.title(options.policy)] if options.policy else documents, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
