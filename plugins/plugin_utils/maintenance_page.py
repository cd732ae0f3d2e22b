# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Show a maintenance report (maintenance.py) as one page without scripts, with pygal's charts in it, and as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from . import status_text

# What the template's style sheet defines, so that a chart is light or dark with its page.
COLOURS = {
    "background": "transparent",
    "plot_background": "transparent",
    "foreground": "var(--soft)",
    "foreground_strong": "var(--soft)",
    "foreground_subtle": "var(--line)",
    "colors": ("var(--blue)",),
    "font_family": "inherit",
    "label_font_size": 17,
    "major_label_font_size": 17,
    "opacity": ".15",
}


def picture(chart: Mapping[str, Any], number: int) -> Markup:
    """Return a chart of the report as SVG. Raises ImportError without pygal."""
    import pygal
    from pygal.style import Style

    values = [(datetime.fromtimestamp(time, UTC), value) for time, value in chart["values"]]
    drawn = pygal.DateTimeLine(
        style=Style(**COLOURS),
        js=[],
        disable_xml_declaration=True,
        fill=True,
        show_dots=False,
        show_legend=False,
        width=520,
        height=210,
        margin=4,
        range=(0, 100) if chart["unit"] == "%" else None,
        include_x_axis=True,
        min_scale=3,
        max_scale=5,
        x_labels=[
            at for at in dict.fromkeys(at.replace(hour=0) for at, _value in values) if at >= values[0][0]
        ],
        x_value_formatter=lambda at: f"{at:%m-%d}",
        value_formatter=lambda value: f"{value:g}",
    )
    drawn.uuid = str(number)
    # pygal writes one also where it loads none.
    drawn.add_xml_filter(_without_scripts)
    drawn.add(chart["name"], values)
    return Markup(drawn.render(is_unicode=True))  # noqa: S704 - pygal escapes the names


def _without_scripts(root: Any) -> Any:  # noqa: ANN401 - an element of pygal's
    for parent in list(root.iter()):
        for script in parent.findall("script"):
            parent.remove(script)
    return root


def page(report: Mapping[str, Any], template: str) -> str:
    """Return the page of a report; all of its texts are escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    charts = [
        {
            **one,
            "figure": one["name"].rpartition(" ")[2],
            "last": one["values"][-1][1],
            "svg": picture(one, number),
        }
        for number, one in enumerate(report["charts"])
    ]
    counts = {state: sum(one["state"] == state for one in report["items"]) for state in status_text.SIGNS}
    return environment.from_string(template).render(report=report, charts=charts, counts=counts)


def text(report: Mapping[str, Any], width: int) -> str:
    """Return a report as text, in the form of the status."""
    checks = [
        {
            "area": one["list"],
            "what": one["title"]["en"],
            "state": one["state"],
            "text": f"{one['title']['en']}: {one['text']['en']}"
            if one["state"] != "unknown"
            else one["details"][0],
            "do": one["do"]["en"],
        }
        for one in report["items"]
    ]
    return status_text.text({**report, "checks": checks}, width=width).replace(
        "Status of", "Maintenance of", 1
    )
