"""What a shared directory would hide in a release is refused before anything changes."""

from pathlib import Path

import pytest

from tests.unit.roles.cloud_runs import INTERPRETER
from tests.unit.roles.preflight_runs import results, run_play
from tests.unit.tasks import all_tasks

SHARED = ["uploads", "var/cache"]
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - ansible.builtin.include_role: {name: table_order.infra.fastapi_app, tasks_from: deployment/mounts}
        - {name: Message, ansible.builtin.debug: {msg: accepted}}
      rescue:
        - {name: Message, ansible.builtin.debug: {msg: "{{ ansible_failed_result.msg }}"}}
"""
# Paths of a backend (a link with its target), and what is said.
CASES = {
    "nothing there": ([], "accepted"),
    "kept by Git": (
        ["uploads/.gitkeep", "uploads/thumbs/.keep", "var/cache/.gitignore", "var/run/a"],
        "accepted",
    ),
    "a file": (["var/cache/a/b.db"], "would hide {backend}/var/cache/a/b.db of the release"),
    "in place of the directory": (["uploads"], "would hide {backend}/uploads of the release"),
    "a dangling link in it": (["uploads/a -> nowhere"], "would hide {backend}/uploads/a of the release"),
    "a link": (["uploads -> ../../etc"], "lead to ../../etc, var/cache by a symbolic link"),
    "a link above": (["var -> tmp"], "lead to uploads, tmp/cache by a symbolic link"),
    "a rollback": (["uploads/logo.png"], "accepted"),
    "a rollback to a link": (["uploads -> tmp"], "lead to tmp, var/cache by a symbolic link"),
}


def make(backend: Path, paths: list[str]) -> None:
    """Make a backend with these files and links."""
    backend.mkdir(parents=True)
    for path, _arrow, target in (one.partition(" -> ") for one in paths):
        file = backend / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if target:
            file.symlink_to(target)
        else:
            file.write_text("")


@pytest.fixture(scope="module")
def messages(tmp_path_factory) -> dict[str, str]:
    """Return what is said of each case, with {backend} for the path of the backend."""
    directory = tmp_path_factory.mktemp("shared")
    every = {"ansible_connection": "local", "ansible_python_interpreter": INTERPRETER}
    every |= {"fastapi_app_shared_directories": SHARED}
    hosts = {}
    for number, (name, (paths, _said)) in enumerate(CASES.items()):
        backend = directory / f"releases/{number}/backend"
        make(backend, paths)
        # As the live release is seen.
        (directory / str(number)).symlink_to(backend)
        hosts[name] = {"__fastapi_app_backend": str(directory / str(number))}
        hosts[name] |= {"__fastapi_app_hides": True} if "rollback" in name else {}
    found = results(run_play(directory, PLAY, {"all": {"hosts": hosts, "vars": every}}), CASES)
    return {
        name: dict(tasks)["Message"]["msg"].replace(hosts[name]["__fastapi_app_backend"], "{backend}")
        for name, tasks in found.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_only_what_the_service_can_write_over_is_hidden(messages, case):
    said = CASES[case][1]
    assert (messages[case] == said) if said == "accepted" else (said in messages[case]), messages[case]


def test_each_way_of_a_release_into_service_is_checked():
    files = {task.path for task in all_tasks() if task.arguments == "deployment/mounts.yml"}
    assert files == {
        f"roles/fastapi_app/tasks/{name}.yml" for name in ("build/build", "check", "host/service", "rollback")
    }
