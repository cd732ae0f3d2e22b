"""The records of decisions: numbered without a gap, of one form, and all in the index."""

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[2] / "docs/decisions"
RECORDS = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
INDEX = (DECISIONS / "README.md").read_text(encoding="utf-8")


def test_records_are_numbered_without_a_gap():
    assert [path.name[:4] for path in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]


def test_records_have_a_title_and_three_lines():
    for path in RECORDS:
        title, blank, *lines = path.read_text(encoding="utf-8").splitlines()
        assert title.startswith(f"# {path.name[:4]} ")
        assert blank == ""
        assert [line.split(":")[0] for line in lines] == ["- **What**", "- **Why**", "- **Costs**"], path.name


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
