"""A run that stops ends with the task, why, and what to do: once, and without what is hidden."""

import json
import re
import subprocess

import pytest
from ansible_collections.table_order.infra.plugins.callback.last_lines import duration
from ansible_collections.table_order.infra.plugins.module_utils.aws_errors import known

from tests.unit.test_docs_links import ROOT

EXPIRED = (
    "An error occurred (ExpiredToken) when calling the ListUsers operation: The security token is expired"
)
SIGN_IN = "The credentials have expired. Sign in again"


@pytest.fixture
def last(tmp_path):
    """A function that runs tasks, and returns why the run stopped, in one line."""

    def run(*tasks):
        plays = [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]
        (tmp_path / "play.yml").write_text(json.dumps(plays))
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", tmp_path / "play.yml"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        _before, begin, message = done.stdout.partition("The run stopped")
        return re.sub(r"\) after \d+ s:", "):", " ".join((begin + message).split()), count=1)

    return run


def fail(message, **more):
    return {"name": "Fail", "ansible.builtin.fail": {"msg": message}, **more}


def test_a_stopped_run_ends_with_the_first_cause(last):
    after = {"block": [fail(EXPIRED)], "always": [fail("The lock cannot be released")]}
    assert last(after).startswith(f"The run stopped at the task 'Fail' (localhost): {EXPIRED} {SIGN_IN}")
    assert "lock" not in last(after)


def test_the_time_until_the_stop_is_told(tmp_path):
    playbook = [{"hosts": "localhost", "gather_facts": False, "tasks": [fail("Broken")]}]
    (tmp_path / "play.yml").write_text(json.dumps(playbook))
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", tmp_path / "play.yml"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert re.search(r"The run stopped at the task 'Fail' \(localhost\) after \d+ s:\nBroken", said)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.9, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3723, "62 min 3 s")]
)
def test_a_time_is_readable(seconds, said):
    assert duration(seconds) == said


def test_what_is_rescued_or_ignored_is_no_cause(last):
    rescued = {"block": [{"block": [fail(EXPIRED)]}], "rescue": [fail("The old state is back.")]}
    said = "The run stopped at the task 'Fail' (localhost): The old state is back."
    assert last(fail(EXPIRED, ignore_errors=True), rescued) == said
    assert last({**rescued, "rescue": [{"ansible.builtin.meta": "noop"}]}) == ""


def test_a_failed_item_is_told_and_advice_is_not_repeated(last):
    message = "AWS denied ec2:X (UnauthorizedOperation). Attach the policies again (scripts/policy)."
    assert last(fail("{{ item }}", loop=[message])).endswith(f"(localhost): {message}")


def test_how_to_correct_the_cause_is_told_below_a_procedure_s_message(last):
    said = last(fail(f"No cache: {EXPIRED}. Correct the cause and run the same command again."))
    assert SIGN_IN in said


def test_the_code_of_a_hidden_message_is_told(last):
    said = last(fail(f"secret-word {EXPIRED}", no_log=True))
    assert "ExpiredToken. The rest of the message is hidden" in said
    assert SIGN_IN in said
    assert "secret-word" not in said


@pytest.mark.parametrize(
    "message",
    [
        "HTTP Error 503: Service Unavailable",
        "psycopg2.errors.InternalError: x",
        "the Token of the user has expired",
    ],
)
def test_another_program_s_words_are_not_aws_s(message):
    assert known(message) == ("", "")


def test_a_server_that_does_not_answer_is_told(last):
    """Ansible runs no rescue for it."""
    away = {
        "ansible.builtin.ping": {},
        "vars": {"ansible_connection": "ssh", "ansible_port": 1, "ansible_host": "127.0.0.1"},
    }
    block = {"block": [{"name": "Ask", **away}], "rescue": [{"ansible.builtin.meta": "noop"}]}
    assert last(block).startswith("The run stopped at the task 'Ask' (localhost): ")
