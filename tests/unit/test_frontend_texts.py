"""The pages speak one language at a time: each text is in both dictionaries, and in no other place."""

import json
import re
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "examples/table-order/frontend"
TEXTS = FRONTEND / "shared/src/texts"
SOURCES = [
    path
    for directory in FRONTEND.glob("*/src")
    for path in directory.rglob("*")
    if path.suffix in (".ts", ".tsx")
]
# A key that is made of a part, such as `status_${status}`.
COMPOSED = ("status_", "page_")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# Words between tags, alone on their line or not, and those in attributes that are read or read out.
IN_MARKUP = re.compile(
    r"^\s*[A-Z][A-Za-z' ]+[.…]?$|<\w+[^<>=]*>\s*[A-Za-z][A-Za-z' ]+[.…]?\s*<", re.MULTILINE
)
IN_ATTRIBUTE = re.compile(r'\b(?:aria-label|label|title|alt|hint|placeholder)="[^"]*[A-Za-z]')
HANGUL = re.compile("[\uac00-\ud7a3]")


def dictionary(language: str) -> dict[str, str | dict[str, str]]:
    return json.loads((TEXTS / f"{language}.json").read_text())


def forms(text: str | dict[str, str]) -> list[str]:
    """The forms of a text: one, or two where a language tells one from several."""
    return [text] if isinstance(text, str) else [text["one"], text["other"]]


def values(text: str | dict[str, str]) -> set[str]:
    return {name for form in forms(text) for name in re.findall(r"\{(\w+)\}", form)}


def code() -> str:
    return COMMENT.sub("", "\n".join(path.read_text() for path in SOURCES))


def test_both_languages_have_the_same_texts_with_the_same_values():
    korean, english = dictionary("ko"), dictionary("en")
    assert list(korean) == list(english)
    assert {key: values(text) for key, text in korean.items()} == {
        key: values(text) for key, text in english.items()
    }
    assert all(form.strip() for words in (korean, english) for text in words.values() for form in forms(text))


def test_each_text_is_in_its_language():
    english = [form for text in dictionary("en").values() for form in forms(text)]
    assert not [form for form in english if HANGUL.search(form)]
    # Units, signs and a format are the same everywhere.
    untold = [key for key, text in dictionary("ko").items() if not HANGUL.search("".join(forms(text)))]
    assert untold == []


def test_each_text_is_used():
    keys = set(re.findall(r'"(\w+)"', code()))
    assert [key for key in dictionary("ko") if key not in keys and not key.startswith(COMPOSED)] == []


@pytest.mark.parametrize("found", [IN_MARKUP, IN_ATTRIBUTE, HANGUL], ids=["markup", "attribute", "hangul"])
def test_no_text_is_anywhere_else(found: re.Pattern[str]):
    assert found.findall(code()) == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (IN_MARKUP, "<h2>Add a menu</h2>"),
        (IN_MARKUP, "<p>\n  Nothing yet.\n</p>"),
        (IN_ATTRIBUTE, '<ul aria-label="Tables">'),
    ],
)
def test_a_text_in_a_component_would_be_found(found: re.Pattern[str], line: str):
    assert found.search(line)


@pytest.mark.parametrize("page", ["customer-ui", "admin-ui", "superadmin-ui"])
def test_a_page_is_korean_before_a_script_has_run(page: str):
    assert '<html lang="ko">' in (FRONTEND / page / "index.html").read_text()
