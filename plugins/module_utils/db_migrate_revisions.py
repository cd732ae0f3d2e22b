# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Prints the revisions of a release, with the release's own Python.

The module db_migrate_upgrade passes this file to Python on standard input, with Alembic's own options as the arguments.
Alembic loads the revisions without env.py, so no database is needed. Only Alembic and the standard library can be
imported.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Marks the result line: a revision may print when it is imported.
MARK = "db_migrate_revisions: "
CONTRACT_OPERATIONS = frozenset({"drop_table", "drop_column", "rename_table"})
# Contract operations in SQL. COLUMN is optional in PostgreSQL. Renaming a constraint or an index is harmless, because the
# application does not use their names.
SQL = re.compile(
    r"\bDROP\s+(TABLE|COLUMN)\b"
    r"|\bALTER\s+TABLE\b[^;]*\bDROP\s+(?!CONSTRAINT\b|DEFAULT\b|NOT\b|EXPRESSION\b|IDENTITY\b)\w"
    r"|\bALTER\s+(?!INDEX\b)\w+\b[^;]*\bRENAME\s+(?!CONSTRAINT\b)\w",
    re.IGNORECASE,
)

Functions = dict[str, ast.FunctionDef]
Script = Settings = Any  # Alembic's classes, which only the release's Python can import


def reached(functions: Functions) -> list[ast.FunctionDef]:
    """Return upgrade() and all functions of the file that it references, directly or indirectly."""
    found: dict[str, ast.FunctionDef] = {}
    left = ["upgrade"]
    while left:
        name = left.pop()
        if name not in functions or name in found:
            continue
        found[name] = functions[name]
        left += [node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)]
    return list(found.values())


def drops_or_renames(call: ast.Call) -> bool:
    """Return whether an Alembic call, on ``op`` or in a batch, drops or renames a table or a column."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name == "alter_column":
        return any(
            given.arg == "new_column_name"
            and not (isinstance(given.value, ast.Constant) and given.value.value is None)
            for given in call.keywords
        )
    return name in CONTRACT_OPERATIONS


def strings(nodes: list[ast.AST]) -> list[str]:
    """Return the text in ``nodes``; an f-string's expression, unknown before it runs, becomes a word."""
    found = []
    for node in nodes:
        docstring = ast.get_docstring(node, clean=False) if isinstance(node, ast.FunctionDef) else None
        for part in ast.walk(node):
            if isinstance(part, ast.JoinedStr):
                words = [value.value if isinstance(value, ast.Constant) else "x" for value in part.values]
                found.append("".join(map(str, words)))
            elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value != docstring:
                found.append(part.value)
    return found


def is_contract(source: str) -> bool:
    """Return whether older code cannot run after a revision, judging by its upgrade().

    If upgrade() executes anything, all SQL text that it references counts: a false positive is safer than a false negative.
    """
    tree = ast.parse(source)
    own: Functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    functions = reached(own)
    nodes = [node for function in functions for node in ast.walk(function)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    if any(drops_or_renames(call) for call in calls):
        return True
    if not any(isinstance(call.func, ast.Attribute) and call.func.attr == "execute" for call in calls):
        return False
    named = {node.id for node in nodes if isinstance(node, ast.Name)}
    constants: list[ast.AST] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and named & {target.id for target in node.targets if isinstance(target, ast.Name)}
    ]
    return any(SQL.search(text) for text in strings([*functions, *constants]))


def names(found: str | Iterable[str] | None) -> list[str]:
    """Return the names that Alembic has as nothing, one text or several."""
    return [found] if isinstance(found, str) else list(found or ())


def describe(revision: Script) -> dict[str, Any]:
    """Return the description of one of Alembic's Script objects."""
    path, source = Path(revision.path), ""
    if path.suffix == ".py":
        with tokenize.open(path) as file:
            source = file.read()
    contract = getattr(revision.module, "contract", None)
    if contract is not None and not isinstance(contract, bool):
        raise SystemExit(f"{path}: contract is {contract!r}; it must be True or False.")
    return {
        "id": revision.revision,
        "title": (revision.doc or "").strip().split("\n")[0],
        "contract": is_contract(source) if contract is None else contract,
        "down": names(revision.down_revision),
        "labels": sorted(revision.branch_labels),
        # The effects of such a revision remain after a failure.
        "outside": "autocommit_block" in source,
    }


def main() -> None:
    """Print the heads and all revisions, those that others come after or depend on first."""
    from alembic.config import CommandLine
    from alembic.script import ScriptDirectory

    class Reader(CommandLine):
        """Alembic's command line, which finds its configuration (also in pyproject.toml) and then runs nothing."""

        config: Settings

        def run_cmd(self, config: Settings, _options: Settings) -> None:
            self.config = config

    line = Reader()
    line.main([*sys.argv[1:], "heads"])
    script = ScriptDirectory.from_config(line.config)
    revisions = []
    for revision in script.walk_revisions():
        needed = [script.get_revision(name).revision for name in names(revision.dependencies)]
        revisions.append({**describe(revision), "needs": needed})
    found = {"heads": sorted(script.get_heads()), "revisions": revisions[::-1]}
    sys.stdout.write(f"\n{MARK}{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
