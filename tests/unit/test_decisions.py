"""The records of decisions: numbered without a gap, of one form, dated, and all in the index."""

import re
from datetime import date
from pathlib import Path

import pytest

DECISIONS = Path(__file__).parents[2] / "docs/decisions"
RECORDS = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
INDEX = (DECISIONS / "README.md").read_text(encoding="utf-8")
FIELDS = ["Date", "Status", "What", "Why", "Costs"]


def test_records_are_numbered_without_a_gap():
    assert [path.name[:4] for path in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]


def problems(text: str, number: str, numbers: set[str]) -> list[str]:
    """Return what is wrong with the form of a record, where ``numbers`` are those of all records."""
    title, blank, *lines = text.splitlines()
    found = [] if title.startswith(f"# {number} ") and blank == "" else [f"title: {title}"]
    fields = [re.fullmatch(r"- \*\*(\w+)\*\*: (.+)", line) for line in lines]
    named = {match[1]: match[2] for match in fields if match}
    if list(named) != FIELDS or len(lines) != len(FIELDS):
        return [*found, f"lines: {lines}"]
    try:
        # fromisoformat also takes 20260101.
        if date.fromisoformat(named["Date"]).isoformat() != named["Date"]:
            found.append(f"date: {named['Date']}")
    except ValueError:
        found.append(f"date: {named['Date']}")
    status = re.fullmatch(r"accepted|superseded by \[(\d{4})\]\(\1-[^)]+\.md\)", named["Status"])
    if not status or (status[1] and status[1] not in {one for one in numbers if one > number}):
        found.append(f"status: {named['Status']}")
    return found


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name[:4])
def test_records_have_one_form(path):
    assert problems(path.read_text(encoding="utf-8"), path.name[:4], {one.name[:4] for one in RECORDS}) == []


SOUND = "# 0002 T\n\n- **Date**: 2026-01-31\n- **Status**: accepted\n- **What**: a\n- **Why**: b\n- **Costs**: c\n"


def test_a_record_may_be_superseded_by_a_later_one():
    text = SOUND.replace("accepted", "superseded by [0003](0003-x.md)")
    assert problems(text, "0002", {"0001", "0002", "0003"}) == []


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("# 0002", "# 0003"),
        ("2026-01-31", "2026-02-31"),
        ("2026-01-31", "20260131"),
        ("2026-01-31", "31 January 2026"),
        ("accepted", "proposed"),
        ("accepted", "superseded by 0003"),
        ("accepted", "superseded by [0003](0001-x.md)"),
        ("accepted", "superseded by [0004](0004-x.md)"),
        ("accepted", "superseded by [0001](0001-x.md)"),
        ("- **Date**: 2026-01-31\n", ""),
        ("- **Status**: accepted\n", ""),
        ("- **What**: a\n- **Why**: b\n", "- **Why**: b\n- **What**: a\n"),
        ("c\n", "c\nmore\n"),
    ],
)
def test_a_record_of_another_form_is_refused(sound, broken):
    assert sound in SOUND
    assert problems(SOUND.replace(sound, broken), "0002", {"0001", "0002", "0003"}) != []


def test_the_index_names_every_record_once_and_nothing_else():
    table = re.findall(r"^\| \[\d{4}\]\(([^)]+)\) \| (.+) \|$", INDEX, re.MULTILINE)
    titles = {path.name: path.read_text(encoding="utf-8").splitlines()[0][7:] for path in RECORDS}
    assert dict(table) == titles
    assert len(table) == len(RECORDS)


def test_links_lead_to_records():
    texts = [INDEX, *(path.read_text(encoding="utf-8") for path in RECORDS)]
    linked = {target for text in texts for target in re.findall(r"\]\(([^)#]+\.md)\)", text)}
    assert linked == {path.name for path in RECORDS}


def test_every_record_is_reached_from_a_line_of_the_document():
    lines = INDEX.split("## The document, line by line")[1]
    assert {path.name for path in RECORDS} == set(re.findall(r"\]\(([^)]+\.md)\)", lines))
