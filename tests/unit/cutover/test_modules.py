"""The three modules: what they return, what check mode does, and that no secret is among it."""

import ast
import importlib.util
import json
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.table_order.infra.plugins.module_utils import (
    fastapi_app_cutover,
    fastapi_app_release,
)

from tests.unit.cutover.fake_server import CANDIDATE, SERVICE, TOKENS
from tests.unit.cutover.test_cutover import NEW, assert_serves, broken_as, settled

PLUGINS = Path(__file__).parents[3] / "plugins"
NAMES = ("candidate", "traffic", "service", "commands")


def load(name):
    path = PLUGINS / f"modules/fastapi_app_{name}.py"
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


MODULES = {name: load(name) for name in NAMES}


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs a module against a server and returns its result, its arguments among it, as with -vvv."""

    def run_module(server, name, check=False, **options):
        monkeypatch.setattr(fastapi_app_cutover, "local", lambda fence, run: server.host())
        arguments = {"site": server.options(), "token": TOKENS["first"], **options}
        arguments |= {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_inject_invocation": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            MODULES[name].main()
        return json.loads(capsys.readouterr().out)

    return run_module


# A deployment's tasks in their order, with what each changes.
STEPS = [
    ("traffic", {"to": "service"}, False, {"requests": "service"}),
    ("candidate", {"release": "b"}, True, {"candidate": "b"}),
    ("traffic", {"to": "candidate"}, True, {"requests": "candidate"}),
    ("service", {"release": "b", "fallback": "a"}, True, {"live": "b"}),
    ("traffic", {"to": "service"}, True, {"requests": "service"}),
    ("candidate", {"state": "stopped"}, True, {"candidate": ""}),
]


def test_a_deployment_step_by_step(make, run):
    server = make()
    server.draft("b", NEW)
    for name, options, changed, after in STEPS:
        steps, before = len(server.steps), server.settled()
        previewed = run(server, name, check=True, **options)
        assert (previewed["changed"], previewed["diff"]["after"]) == (changed, after)
        # To ask nginx is no change.
        assert [step for step in server.steps[steps:] if step != "wait"] == []
        assert server.settled() == before
        done = run(server, name, **options)
        assert (done.get("failed", False), done["changed"], done["diff"]["after"]) == (
            False,
            changed,
            after,
        ), done
        assert "sesame-open" not in json.dumps([previewed, done])
    assert_serves(server, "b")
    # Only a candidate is never "there" afterwards.
    for name, options, _, _ in [STEPS[0], *STEPS[3:]]:
        again = run(server, name, **options)
        assert (again.get("failed", False), again["changed"]) == (False, False), (name, again)
    assert server.lost == []


def called(file: str) -> list[tuple[str, dict]]:
    """Return the cutover's modules that a task file calls, with their own options, whose expressions are left as they are."""
    tasks = [
        task
        for outer in yaml.safe_load((PLUGINS.parent / f"roles/fastapi_app/tasks/{file}").read_text())
        for task in outer.get("block", [outer])
    ]
    found = [
        (name, task[module])
        for task in tasks
        for name in NAMES
        if (module := f"table_order.infra.fastapi_app_{name}") in task
    ]
    assert all(options.pop("token") and options.pop("site") for _, options in found)
    return found


def test_the_role_goes_these_steps():
    """The order that is tested here is the one of the task files."""
    named = {"release": "{{ __fastapi_app_cutover.to }}", "fallback": "{{ __fastapi_app_cutover.from }}"}
    expected = [
        (name, {key: named.get(key, value) for key, value in options.items()})
        for name, options, _, _ in STEPS
    ]
    expected[1][1].update(state="started", urgent="{{ __fastapi_app_urgent }}")
    expected[3][1].update(require_processes="{{ not __fastapi_app_urgent }}")
    assert called("deployment/cutover.yml") == expected
    # From where requests go to the candidate, a recovery is the same.
    recovery = called("recover.yml")
    assert recovery[2][1].pop("ask") == "{{ __fastapi_app_switching }}"
    expected[3][1].pop("require_processes")
    assert recovery == expected[2:]


def test_a_step_that_is_repeated_in_the_middle_is_no_change(make, run):
    server = make()
    server.draft("b", NEW)
    for name, options, _, _ in STEPS[:4]:
        run(server, name, **options)
    for name, options, _, _ in STEPS[1:4]:
        again = run(server, name, **options)
        assert (again.get("failed", False), again["changed"]) == (False, False), (name, again)


def test_who_gets_the_requests_is_returned(make, run):
    server = make()
    assert run(server, "traffic", to="service")["release"] == "a"
    server.draft("b", NEW)
    run(server, "candidate", release="b")
    assert run(server, "traffic", to="candidate")["release"] == "b"


def test_a_failure_has_the_last_lines_and_no_secret(make, run):
    server = make()
    server.healthy = broken_as(CANDIDATE)
    server.draft("b", NEW)
    result = run(server, "candidate", release="b")
    assert result["failed"]
    assert "it got no request" in result["msg"]
    assert result["log"] == [f"{CANDIDATE} starts b with A=2", 'PASSWORD="********"']
    assert result["journal"] == [f"journal of {CANDIDATE}", "postgresql://app:********@db/x"]
    assert "sesame-open" not in json.dumps(result)
    assert server.settled() == settled("a")


def test_a_service_that_fails_has_the_last_lines_and_no_secret(make, run):
    server = make()
    server.healthy = broken_as(SERVICE)
    server.draft("b", NEW)
    for name, options, _, _ in STEPS[1:3]:
        run(server, name, **options)
    result = run(server, "service", release="b", fallback="a")
    assert (result["failed"], "a is live again" in result["msg"]) == (True, True)
    assert 'PASSWORD="********"' in result["log"]
    assert "sesame-open" not in json.dumps(result)


def test_check_mode_says_what_nginx_says_otherwise_and_does_not_fail(make, run):
    server = make()
    server.upstream = lambda flag: "app_candidate"
    result = run(server, "traffic", check=True, to="service")
    assert (result.get("failed", False), result["changed"]) == (False, False)
    assert "--tags nginx" in result["complaint"]
    assert run(server, "traffic", to="service")["msg"] == result["complaint"]
    assert not run(server, "traffic", to="service", ask=False).get("failed", False)


@pytest.mark.parametrize(("name", "options"), [(name, options) for name, options, _, _ in STEPS])
def test_a_run_that_has_lost_the_lock_is_told_so(make, run, name, options):
    server = make()
    server.lock_for("second")
    result = run(server, name, **options)
    assert (result["failed"], result["lock_lost"]) == (True, True)
    assert "deploy by second holds it" in result["msg"]
    assert server.steps == []


def test_a_step_waits_for_one_that_is_still_at_work(make, run, monkeypatch):
    server = make()
    monkeypatch.setattr(
        fastapi_app_cutover,
        "one_step_at_a_time",
        lambda state: fastapi_app_release.one_step_at_a_time(state, 0.2),
    )
    with fastapi_app_release.one_step_at_a_time(server.root / "state"):
        result = run(server, "traffic", to="service")
    assert "A step of another run is at work on this server" in result["msg"]
    assert not run(server, "traffic", to="service").get("failed", False)


def test_an_error_that_comes_of_another_tells_both(make, run):
    server = make()
    server.healthy = broken_as(CANDIDATE)
    server.refuses = lambda step: step == f"stop {CANDIDATE}"
    server.draft("b", NEW)
    result = run(server, "candidate", release="b")
    assert "refused by the test (after: GET http://127.0.0.1:8001/api/health" in result["msg"]


def test_a_server_that_was_not_prepared_is_an_error_in_words(make, run):
    server = make()
    options = server.options(state=str(server.root / "none"))
    result = run(server, "traffic", to="service", site=options)
    assert (result["failed"], "none/step.guard" in result["msg"]) == (True, True)


# --- what is written about them --------------------------------------------------------------------------------------


def test_commands_before_and_after(make, run):
    server = make()
    server.draft("b", NEW)
    options = {"commands": ["clear"], "properties": ["User=shop"], "directory": "src"}
    before = {"at": "before", "release": "b", "more": True, **options}
    assert run(server, "commands", check=True, **before)["changed"]
    assert server.steps == []
    assert run(server, "commands", **before)["changed"]
    # The switch has not taken place.
    assert not run(server, "commands", at="after", **options)["changed"]
    assert server.commands == [("b: clear", NEW)]
    server.ends = lambda command: "exit-code, exit status 1"
    failed = run(server, "commands", **before)
    assert failed["msg"] == "The command clear failed: exit-code, exit status 1."
    assert failed["journal"][0] == "journal of table-order-backend-command.service"
    assert "sesame-open" not in json.dumps(failed)


def documented(options: dict) -> dict:
    """Return what documentation says of options, in the words of a specification."""
    words = {"suboptions": "options"}
    return {
        name: {
            words.get(key, key): documented(value) if key == "suboptions" else value
            for key, value in said.items()
            if key != "description"
        }
        for name, said in options.items()
    }


def specified(options: dict) -> dict:
    return {
        name: {
            key: specified(value) if key == "options" else value
            for key, value in said.items()
            if key != "no_log"
        }
        for name, said in options.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_documentation_says_what_the_options_are(name):
    fragments = {
        node.targets[0].id: yaml.safe_load(node.value.value)["options"]
        for node in ast.walk(ast.parse((PLUGINS / "doc_fragments/fastapi_app_site.py").read_text()))
        if isinstance(node, ast.Assign)
    }
    module = MODULES[name]
    own = yaml.safe_load(module.DOCUMENTATION)
    site = "table_order.infra.fastapi_app_site"
    assert own["extends_documentation_fragment"] == [site, f"{site}.step"]
    options = own["options"] | fragments["DOCUMENTATION"] | fragments["STEP"]
    assert documented(options) == specified(module.ARGUMENT_SPEC)
    returned = yaml.safe_load(module.RETURN)
    assert {"release", "lock_lost"} <= returned.keys()
    assert all(
        task[f"table_order.infra.fastapi_app_{name}"]["token"] for task in yaml.safe_load(module.EXAMPLES)
    )


@pytest.mark.parametrize(
    "file", [*PLUGINS.glob("module_utils/fastapi_app_*.py"), *PLUGINS.glob("modules/fastapi_app_*.py")], ids=lambda file: file.name
)  # fmt: skip
def test_the_code_is_python_of_amazon_linux(file):
    """Its system's Python is 3.9, which runs the modules."""
    tree = ast.parse(file.read_text(), feature_version=(3, 9))
    assert "annotations" in {
        name.name for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    newer = {"slots", "kw_only", "strict"}
    used = {word.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords}
    assert not newer & used
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "UTC"]
