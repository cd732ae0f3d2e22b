"""Compares the operator's policies for a playbook with the actions in its recordings.

README.md names the policies for each playbook. ``python -m iam.usage`` prints docs/permissions.md; scripts/docs writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from iam import DIRECTORY, POLICIES, ROOT, Target, render
from local_cloud.policies import as_list, matches

USED = DIRECTORY / "used.json"
README = ROOT / "README.md"
# The imports of site.yml; recordings name each playbook.
SITE = ("provision.yml", "configure.yml", "deploy.yml", "verify.yml")
ABOUT = Target("production", "ap-northeast-2", "123456789012")


@dataclass
class Usage:
    """The actions in the recordings of a playbook."""

    # The tests that recorded it.
    recorded: set[str] = field(default_factory=set)
    # Action -> for each kind of its calls the policies that allow it.
    actions: dict[str, set[frozenset[str]]] = field(default_factory=dict)

    def add(self, other: Usage) -> None:
        """Add the actions of other recordings."""
        self.recorded |= other.recorded
        for action, kinds in other.actions.items():
            self.actions.setdefault(action, set()).update(kinds)

    def kinds(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield each action with the policies that allow a kind of its calls."""
        for action, kinds in sorted(self.actions.items()):
            for kind in sorted(kinds, key=sorted):
                yield action, kind


def named(readme: str) -> dict[str, list[str]]:
    """Return the policies for each playbook, from the README's table."""
    found: dict[str, list[str]] = {}
    for line in readme.splitlines():
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.strip().strip("|").split("|")]
        if len(cells) == 2 and cells[1] and set(cells[1]) <= set(POLICIES):
            found |= dict.fromkeys(cells[0], cells[1])
    return found


def allowed(policy: str) -> set[str]:
    """Return the actions of a policy, with its wildcards."""
    return {
        action
        for statement in render(policy, ABOUT)["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
    }


def read(text: str) -> dict[str, Usage]:
    """Return the content of used.json, by playbook."""
    return {
        playbook: Usage(
            set(one["recorded"]),
            {action: {frozenset(kind.split()) for kind in kinds} for action, kinds in one["actions"].items()},
        )
        for playbook, one in json.loads(text).items()
    }


def of_recording(recording: dict[str, dict[str, list[list[str]]]]) -> dict[str, Usage]:
    """Return the content of a recording, by playbook: "playbook | test" -> action -> kinds."""
    found: dict[str, Usage] = {}
    for run, actions in recording.items():
        playbook, _, test = run.partition(" | ")
        kinds = {action: {frozenset(kind) for kind in ways} for action, ways in actions.items()}
        found.setdefault(playbook, Usage()).add(Usage({test}, kinds))
    return found


def written(usage: dict[str, Usage]) -> str:
    """Return used.json."""
    document = {
        playbook: {
            "recorded": sorted(one.recorded),
            "actions": {
                action: sorted(" ".join(sorted(kind)) for kind in kinds)
                for action, kinds in sorted(one.actions.items())
            },
        }
        for playbook, one in sorted(usage.items())
    }
    return json.dumps(document, indent=1) + "\n"


def by_name(usage: dict[str, Usage], names: list[str]) -> dict[str, Usage]:
    """Return the actions of each of these playbooks; a check run counts for the playbook unless it has a separate name."""
    found = {name: Usage() for name in names}
    for playbook, one in usage.items():
        plain = playbook.removesuffix(" --check")
        name = playbook if playbook in found else plain
        if name in found:
            found[name].add(one)
        if plain in SITE and "site.yml" in found:
            found["site.yml"].add(one)
    return found


def beyond(usage: Usage, policies: list[str]) -> list[str]:
    """Return a playbook's actions that these policies do not allow."""
    return [
        f"{action} (allowed by {', '.join(sorted(kind)) or 'none'})"
        for action, kind in usage.kinds()
        if not kind & set(policies)
    ]


def problems(recording: dict[str, dict[str, list[list[str]]]], policies: dict[str, list[str]]) -> list[str]:
    """Return what the playbooks of a recording used beyond the policies named for each."""
    return [
        f"{playbook} used {action}; README.md names {', '.join(policies[playbook])} for it"
        for playbook, one in by_name(of_recording(recording), list(policies)).items()
        for action in beyond(one, policies[playbook])
    ]


def needless(usage: Usage, policies: list[str]) -> list[str]:
    """Return the policies that a playbook did not need."""
    return [
        policy
        for policy in policies
        if not any(kind & set(policies) == {policy} for _, kind in usage.kinds())
    ]


def count(usage: Usage, policy: str) -> tuple[int, int]:
    """Return the numbers of a policy's used actions and of all its actions."""
    patterns = allowed(policy)
    used = {action for action, kind in usage.kinds() if policy in kind}
    return sum(any(matches(pattern, action) for action in used) for pattern in patterns), len(patterns)


def table(usage: dict[str, Usage], policies: dict[str, list[str]]) -> str:
    """Return docs/permissions.md."""
    lines = [
        "# Permissions: allowed and used",
        "",
        "`scripts/docs` writes this page. Each row is a playbook with the policies that [README](../README.md#permissions) names",
        "for it. A cell says how many of a policy's actions the recordings used (`iam/used.json`), of how many in the policy. An",
        "action with a `*` counts once. `tests/unit/policies/unused.yml` lists the actions in no recording, with the reasons;",
        "`unused_policies.yml` beside it lists the policies that a playbook seems not to need.",
        "",
        f"| playbook | {' | '.join(f'`{policy}`' for policy in POLICIES)} | recordings |",
        f"|---|{'---|' * len(POLICIES)}---|",
    ]
    for playbook, one in by_name(usage, list(policies)).items():
        cells = [
            "{} of {}".format(*count(one, policy)) if policy in policies[playbook] else ""
            for policy in POLICIES
        ]
        lines.append(f"| `{playbook}` | {' | '.join(cells)} | {len(one.recorded)} |")
    return "\n".join(lines) + "\n"


def record(recording: Path) -> None:
    """Add a recording of tests/e2e (.state/artifacts/permissions.json) to used.json."""
    usage = read(USED.read_text(encoding="utf-8"))
    for playbook, one in of_recording(json.loads(recording.read_text(encoding="utf-8"))).items():
        usage.setdefault(playbook, Usage()).add(one)
    USED.write_text(written(usage), encoding="utf-8")


if __name__ == "__main__":
    print(table(read(USED.read_text(encoding="utf-8")), named(README.read_text(encoding="utf-8"))), end="")
