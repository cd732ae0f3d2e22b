"""The pages for people name only settings that there are, and the walk through a deployment is the one that the tests take."""

import re
from pathlib import Path

import pytest
import yaml

from tests.unit.settings.test_settings import said
from tests.unit.tasks import COLLECTION, load

ROOT = Path(__file__).parents[2]
WALK = ROOT / "docs/deploy-your-app.md"
PAGES = (WALK, ROOT / "README.md", ROOT / "README.ko.md")
# In the table of errors, as the example of a misspelled name and of any name.
# A misspelled one, a variable part, and what a role returns.
NO_SETTINGS = {"fastapi_app_prot", "fastapi_app_X", "fastapi_app_result", "db_migrate_result"}


def settings() -> set[str]:
    """Return the settings of all entry points of all roles."""
    return {
        name
        for path in ROOT.glob("roles/*/meta/argument_specs.yml")
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values()
        for name in entry.get("options", {})
    }


def walk() -> tuple[dict, list, dict]:
    """Return the inventory of the walk, the tasks of its own playbook, and its additional settings with a database."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", WALK.read_text(), re.DOTALL | re.MULTILINE)
    inventory, playbook, settings = map(yaml.safe_load, blocks)
    return inventory["app"], playbook[0]["tasks"], settings


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_setting_that_is_named_is_one(page):
    named = set(re.findall(r"\b(?:fastapi_app|nginx|db_migrate|cloudwatch_agent)_\w+", page.read_text()))
    assert named - NO_SETTINGS <= settings()


# During a migration, and for a candidate, it is another release than the one that is deployed; at first there is none.
@pytest.mark.parametrize(
    "page", [WALK, *sorted(ROOT.glob("roles/*/README.md"))], ids=lambda page: page.parent.name
)
def test_no_variable_for_python_names_the_live_release(page):
    assert not re.findall(r"PYTHONPATH: /\S+/backend\S*", page.read_text())


def test_the_walk_sets_what_the_roles_tests_set():
    hosts = yaml.safe_load((ROOT / "molecule/fastapi_app/inventory/hosts.yml").read_text())["molecule"][
        "hosts"
    ]
    tested = hosts["table-order-molecule-fastapi_app-options"]
    described = walk()[0]["vars"]
    # Where a log and a repository are differs; the rest is the same application with the same settings.
    places = {"fastapi_app_log_directory", "fastapi_app_source", "fastapi_app_environment"}
    same = described.keys() - places
    assert {name: described[name] for name in same} == {name: tested[name] for name in same}
    assert described["fastapi_app_source"]["version"] == tested["fastapi_app_source"]["version"]


def set_in_a_row(row: str) -> list[dict]:
    """Return the settings that a row of a table names with their values; each further value of a setting is a case of its own."""
    cases: list[dict] = [{}]
    for code in re.findall(r"`([^`]+)`", row.replace("\\|", "|")):
        if not re.match(r"(fastapi_app|nginx|db_migrate)_\w+: ", code) or "..." in code:
            continue
        given = yaml.safe_load(code)
        if cases[0].keys() & given.keys():
            cases.append(cases[0] | given)
        else:
            cases[0] |= given
    return [case for case in cases if case]


def rows() -> dict[str, dict]:
    """Return the settings of each row of the walk's tables, by its first cell; "the same" is the row before."""
    found: dict[str, dict] = {}
    before: dict = {}
    for line in WALK.read_text().split("## What each error means")[0].splitlines():
        if line.startswith("|"):
            has, _, sets = line.strip("| ").partition(" | ")
            cases = set_in_a_row(line)
            before = before if sets.startswith("the same") else {}
            found |= {f"{has} ({place})": before | case for place, case in enumerate(cases)}
            before |= cases[0] if cases else {}
    return found


ROWS = rows()


@pytest.mark.parametrize("has", ROWS)
def test_what_a_row_sets_is_accepted(has, tmp_path):
    given = ROWS[has]
    if "path" in given.get("fastapi_app_source", {}):
        # The archive that the row names.
        (tmp_path / "shop.zip").touch()
        given = given | {
            "fastapi_app_source": given["fastapi_app_source"] | {"path": str(tmp_path / "shop.zip")}
        }
    for role in ("fastapi_app", "nginx", "db_migrate"):
        own = {name: value for name, value in given.items() if name.startswith(f"{role}_")}
        if own:
            assert said(role, own) == []


def test_most_rows_set_something():
    assert len(ROWS) >= 40


# What programs say that the roles run.
OTHERS = (
    "The checksum for",
    "did not match",
    "Hashes are required in --require-hashes mode",
    "The lockfile at",
    "needs to be updated",
    "Distribution not found at",
    "unable to detect version",
    "Host key verification failed",
    "could not read Username",
    "is incompatible with the project's Python requirement",
    "No package",
    "No package matching",
    "available",
    "Could not import module",
    "Attribute",
    "not found",
    "ModuleNotFoundError",
    "Invalid host header",
    "KeyError",
    "Field required",
    "Read-only file system",
    "Permission denied",
)


def quoted_errors() -> set[str]:
    """Return the fixed parts of the messages in the table of errors."""
    table = WALK.read_text().split("## What each error means")[1].split("\n## ")[0]
    messages = [
        cell for line in table.splitlines() if line.startswith("|") for cell in [line.split(" | ")[0]]
    ]
    quotes = [quote for cell in messages for quote in re.findall(r"``(.+?)``|`([^`]+)`", cell)]
    # What stands for something else: an ellipsis, a name, a path, a setting.
    variable = r"\.\.\.(?!\w)|[:.;] |: |\bservice\b|HOST|NAME\S*|`[^`]*`|fastapi_app_\w+|backend/\S+|python3\.\d+|\b\d{3}\b"
    parts = {part.strip(" ,?:") for quote in quotes for part in re.split(variable, "".join(quote))}
    return {part for part in parts if len(part) > 6}


def test_each_error_that_is_quoted_is_one_that_is_said():
    files = [*ROOT.glob("plugins/*/*.py"), *ROOT.glob("roles/*/*/**/*.yml"), *ROOT.glob("roles/*/files/*.py")]
    said = " ".join(re.sub(r"['\"]\s*\n\s*f?['\"]", "", path.read_text()) for path in files)
    said = re.sub(r"\s+", " ", said).replace('\\"', '"')
    quoted = quoted_errors()
    assert len(quoted) > 20
    assert {part for part in quoted if part not in said and part not in OTHERS} == set()


def test_the_walk_calls_entry_points_and_playbooks_that_there_are():
    for task in walk()[1]:
        call = task["ansible.builtin.include_role"]
        specification = yaml.safe_load(
            (ROOT / f"roles/{call['name'].removeprefix(COLLECTION)}/meta/argument_specs.yml").read_text()
        )
        assert call.get("tasks_from", "main") in specification["argument_specs"]
    named = set(re.findall(rf"{COLLECTION}app[.](\w+)", WALK.read_text()))
    shipped = {path.stem for path in (ROOT / "playbooks/app").glob("*.yml")} - {"hosts"}
    assert named == shipped


def test_a_setting_of_the_deployment_is_refused_before_the_server_is_prepared():
    """A password that is not in the environment was found after a quarter of an hour of packages."""
    [deploy] = [play for play in load(ROOT / "playbooks/app/deploy.yml") if "tasks" in play]
    calls = [
        next(value for key, value in task.items() if key.endswith("_role")) | {"when": task.get("when")}
        for task in deploy["tasks"]
    ]
    short = [(call["name"].removeprefix(COLLECTION), call.get("tasks_from", "main")) for call in calls]
    assert short == [
        ("fastapi_app", "preflight"),
        ("db_migrate", "preflight"),
        ("fastapi_app", "main"),
        ("fastapi_app", "deploy"),
    ]
    [check] = load(ROOT / "roles/fastapi_app/tasks/preflight.yml")
    assert "part=__fastapi_app_part | default('deploy'))" in check["vars"]["__fastapi_app_problems"]
    site = (ROOT / "playbooks/deploy.yml").read_text()
    assert (
        site.index("tasks_from: secrets")
        < site.index("tasks_from: preflight")
        < site.index("tasks_from: check")
    )


def test_the_deployment_of_the_walk_goes_the_way_of_the_sites():
    """One goes on with the data's lanes and tags in between; neither may leave out a phase of the other."""
    steps = re.findall(
        r"(?:include_tasks: |name: table_order[.]infra[.])([\w/]+)",
        (ROOT / "roles/fastapi_app/tasks/deploy.yml").read_text(),
    )
    phases = [step.removeprefix("deployment/") for step in steps[1:]]
    assert phases == ["lock", "release", "check", "db_migrate", "abandon", "switch", "contract", "unlock"]
    sites = {"db_migrate": f"name: {COLLECTION}db_migrate", "switch": "tasks_from: activate"}
    deployment = (ROOT / "playbooks/deploy.yml").read_text()
    places = [deployment.rindex(f"{sites.get(phase, f'tasks_from: {phase}')}\n") for phase in phases[1:]]
    assert places == sorted(places)
