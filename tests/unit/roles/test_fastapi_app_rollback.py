"""The release of a rollback, and the message when a rollback is impossible."""

import pytest

from tests.unit.roles.modules import load

rollback = load("filter/fastapi_app_rollback.py")

SOUND = {"complete": True, "voided": "", "environment": "e3b0", "revisions": ["r1", "r2"]}


def info(previous: str = "b", live: str = "c", schema: tuple = (), **releases: dict) -> dict:
    """Return the state of a server with releases a, b and c."""
    known = {name: SOUND | releases.get(name, {}) for name in ("a", "b", "c")}
    return {"live": live, "previous": previous, "releases": known, "schema_revisions": list(schema)}


def revision(name: str, contract: bool = False) -> dict:
    return {"id": name, "title": f"title of {name}", "contract": contract}


CHOSEN = {
    "the one before": (info(), "", "b"),
    "a given one": (info(), "a", "a"),
    "a given one, though the record is lost": (info(previous=""), "a", "a"),
    "with a schema that was only widened": (info(schema=(revision("r3"), revision("r4"))), "", "b"),
    "with a contract migration that it knows": (info(schema=(revision("r2", contract=True),)), "", "b"),
    "without its migrations, on a widened schema": (
        info(schema=(revision("r3"),), b={"revisions": []}),
        "",
        "b",
    ),
    "on a server that was never migrated": (info(schema=()), "", "b"),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_a_release_is_chosen(case):
    found, wanted, expected = CHOSEN[case]
    assert rollback.rollback_choice(found, wanted) == {"release": expected, "problem": ""}


REFUSED = {
    "nothing live": (
        info(live=""),
        "",
        "No release is live, so there is nothing to roll back. Deploy one: ansible-playbook playbooks/deploy.yml",
    ),
    "nothing before": (
        info(previous=""),
        "",
        "The audit log has no release before c that is still on the server. On the server: a, b.",
    ),
    "nothing usable": (
        info(previous="", a={"complete": False}, b={"voided": "left"}),
        "",
        "The audit log has no release before c that is still on the server. On the server: none.",
    ),
    "live already": (info(), "c", "c is already live. On the server: a, b."),
    "not there": (info(), "x", "fastapi_app_release is x, which is not on the server. On the server: a, b."),
    "incomplete": (
        info(b={"complete": False}),
        "b",
        "b is incomplete: the build was interrupted, or backend/venv is missing. On the server: a.",
    ),
    "left by a rollback": (
        info(b={"voided": "rolled back by ann: slow"}),
        "b",
        "b is void: rolled back by ann: slow. On the server: a.",
    ),
    "never live": (
        info(b={"environment": ""}),
        "",
        "b has never been live and has no environment. Deploy the release with playbooks/deploy.yml",
    ),
    "without its migrations, after a contract": (
        info(schema=(revision("r3", contract=True), revision("r4")), b={"revisions": []}),
        "",
        "b was put into service without its migrations (fastapi_app_revisions), and the database has had the contract migrations "
        "r3 (title of r3): whether the release can run on this schema is unknown. Deploy its source again, which compares the "
        "migrations.",
    ),
    "a contract migration in the way": (
        info(schema=(revision("r3"), revision("r4", contract=True), revision("r5", contract=True))),
        "",
        "b cannot run on this schema: migration r4 (title of r4) removed objects that the release needs. Deploy a newer "
        "release, or restore a database snapshot from before the migration.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_rollback_gives_the_reason(case):
    found, wanted, words = REFUSED[case]
    assert rollback.rollback_choice(found, wanted) == {
        "release": wanted or found["previous"],
        "problem": words,
    }


def test_a_contract_revision_of_the_release_itself_is_accepted():
    found = info(schema=(revision("r3", contract=True),), b={"revisions": ["r1", "r2", "r3"]})
    assert rollback.rollback_choice(found)["problem"] == ""
    assert "r3" in rollback.rollback_choice(found, "a")["problem"]


@pytest.mark.parametrize(
    ("release", "line"),
    [
        (
            {
                "source": {"type": "git", "url": "https://x/shop.git", "version": "v1"},
                "built": "10:00",
                "by": "ann",
            },
            "b  https://x/shop.git v1  built 10:00 by ann",
        ),
        ({"source": {"path": "/src"}, "built": "10:00"}, "b  /src  built 10:00 by an unknown user"),
        ({"complete": False}, "b    built never by an unknown user"),
    ],
)
def test_a_release_is_one_line(release, line):
    assert rollback.release_line({"releases": {"b": release}}, "b") == line


@pytest.mark.parametrize(("name", "line"), [("gone", "gone"), ("", "none")])
def test_a_missing_release_is_shown_by_its_name(name, line):
    assert rollback.release_line({"releases": {}}, name) == line


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        (
            ["."],
            [
                "removed backend/a.py",
                "changed backend/b.py",
                "added   backend/c.py",
                "added   backend2/x",
                "changed run",
            ],
        ),
        (["backend"], ["removed backend/a.py", "changed backend/b.py", "added   backend/c.py"]),
        (["run", "docs"], ["changed run"]),
        (["docs"], ["no file differs"]),
    ],
)
def test_only_deployed_parts_are_compared(parts, lines):
    live = {"backend/a.py": "1", "backend/b.py": "1", "run": "1", "docs/x": "1"}
    wanted = {"backend/b.py": "2", "backend/c.py": "1", "backend2/x": "1", "run": "2", "docs/x": "1"}
    assert rollback.differences(live, wanted, parts) == lines


@pytest.mark.parametrize(
    ("kinds", "at"),
    [("", ""), ("ee", "2"), ("eec", "23"), ("ecc", "123"), ("cce", "3"), ("cc", "12"), ("ecec", "34")],
)
def test_a_release_runs_before_and_after_trailing_contract_revisions(kinds, at):
    revisions = [{"id": str(number), "contract": kind == "c"} for number, kind in enumerate(kinds, 1)]
    assert "".join(rollback.serves_at(revisions)) == at
