"""The frame of the procedures of docs/runbooks: shown, confirmed, one at a time, ended on one screen."""

import json
import os
import re
import subprocess
import time

import pytest
import yaml

from tests.unit.roles.cloud_runs import ROOT, make_inventory, run_plays

LOCK = "/table-order/lock/provision"
PROCEDURE = {
    "verb": "recover_database",
    "does": ["restores table-order-db to its latest time", "renames table-order-db to table-order-db-old"],
    "downtime": "10 to 40 minutes",
    "lease": 7200,
}
OUTCOME = {
    "done": ["table-order-db was restored to 12:00:00"],
    "rto": 754,
    "rpo": 59,
    "document": "15 to 30 minutes",
    "next": ["delete table-order-db-old"],
}
CONFIRMED = ("-e", "table_order_confirm=table-order")


def frame(entry, **variables):
    return {
        "name": entry.capitalize(),
        "ansible.builtin.include_role": {"name": "table_order.infra.table_order", "tasks_from": entry},
        "vars": variables,
    }


def play(*tasks):
    return {"hosts": "aws", "gather_facts": False, "any_errors_fatal": True, "tasks": list(tasks)}


BEGIN = play(frame("begin", table_order_procedure=PROCEDURE))
END = play(frame("end", table_order_outcome=OUTCOME))


@pytest.fixture
def run(tmp_path, url, client):
    """A function that runs plays; the lock is free afterwards."""
    inventory = make_inventory(tmp_path, url)

    def run(*plays, options=CONFIRMED):
        return run_plays(tmp_path, inventory, list(plays or (BEGIN, END)), *options)

    yield run
    if names := [one["Name"] for one in numbers(client)]:
        client("ssm").delete_parameters(Names=names)


@pytest.fixture
def server(tmp_path, run):
    """The state directory of a server that is this machine; gives the options that put it there."""
    state = tmp_path / "server"
    state.mkdir()
    host = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_host": "127.0.0.1",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "ansible_port": 9,
        "table_order_instance_id": "i-0",
        "table_order_host_key": "ssh-ed25519 " + "A" * 68,
        "table_order_launch_time": "",
    }
    inventory = {"app_server": {"hosts": {"server": host}}}
    (tmp_path / "inventory/50-server.yml").write_text(yaml.safe_dump(inventory))
    return state, (*CONFIRMED, "-e", f"__fastapi_app_state_directory={state}")


def deployment():
    """Return the lock of a deployment that another machine runs."""
    holder = {"who": "a@b", "what": "deploy", "since": "today", "token": "x", "machine": "elsewhere"}
    return holder | {"process": 1, "started": "1", "why": "", "lease": 3600}


def numbers(client):
    """Return the account lock's parameters, the latest last."""
    found = client("ssm").get_parameters_by_path(Path=LOCK)["Parameters"]
    return sorted(found, key=lambda one: int(one["Name"].rpartition("/")[2]))


def locks(client):
    return [json.loads(one["Value"]) for one in numbers(client)]


def test_a_procedure_says_what_it_does_is_confirmed_and_ends_with_one_screen(run, client, tmp_path):
    written = tmp_path / "result.json"
    done = run(options=(*CONFIRMED, "-e", f"procedure_json={written}"))
    assert done.status == 0, done.output[-3000:]
    for line in (
        "recover_database of table-order, environment local, account 123456789012, ap-northeast-2",
        *PROCEDURE["does"],
        "Downtime   10 to 40 minutes",
        "recover_database of table-order: done after ",
        "Done       table-order-db was restored to 12:00:00",
        "RTO        12 min 34 s, measured; the deployment document: 15 to 30 minutes",
        "RPO        59 s, measured",
        "Next       delete table-order-db-old",
    ):
        assert line in done.messages
    held, *_, freed = locks(client)
    assert (held["state"], held["what"], held["lease"]) == ("held", "a recover_database of table-order", 7200)
    assert freed["state"] == "free"
    result = json.loads(written.read_text())
    assert {key: result[key] for key in OUTCOME} == OUTCOME
    assert (result["verb"], result["service"], result["status"]) == (
        "recover_database",
        "table-order",
        "done",
    )
    recorded = client("ssm").get_parameter(Name="/table-order/done/recover_database")["Parameter"]["Value"]
    assert json.loads(recorded) == {key: result[key] for key in ("began", "seconds", "rto", "rpo")}
    assert 0 <= result["seconds"] < 300
    assert abs(result["began"] - time.time()) < 300


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ((), ""),
        (("-e", "table_order_confirm=table-order-staging"), "table-order-staging"),
        # The setting's old name is destroy.yml's.
        (("-e", "table_order_destroy=table-order"), ""),
    ],
    ids=str,
)
def test_without_the_service_s_name_nothing_happens(run, client, options, given):
    refused = run(options=options)
    assert refused.status != 0
    assert f"table_order_confirm is '{given}'" in refused.messages
    assert "-e table_order_confirm=table-order." in refused.messages
    assert "restores table-order-db to its latest time" in refused.messages
    assert locks(client) == []


def test_a_removal_with_the_data_deletes_the_record_of_each_procedure():
    books = {path.stem: path.read_text() for path in (ROOT / "playbooks").glob("*.yml")}
    ending = {verb for verb, text in books.items() if re.search(r"tasks_from: end\b", text)} - {"destroy"}
    assert set(re.findall(r"- done/(\w+)", books["destroy"])) == ending


REMOVAL = PROCEDURE | {"verb": "destroy"}


def test_a_removal_leaves_no_record_of_itself(run, client):
    done = run(play(frame("begin", table_order_procedure=REMOVAL)), END)
    assert done.status == 0, done.output[-3000:]
    assert "destroy of table-order: done after" in done.messages
    names = {"ParameterFilters": [{"Key": "Name", "Values": ["/table-order/done/destroy"]}]}
    assert client("ssm").describe_parameters(**names)["Parameters"] == []


@pytest.mark.parametrize(
    ("tagged", "known", "refused"),
    [(True, False, True), (False, True, True), (False, False, False)],
    ids=["tagged", "known here", "never configured"],
)
def test_a_removal_refuses_a_deployment_of_a_configured_server(
    run, client, server, tmp_path, tagged, known, refused
):
    state, options = server
    hosts = tmp_path / "inventory/50-server.yml"
    if not tagged:
        hosts.write_text(re.sub("table_order_host_key: .*", "table_order_host_key: ''", hosts.read_text()))
    if known:
        (tmp_path / "state").mkdir(exist_ok=True)
        (tmp_path / "state/known_hosts").write_text("i-1 ssh-rsa B\ni-0 ssh-ed25519 A\n")
    (state / "lock.json").write_text(json.dumps(deployment()))
    removed = run(play(frame("begin", table_order_procedure=REMOVAL)), options=options)
    assert (removed.status != 0) is refused, removed.output[-3000:]
    assert ("deploy by a@b since today" in removed.messages) is refused
    assert locks(client)[-1]["state"] == ("free" if refused else "held")


def test_destroy_still_takes_the_old_name(run, client):
    destroy = frame("confirm", table_order_procedure=PROCEDURE | {"verb": "destroy"})
    assert run(play(destroy), options=("-e", "table_order_destroy=table-order")).status == 0
    assert run(play(destroy), options=("-e", "table_order_destroy=other")).status != 0


@pytest.mark.parametrize("options", [CONFIRMED, ("--check",)], ids=["run", "check"])
def test_it_refuses_before_the_end_of_a_recovery_which_itself_may_go_on(run, client, options):
    name = "/table-order/procedure/recover_database"
    client("ssm").put_parameter(Name=name, Type="String", Value=json.dumps({"to": "latest"}))
    try:
        patch = frame("begin", table_order_procedure=PROCEDURE | {"verb": "patch"})
        refused = run(play(patch), options=options)
        assert refused.status != 0
        assert "A recovery of table-order-db to latest is not finished" in " ".join(refused.messages.split())
        assert locks(client) == []
        done = run(options=options)
        assert done.status == 0, done.output[-3000:]
    finally:
        client("ssm").delete_parameter(Name=name)


def test_check_mode_only_shows(run, client):
    shown = run(options=("--check",))
    assert shown.status == 0, shown.output[-3000:]
    assert "Downtime   10 to 40 minutes" in shown.messages
    assert "measured" not in shown.messages
    assert locks(client) == []


def test_a_run_with_a_part_of_its_lanes_is_refused(run, client):
    refused = run(options=(*CONFIRMED, "--limit", "data"))
    assert "run the playbook without --limit" in " ".join(refused.messages.split())
    assert locks(client) == []


def test_it_refuses_while_another_run_changes_the_account(run, client):
    content = {"token": "x", "machine": "elsewhere", "process": 1, "started": "1", "who": "a@b"}
    content |= {"what": "a patch of table-order", "since": "today", "state": "held", "lease": 3600}
    client("ssm").put_parameter(Name=f"{LOCK}/1", Type="String", Value=json.dumps(content))
    refused = run()
    assert refused.status != 0
    assert "a@b runs a patch of table-order since today and holds the lock" in refused.messages
    assert len(locks(client)) == 1


def test_a_renewal_in_a_later_play_keeps_its_name_and_lease(run, client):
    assert run(BEGIN, play(frame("lock") | {"run_once": True}), END).status == 0
    assert {(one["what"], one["lease"]) for one in locks(client) if one["state"] == "held"} == {
        ("a recover_database of table-order", 7200)
    }


def test_it_holds_the_lock_of_deployments_until_its_end(run, client, server):
    state, options = server
    held = {"name": "Read", "ansible.builtin.slurp": {"src": str(state / "lock.json")}, "register": "__lock"}
    show = {"name": "Show", "ansible.builtin.debug": {"msg": "{{ __lock.content | b64decode }}"}}
    done = run(BEGIN, play(held, show), END, options=options)
    assert done.status == 0, done.output[-3000:]
    assert '"why": "recover_database"' in done.messages.replace('\\"', '"')
    assert not (state / "lock.json").exists()


def test_it_refuses_a_running_deployment_and_leaves_the_account_free(run, client, server):
    state, options = server
    (state / "lock.json").write_text(json.dumps(deployment()))
    refused = run(options=options)
    assert refused.status != 0
    assert "deploy by a@b since today" in refused.messages
    assert locks(client)[-1]["state"] == "free"
    assert json.loads((state / "lock.json").read_text())["who"] == "a@b"


def test_a_procedure_that_stops_frees_both_locks_and_says_what_next(run, client, server, tmp_path):
    state, options = server
    written = tmp_path / "result.json"
    stopped = "The old size runs. Run scale.yml again tomorrow."
    failed = run(
        BEGIN,
        play(frame("stop", table_order_stopped=stopped)),
        options=(*options, "-e", f"procedure_json={written}"),
    )
    assert failed.status != 0
    assert failed.messages.count(stopped) >= 2
    assert locks(client)[-1]["state"] == "free"
    assert not (state / "lock.json").exists()
    result = json.loads(written.read_text())
    assert (result["status"], result["next"]) == ("stopped", [stopped])


def test_a_server_that_does_not_answer_is_no_reason_to_refuse(run, server, tmp_path):
    """It is what a procedure may be there for."""
    state, options = server
    path = tmp_path / "inventory/50-server.yml"
    path.write_text(path.read_text().replace("ansible_connection: local", "ansible_connection: ssh"))
    done = run(options=(*options, "-e", "ansible_ssh_retries=0"))
    assert done.status == 0, done.output[-3000:]
    assert list(state.iterdir()) == []


def test_at_a_terminal_it_asks(run, client, tmp_path):
    """With ansible-playbook itself, which asks in its first process; "script" gives it a terminal."""
    playbook = tmp_path / "asked.yml"
    playbook.write_text(json.dumps([BEGIN, END]))
    command = f"ansible-playbook -i {tmp_path / 'inventory'} {playbook}"
    with subprocess.Popen(
        ["script", "--quiet", "--return", "--command", command, "/dev/null"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
    ) as process:
        said = ""
        while "enter the service's name (table-order)" not in said and (more := process.stdout.read1()):
            said += more.decode(errors="replace")
        assert locks(client) == []
        # The prompt throws away what was typed before it listens.
        time.sleep(5)
        process.stdin.write(b"table-order\r")
        process.stdin.flush()
        while more := process.stdout.read1():
            said += more.decode(errors="replace")
    assert process.returncode == 0, said[-3000:]
    assert "recover_database of table-order: done after" in said
    assert locks(client)[-1]["state"] == "free"
