"""The words of the pages for people: one word for one thing, and a name in place of a pronoun that names no one."""

import re

import pytest

from tests.unit.test_docs_links import PAGES, ROOT

AVOIDED = re.compile(r"\b(nobody|somebody|someone|anybody|everybody|whoever|anew|folders?)\b", re.IGNORECASE)
# Records stay as they were written, and the list of changes is generated.
KEPT = (ROOT / "docs/decisions", ROOT / "CHANGELOG.md")
FRAGMENTS = sorted((ROOT / "changelogs/fragments").glob("*.yml"))
WRITTEN = [page for page in [*PAGES, *FRAGMENTS] if not any(page.is_relative_to(kept) for kept in KEPT)]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_the_words_of_the_field(page) -> None:
    found = [line for line in page.read_text().splitlines() if AVOIDED.search(line)]
    assert found == []
