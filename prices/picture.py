"""Draws docs/cost.svg, the monthly cost of the default site by part. scripts/docs writes it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from plugins.plugin_utils.account_cost_report import by_part, total

COLUMNS, BAR = 88, 62
INK, BLUE = (31, 35, 40), (9, 105, 218)
THEME = TerminalTheme((255, 255, 255), INK, [INK] * 4 + [BLUE] + [INK] * 3)
# rich's own form without a window, and without fonts from the network.
FORM = """\
<svg viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px }}
{styles}
</style>
<defs>
{lines}
</defs>
<rect width="{terminal_width}" height="{terminal_height}" rx="8" fill="#ffffff"/>
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</svg>
"""


def picture(report: Mapping[str, Any]) -> str:
    """Return the SVG of a report, the most expensive part first. Raises ValueError for a report without figures."""
    if not report["items"]:
        raise ValueError(f"no figures for {report['region']}")
    parts = sorted(((total(items), name) for name, items in by_part(report["items"]).items()), reverse=True)
    rows = Table(box=None, show_header=False, padding=(0, 1))
    for usd, name in parts:
        # Spaces with a background become one rectangle.
        bar = Text.assemble((" " * max(1, round(BAR * usd / parts[0][0])), "on blue"))
        rows.add_row(name, bar, Text(f"${usd:.2f}", justify="right"))
        rows.add_row()
    rows.add_row("Sum", "", Text(f"${report['monthly']:.2f}", style="bold", justify="right"))
    title = f" Cost per month in {report['region']}, US dollars before tax"
    # With a height, too, no variable of the environment (TERM) decides the width.
    console = Console(
        record=True,
        width=COLUMNS,
        height=25,
        file=io.StringIO(),
        color_system="truecolor",
        force_terminal=True,
    )
    console.print("", Text(title, style="bold"), "", rows, "", sep="\n")
    return console.export_svg(theme=THEME, code_format=FORM, unique_id="cost")


if __name__ == "__main__":
    sys.stdout.write(picture(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
