"""What holds for every task of a kind, in all roles and playbooks: one that forgets it is named here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.tasks import COLLECTION, ROOT, Task, all_tasks, find, load, of

# Where a file belongs to a program that can judge it, what judges it before it replaces the one that is there. For nginx.conf the
# module nginx_site does: tests/unit/roles/test_nginx_sites.py.
JUDGES = {
    r"^/etc/logrotate[.]d/": "logrotate --debug",
    r"_ca_path\b": "openssl x509",
}


def written() -> list[Task]:
    return of("template", "copy", "get_url", "lineinfile")


def place(task: Task) -> str:
    return str(task.arguments.get("dest", task.arguments.get("path", "")))


@pytest.mark.parametrize(
    ("task", "judge"),
    [(task, judge) for task in written() for where, judge in JUDGES.items() if re.search(where, place(task))],
    ids=str,
)
def test_a_file_that_a_program_can_judge_is_judged_before_it_is_live(task, judge):
    assert judge in task.arguments["validate"]
    assert "%s" in task.arguments["validate"]


def test_each_judge_has_something_to_judge():
    places = [place(task) for task in written()]
    assert [where for where in JUDGES if not any(re.search(where, one) for one in places)] == []


def reads_nginx(task: Task) -> bool:
    """Tell whether nginx, once it runs, must open again what the task writes."""
    opened = ("/etc/nginx/nginx.conf", "{{ __nginx_tls_files", "{{ nginx_log_directory }}/{{ item }}")
    changes = task in written() or task.arguments.get("state") == "touch"
    return task.role == "nginx" and changes and place(task).startswith(opened)


def test_what_nginx_reads_at_its_start_is_followed_by_a_reload():
    reading = [task for task in [*written(), *of("file")] if reads_nginx(task)]
    # The module nginx_site writes nginx.conf.
    assert len(reading) == 3
    assert [str(task) for task in reading if task.keywords.get("notify") != "Reload nginx"] == []


def test_every_notification_is_heard_and_nginx_is_asked_before_it_is_reloaded():
    heard = {
        name
        for task in all_tasks()
        if "/handlers/" in task.path
        for name in (task.name, task.keywords.get("listen"))
    }
    assert {task.keywords["notify"] for task in all_tasks() if "notify" in task.keywords} <= heard
    chain = [task for task in all_tasks() if task.keywords.get("listen") == "Reload nginx"]
    assert "nginx -t" in str(chain[0].arguments)
    assert chain[0].keywords.get("failed_when") is None
    assert [task.arguments.get("state") for task in chain[1:]] == ["reloaded"]


def test_nothing_restarts_nginx():
    """A restart closes every guest's connection, and a configuration that is refused stays down."""
    found = [task for task in of("systemd_service") if "nginx" in str(task.arguments.get("name"))]
    assert {task.arguments["state"] for task in found} == {"started", "stopped", "reloaded"}
    assert {task.path for task in found if task.arguments["state"] == "stopped"} == {
        "roles/nginx/tasks/absent.yml"
    }


def test_root_follows_no_link_that_it_did_not_look_for():
    """Links are replaced themselves, and what a search has found is changed itself, not what it may point to by then."""
    searched = [task for task in of("file") if ".files" in str(task.keywords.get("loop"))]
    changed = [task for task in searched if {"owner", "mode"} & set(task.arguments)]
    linked = [task for task in of("file") if task.arguments.get("state") == "link"]
    assert changed
    # Those of a cutover are replaced by tests/unit/cutover's code.
    assert linked
    assert [str(task) for task in [*changed, *linked] if task.arguments.get("follow") is not False] == []


def test_nothing_is_writable_by_others():
    modes = {
        str(task): str(task.arguments["mode"]) for task in all_tasks() if "mode" in as_dict(task.arguments)
    }
    assert len(modes) > 30
    assert {name for name, mode in modes.items() if mode.isdigit() and int(mode, 8) & 0o022} == set()


def as_dict(arguments: object) -> dict:
    return arguments if isinstance(arguments, dict) else {}


def test_an_installation_waits_for_whoever_else_installs():
    """A new machine updates itself at its first boot, for minutes, and holds the lock of the packages meanwhile."""
    installing = [task for task in of("apt", "dnf") if task.arguments.get("state") != "absent"]
    assert len(installing) > 8
    assert [str(task) for task in installing if task.arguments.get("lock_timeout", 0) < 300] == []


def test_git_asks_nobody_for_a_password():
    """It would wait for ever for an answer that no one types."""
    asking = [
        task
        for task in all_tasks()
        if task.module.endswith(".git")
        or re.search(r"\bgit\b.*\b(clone|fetch|ls-remote)\b", str(task.arguments))
    ]
    assert len(asking) == 2
    assert [
        str(task) for task in asking if task.keywords.get("environment") != {"GIT_TERMINAL_PROMPT": "0"}
    ] == []


def test_no_module_makes_a_temporary_folder_of_root_s():
    """It is not there on a new server: Ansible makes it, and prints a warning in the middle of the first run."""
    making = of("lineinfile", "blockinfile", "replace", "assemble", "get_url")
    assert len(making) > 2
    given = [
        task.arguments.get("tmp_dest", task.keywords["vars"].get("ansible_remote_tmp")) for task in making
    ]
    assert given == ["/var/tmp"] * len(making)  # noqa: S108


def test_what_is_run_as_it_was_downloaded_is_compared_with_a_checksum():
    unsure = {task.name for task in of("get_url") if "sha256:" not in task.arguments.get("checksum", "")}
    # The agent's own address serves the latest version; who wants another names a file of the controller.
    assert unsure == {"Fetch | Download the package"}
    variables = load(ROOT / "roles/fastapi_app/vars/main.yml")
    commands = [str(task.arguments) for task in of("command")] + [
        str(variables["__fastapi_app_install_commands"])
    ]
    installs = [one for one in commands if "/bin/pip', 'install'" in one]
    assert len(installs) == 2
    assert [one for one in installs if "'--require-hashes'" not in one] == []


def test_a_failure_that_is_let_pass_is_looked_at():
    """A task that cannot fail is registered, and something asks what it has found."""
    places = ("roles/*/*/**/*.yml", "roles/*/*/**/*.j2", "playbooks/*.yml")
    texts = {path: path.read_text() for place in places for path in ROOT.glob(place)}
    # Fails harmlessly for a unit that is not in the failed state.
    resetting = {"Absent | Reset the failed state of the service"}
    passing = [
        task
        for task in all_tasks()
        if task.keywords.get("failed_when") is False and task.name not in resetting
    ]
    assert len(passing) > 8
    for task in passing:
        # Or hands the whole to a filter that knows what failed.
        whole = r" \| default\((\{\}|__closed)\) \}\}"
        looked = re.compile(rf"\b{task.keywords['register']}([.](rc|stdout|stderr|results|msg)|{whole})")
        # A role's files, or the playbook alone.
        place = f"roles/{task.role}/" if task.path.startswith("roles/") else task.path
        own = [text for path, text in texts.items() if place in str(path)]
        assert any(looked.search(text) for text in own), task


# Commands that change nothing, and whose answer is that something would change.
TELLING = {
    "Reload | Find files newer than the last reload",
    "Tls | Find a matching certificate and key on the host",
}


def test_what_also_runs_in_check_mode_changes_nothing():
    reading = ("command", "shell", "uri", "apt", "stat", "slurp")
    # Only these tasks remove the previews of check runs, killed ones included.
    clearing = {
        "Recover | Remove the previews of killed check runs",
        "Unlock | Remove the preview of check mode",
    }
    for task in all_tasks():
        if task.keywords.get("check_mode") is False and task.name not in clearing:
            assert task.module.rpartition(".")[2] in reading, task
            fetched = task.module.endswith(".uri") and task.arguments.get("method", "GET") == "GET"
            assert task.keywords.get("changed_when") is False or task.name in TELLING or fetched, task


# What check mode does not come to, or where the result is of no use to it.
NOT_IN_CHECK_MODE = {
    "Reset the failed state of the service",
    "Reload nginx",
    "Read the version of the newly installed nginx",
    "Test nginx's configuration",
}
# Files that only a failure or a real run includes.
REAL_RUNS = ("python_offer.yml", "preview.yml")


def test_a_command_that_only_looks_looks_in_check_mode_too():
    """Otherwise what follows finds no result there: a preview would end with an error, or lie."""
    looking = [
        task
        for task in of("command", "shell")
        if task.keywords.get("changed_when") is False or task.name in TELLING
    ]
    assert len(looking) > 20
    missing = [
        task
        for task in looking
        if task.keywords.get("check_mode") is not False
        and "not ansible_check_mode" not in task.conditions
        and "__db_migrate_found.driver" not in task.conditions
        and not task.path.endswith(REAL_RUNS)
        and not any(task.name.endswith(name) for name in NOT_IN_CHECK_MODE)
    ]
    assert [str(task) for task in missing] == []


def test_a_task_of_a_role_begins_with_the_name_of_its_file():
    """Alone in a log it says where it stands."""
    strange = [
        str(task)
        for task in all_tasks()
        if "/tasks/" in task.path
        and task.role != "playbooks"
        and task.name.split(" | ")[0].lower() != Path(task.path).stem.replace("_", " ")
    ]
    assert strange == []


def test_every_refusal_says_what_is_wrong_in_words():
    refusing = of("assert")
    assert len(refusing) > 60
    assert [str(task) for task in refusing if len(str(task.arguments.get("fail_msg", ""))) < 20] == []


def takes_the_lock(task: Task) -> bool:
    arguments = task.arguments
    if task.module.endswith("include_tasks") and task.role == "fastapi_app":
        return arguments == "lock.yml"
    return (
        as_dict(arguments).get("tasks_from") == "lock"
        and as_dict(arguments).get("name") == f"{COLLECTION}fastapi_app"
    )


def is_unlock(task: Task) -> bool:
    return task.arguments == "unlock.yml" or as_dict(task.arguments).get("tasks_from") == "unlock"


def gives_it_back(task: Task) -> bool:
    return is_unlock(task) and task.section == "always"


def test_whoever_takes_the_lock_of_deployments_gives_it_back_whatever_happens():
    taking = {task.path for task in all_tasks() if takes_the_lock(task)}
    # Within a deployment, which holds it: for longer.
    taking -= {"playbooks/tasks/before_migration.yml"}
    # Within a procedure, whose end and stop give it back.
    taking -= {"playbooks/tasks/patch_compare.yml"}
    assert len(taking) == 6
    assert taking - {task.path for task in all_tasks() if gives_it_back(task)} == set()
    # The playbook takes it in one play and holds it to the end of another: each gives it back when it fails.
    given = [task for task in all_tasks() if task.path == "playbooks/deploy.yml" and is_unlock(task)]
    assert [task.section for task in given] == ["rescue", "always"]


def test_a_wait_that_fails_does_not_keep_the_server_locked():
    """A play of which every host fails ends the run, before the play that gives the lock back."""
    play = next(one for one in load(ROOT / "playbooks/deploy.yml") if one["name"].startswith("Wait for"))
    waiting, idle = play["hosts"].split(":")
    assert (waiting, play["tasks"][0]["ansible.builtin.meta"]) == ("data", "end_host")
    assert play["tasks"][0]["when"] == f"inventory_hostname == '{idle}'"
    # What comes next has nothing to connect to then.
    guard = find("playbooks/deploy.yml", "Require the database and the cache")
    assert guard.section == "block"
    assert set(guard.keywords["tags"]) == {"fastapi_app", "db_migrate"}


def test_a_removal_needs_the_service_name():
    """In each play, since --limit or --start-at-task may skip the first one."""
    plays = load(ROOT / "playbooks/destroy.yml")
    removing = [play for play in plays if re.search(r"'tasks_from': 'absent(_\w+)?'", str(play))]
    assert len(removing) == 3
    for play in removing:
        first = play["tasks"][0]["ansible.builtin.include_role"]
        assert first == {"name": f"{COLLECTION}table_order", "tasks_from": "confirm"}
        assert "when" not in play["tasks"][0]


def test_the_server_is_removed_before_the_final_snapshot():
    """An order in between would be lost."""
    order = [str(task.arguments) for task in all_tasks() if task.path == "playbooks/destroy.yml"]
    server = next(n for n, one in enumerate(order) if f"'{COLLECTION}aws_compute'" in one)
    database = next(
        n for n, one in enumerate(order) if f"'{COLLECTION}aws_database'" in one and "'absent'" in one
    )
    assert server < database
    # A server that could not be removed ends the run.
    stop = find("playbooks/destroy.yml", "Stop before the deletion of the database")
    assert (stop.section, stop.arguments["tasks_from"]) == ("rescue", "stop")
    *_, last = load(ROOT / "roles/table_order/tasks/stop.yml")
    assert "ansible.builtin.fail" in last


def test_no_playbook_runs_with_a_part_of_its_lanes():
    """With --limit, a removal would leave the server out and take the database, and a lane left out would seem to have failed."""
    guarded = {"confirm", "lanes", "lock"}
    for name in guarded:
        tasks = load(ROOT / f"roles/table_order/tasks/{name}.yml")
        assert {"limit.yml"} <= {task.get("ansible.builtin.import_tasks") for task in tasks}
    playbooks = (ROOT / "playbooks").glob("*.yml")
    entries = {path.name: re.findall(r"tasks_from: (\w+)", path.read_text()) for path in playbooks}
    assert [name for name, found in entries.items() if not guarded | {"server"} & set(found)] == []
    assert "lanes.yml" in str(load(ROOT / "roles/table_order/tasks/server.yml")[0])


def test_every_tag_that_there_is_and_no_other_may_be_asked_for():
    texts = [path.read_text() for path in (ROOT / "playbooks").glob("*.yml")]
    lists = [one for text in texts for one in re.findall(r"\btags: (?:&\w+ )?\[([\w, ]+)\]", text)]
    tags = {tag.strip() for one in lists for tag in one.split(",")} - {"always"}
    accepted = load(ROOT / "roles/table_order/vars/main.yml")["__table_order_run_tags"]
    assert set(accepted) == tags


def test_a_lane_that_failed_ends_the_run():
    """The plays on all lanes, or on the lanes and the server, stop for all hosts after a failure."""
    for path in (ROOT / "playbooks").glob("*.yml"):
        for play in load(path):
            if re.search(r"'tasks_from': '(lanes|server)'", str(play)):
                assert play["any_errors_fatal"] is True, f"{path.name}: {play['name']}"


def test_a_module_name_is_used_once():
    """Two modules of one name: the one in the role's library would hide the other, in that role only."""
    files = [*ROOT.glob("plugins/modules/*.py"), *ROOT.glob("roles/*/library/*.py")]
    assert sorted(file.stem for file in files) == sorted({file.stem for file in files})
