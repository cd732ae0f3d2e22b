"""A failed build says the cause as lines that people can read, with the free space of a full disk; a nearly full one is refused."""

import json
import re

import pytest

from tests.unit.roles.cloud_runs import INTERPRETER
from tests.unit.roles.preflight_runs import results, run_play
from tests.unit.tasks import find

FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
# What a program prints to its output and to its errors.
CASES = {
    "the cause in the output": ("Because shop depends on soup, version solving failed.", "a warning"),
    "a full disk": ("", FULL),
}
BUILD = find("roles/fastapi_app/tasks/build/build.yml", "Fail with the diagnostics")
INSTALL = find("roles/fastapi_app/tasks/build/dependencies.yml", "Install the packages of the application")
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - name: Install
          ansible.builtin.command: {argv: [sh, -c, 'echo "$0"; echo "$1" >&2; exit 1', "{{ out }}", "{{ err }}"]}
          no_log: true
      rescue:
        - block:
            - ansible.builtin.include_role: {name: table_order.infra.fastapi_app, tasks_from: FILE}
              vars: {__fastapi_app_said: SAID}
          rescue:
            - {name: Message, ansible.builtin.debug: {msg: "{{ ansible_failed_result.msg }}"}}
""".replace("FILE", BUILD.arguments).replace("SAID", json.dumps(BUILD.keywords["vars"]["__fastapi_app_said"]))


@pytest.fixture(scope="module")
def messages(tmp_path_factory) -> dict[str, str]:
    """Return the message of each case's failed build."""
    directory = tmp_path_factory.mktemp("build")
    every = {
        "ansible_connection": "local",
        "ansible_python_interpreter": INTERPRETER,
        "fastapi_app_home": str(directory),
    }
    hosts = {name: {"out": out, "err": err} for name, (out, err) in CASES.items()}
    found = results(run_play(directory, PLAY, {"all": {"hosts": hosts, "vars": every}}), CASES)
    return {name: dict(tasks)["Message"]["msg"] for name, tasks in found.items()}


def test_the_cause_is_shown_as_lines(messages):
    lines = messages["the cause in the output"].splitlines()
    assert lines[0] == "Release  did not build and is removed; the live release is unchanged."
    assert lines[1].startswith("Install: ")
    printed, warning = CASES["the cause in the output"]
    assert lines[2:] == ["The last lines of the output:", printed, "The last lines of the errors:", warning]


def test_a_full_disk_is_said_with_the_free_space(messages):
    assert FULL in messages["a full disk"]
    said = messages["a full disk"].partition(FULL)[2]
    assert "The disk is full. Nothing else was changed: the live release, the kept releases" in said
    assert "Avail Mounted on" in said
    assert "The disk is full" not in messages["the cause in the output"]


def test_the_output_of_the_installer_is_printed_once():
    assert INSTALL.keywords["no_log"] == "{{ fastapi_app_no_log }}"


SPACE = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - ansible.builtin.include_role: {name: table_order.infra.fastapi_app, tasks_from: build/space}
        - {name: Message, ansible.builtin.debug: {msg: accepted}}
      rescue:
        - {name: Message, ansible.builtin.debug: {msg: "{{ ansible_failed_result.msg }}"}}
"""
MOST = 1048576
# The live release, and the reserve.
SPACES = {
    "room": ("", 0),
    "room for another release": ("live", 0),
    "no room": ("", MOST),
    "no room for another release": ("live", MOST),
    "a removed live release": ("gone", 0),
    "a new server": (None, MOST),
}


@pytest.fixture(scope="module")
def spaces(tmp_path_factory) -> dict[str, str]:
    """Return what is said before a build of each case; the live release has 3 MiB in a file."""
    directory = tmp_path_factory.mktemp("space")
    (directory / "home/releases/live").mkdir(parents=True)
    (directory / "home/releases/live/file").write_bytes(bytes(3 * 1024**2))
    every = {"ansible_connection": "local", "ansible_python_interpreter": INTERPRETER}
    hosts = {
        name: {
            "fastapi_app_home": str(directory / ("none" if live is None else "home")),
            "fastapi_app_disk_reserve": reserve,
            "__fastapi_app_info": {"live": live or ""},
        }
        for name, (live, reserve) in SPACES.items()
    }
    found = results(run_play(directory, SPACE, {"all": {"hosts": hosts, "vars": every}}), SPACES)
    return {name: dict(tasks)["Message"]["msg"] for name, tasks in found.items()}


@pytest.mark.parametrize("case", SPACES)
def test_a_disk_without_room_is_refused_before_the_build(spaces, case):
    if case.startswith("no room"):
        # The directory takes space, too.
        files, size = (1002, MOST + 4) if "another" in case else (1000, MOST)
        assert re.search(r"has \d+ MiB and \d+ files \(inodes\) free", spaces[case]), spaces[case]
        assert f"needs about {size} MiB and {files} files" in spaces[case]
    else:
        assert spaces[case] == "accepted"
