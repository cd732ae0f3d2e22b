"""Runs the commands of docs/runbooks as they stand there, on the drills' inventory."""

from __future__ import annotations

import re
import shlex

from tests.e2e import site

PAGES = site.ROOT / "docs/runbooks"


def command(verb: str, number: int = 0) -> list[str]:
    """Return the arguments of the page's ``number``-th ansible-playbook command, without its inventory."""
    blocks = re.findall(r"^```\n(.*?)^```", (PAGES / f"{verb}.md").read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("ansible-playbook ")]
    words = shlex.split(lines[number], comments=True)[1:]
    if "-i" in words:
        place = words.index("-i")
        del words[place : place + 2]
    # The pages are about production, whose service is table-order.
    return [
        re.sub(r"^(table_order_confirm=)table-order$", rf"\g<1>{site.TARGET.name}", word) for word in words
    ]


def play(verb: str, *more: str, number: int = 0, **options: str) -> site.Run:
    """Run the page's command with ``more`` arguments; ``options`` are those of site.play."""
    return site.play(*command(verb, number), *more, **options)
