"""Task names are read at night in a log: file, verb and object, understandable alone. And words that roles avoid."""

import re

import pytest

from tests.unit.tasks import ROOT, as_list, load

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
# A name begins with one of these. A new verb is added here on purpose, and not by accident.
VERBS = re.compile(
    r"(Abandon|Accept|Add|Announce|Append|Apply|Assemble|Assign|Associate|Attach|Build|Bundle|"
    r"Check|Choose|Compare|Compile|Configure|Confirm|Copy|Create|Cut|Delete|Deploy|Derive|"
    r"Disable|Discover|Download|Draw|Drop|Enable|End|Export|Extend|Fail|Fetch|Find|Free|Gather|Hand|"
    r"Hash|Install|Link|List|Load|Log|Make|Mark|Migrate|Name|Plan|Prepare|Probe|Prune|"
    r"Publish|Put|Query|Raise|Read|Reconcile|Record|Recover|Refuse|Register|Release|Reload|"
    r"Remove|Render|Report|Require|Reset|Restart|Restore|Restrict|Roll|Rotate|Run|Save|Scale|Send|Set|"
    r"Show|Start|Stop|Switch|Take|Terminate|Test|Try|Unpack|Update|Upgrade|Verify|Void|Wait|"
    r"Warn|Write)"
)
# Names stand alone: a pronoun points to a line that the reader does not have.
PRONOUNS = re.compile(
    r"\b(it|its|itself|them|they|their|theirs|he|she|his|her|what|whatever|who|whose|whom|somebody|someone|nobody"
    r"|anybody|everybody|ones?|anew|too|there)\b",
    re.IGNORECASE,
)
SECTIONS = ("block", "rescue", "always")


def names_in(entries: list[dict]) -> list[str]:
    """Return the names of tasks and blocks, those of inner blocks included."""
    found = []
    for entry in entries:
        found.append(entry.get("name", ""))
        for section in SECTIONS:
            found += names_in(as_list(entry.get(section, [])))
    return found


def names() -> list[tuple[str, str]]:
    """Return each task name after the path of its file; in playbooks, where names have no prefix, after the file's stem."""
    files = [file for role in ROLES for file in sorted((ROOT / "roles" / role / "tasks").rglob("*.yml"))]
    found = [(str(file.relative_to(ROOT)), name) for file in files for name in names_in(load(file) or [])]
    for file in (
        ROOT / "site.yml",
        *sorted((ROOT / "playbooks").glob("*.yml")),
        *sorted((ROOT / "playbooks/app").glob("*.yml")),
    ):
        for play in load(file):
            said = [play["name"], *names_in(play.get("tasks", []))]
            found += [(str(file.relative_to(ROOT)), f"{file.stem} | {name}") for name in said]
    for file in sorted((ROOT / "playbooks/tasks").rglob("*.yml")):
        found += [(str(file.relative_to(ROOT)), f"{file.stem} | {name}") for name in names_in(load(file))]
    return found


def problem(name: str) -> str:
    """Return why a name cannot be read alone, or nothing."""
    action = name.partition(" | ")[2]
    words = action.split()
    if len(words) < 2:
        return "no verb with an object"
    if not VERBS.fullmatch(words[0]):
        return f"{words[0]} is no known verb"
    if found := PRONOUNS.search(action):
        return f"the pronoun {found[0]}"
    return ""


def test_a_task_name_is_a_verb_with_an_object_and_no_pronoun():
    wrong = {f"{path}: {name}": problem(name) for path, name in names() if problem(name)}
    assert wrong == {}


def test_the_tests_of_whole_runs_name_tasks_that_exist():
    """A drill that waits for a renamed task would kill nothing, and pass."""
    known = [name for _, name in names()]
    files = [file for place in ("drills", "bench", "e2e") for file in (ROOT / "tests" / place).glob("*.py")]
    files.remove(ROOT / "tests/drills/test_older_version.py")  # names the tasks of an older version
    said = {
        name
        for file in files
        for name in re.findall(r'"([A-Z][a-z ]+ \| [A-Z][^"{]+?)(?: \d+)?"', file.read_text())
    }
    assert len(said) > 10
    assert {name for name in said if not any(one.startswith(name) for one in known)} == set()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Replace | Remember it", "Remember is no known verb"),
        ("Record | Write it down", "the pronoun it"),
        ("Packages | Install them", "the pronoun them"),
        ("Activate | Check what is live", "the pronoun what"),
        ("Present | Install", "no verb with an object"),
        ("Install the packages", "no verb with an object"),
        ("Install | Packages that are missing", "Packages is no known verb"),
        ("Install | Install the missing packages", ""),
    ],
)
def test_a_name_that_cannot_be_read_alone_is_found(name, reason):
    assert problem(name) == reason


def test_every_verb_is_used():
    used = {name.partition(" | ")[2].split()[0] for _, name in names()}
    assert set(VERBS.pattern.strip("()").split("|")) - used == set()


# Words with a better one: name the person or the thing, "again", "directory", "incomplete".
AVOIDED = re.compile(
    r"\b(nobody|somebody|anybody|everybody|whoever|anew|folders?|half-built)\b", re.IGNORECASE
)
TEXTS = (".yml", ".py", ".j2", ".md")


@pytest.mark.parametrize("role", ROLES)
def test_comments_and_messages_of_a_role_use_the_houses_words(role):
    files = [file for file in (ROOT / "roles" / role).rglob("*") if file.suffix in TEXTS]
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if AVOIDED.search(line)
    ]
    assert found == []
