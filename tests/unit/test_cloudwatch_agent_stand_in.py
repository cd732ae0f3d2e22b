"""The stand-in of the CloudWatch agent: its configuration, what it reads, what it sends, and its package."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "packages/cloudwatch-agent-stand-in"
sys.path.insert(0, str(PACKAGE))

from stand_in import agent, config, journal, metadata, metrics, ship, tail  # noqa: E402

REGION = "ap-northeast-2"
GROUP = "/aws/ec2/table-order/fastapi"


def configuration(**changes):
    """The smallest configuration with a file, a journal and a metric; changes replace whole sections."""
    return {
        "agent": {"region": REGION, "run_as_user": "cwagent", "metrics_collection_interval": 30},
        "logs": {
            "force_flush_interval": 1,
            "logs_collected": {
                "files": {
                    "collect_list": [
                        {
                            "file_path": "/srv/a.log",
                            "log_group_name": GROUP,
                            "log_stream_name": "{instance_id}/a.log",
                        }
                    ]
                },
                "journald": {
                    "collect_list": [
                        {
                            "log_group_name": "/system",
                            "log_stream_name": "{instance_id}/journal",
                            "units": ["ssh"],
                        }
                    ]
                },
            },
        },
        "metrics": {
            "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
            "metrics_collected": {
                "mem": {"measurement": ["mem_used_percent"]},
                "disk": {"measurement": ["used_percent"]},
            },
        },
    } | changes


# --- configuration


def test_a_configuration_is_understood():
    parsed = config.parse(configuration())
    assert (parsed.region, parsed.run_as_user, parsed.metrics_interval, parsed.flush_interval) == (
        REGION,
        "cwagent",
        30,
        1,
    )
    assert parsed.files == (config.LogFile("/srv/a.log", GROUP, "{instance_id}/a.log"),)
    assert parsed.journals == (config.Journal("/system", "{instance_id}/journal", ("ssh",)),)
    assert parsed.metrics == (
        config.Metric("mem", ("used_percent",)),
        config.Metric("disk", ("used_percent",), ("/",)),
    )
    assert (parsed.namespace, parsed.dimensions) == ("CWAgent", {"InstanceId": "${aws:InstanceId}"})


def log_file(**changes):
    item = {"file_path": "/srv/a.log", "log_group_name": "g", "log_stream_name": "s"} | changes
    return {"logs_collected": {"files": {"collect_list": [item]}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log": {}}, "unknown: log"),
        ({"agent": {}}, "agent: missing: region"),
        ({"agent": {"region": ""}}, "agent.region: a text is expected"),
        ({"agent": {"region": REGION, "metrics_collection_interval": "60"}}, "a number of seconds"),
        ({"agent": {"region": REGION, "metrics_collection_interval": 0}}, "a number of seconds from 1"),
        ({"logs": log_file(retention_in_days=6)}, "unknown: retention_in_days"),
        ({"logs": log_file(file_path="/srv/*.log")}, "by its absolute path"),
        ({"logs": log_file(file_path="a.log")}, "by its absolute path"),
        ({"logs": log_file(log_stream_name="a:b")}, "holds no ':'"),
        ({"logs": {"logs_collected": {"files": {}}}}, "missing: collect_list"),
        ({"metrics": {"metrics_collected": {"gpu": {"measurement": ["x"]}}}}, "metrics_collected.gpu"),
        ({"metrics": {"metrics_collected": {"mem": {"measurement": ["speed"]}}}}, "speed"),
        (
            {"metrics": {"metrics_collected": {"mem": {"measurement": ["used"], "resources": ["/"]}}}},
            "unknown: resources",
        ),
    ],
)
def test_what_would_be_ignored_is_refused(changes, message):
    with pytest.raises(config.ConfigError, match=message.replace("*", r"\*")):
        config.parse(configuration(**changes))


def test_a_file_that_is_not_json_is_refused_by_name(tmp_path):
    path = tmp_path / "agent.json"
    path.write_text("{")
    with pytest.raises(config.ConfigError, match=str(path)):
        config.load(path)


# --- following files


@pytest.fixture
def log(tmp_path):
    return tmp_path / "app.log"


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def ship_all(following):
    """Read and commit until nothing moves any more, as the agent does."""
    lines = []
    while True:
        before = following.position
        portion = following.read()
        following.commit()
        lines += portion
        if following.position == before:
            return lines


def test_a_file_that_comes_later_is_read_from_its_beginning(log):
    following = tail.Tail(str(log))
    assert ship_all(following) == []
    append(log, "one\ntwo\n")
    assert ship_all(following) == ["one", "two"]
    append(log, "three\n")
    assert ship_all(following) == ["three"]


def test_an_unfinished_line_waits_for_its_end(log):
    following = tail.Tail(str(log))
    append(log, "one\nhal")
    assert ship_all(following) == ["one"]
    append(log, "f\n")
    assert ship_all(following) == ["half"]


def test_what_was_not_committed_is_read_again(log):
    following = tail.Tail(str(log))
    append(log, "one\n")
    assert following.read() == ["one"]
    assert following.read() == ["one"]


def test_rotation_loses_nothing_and_repeats_nothing(log):
    following = tail.Tail(str(log))
    append(log, "one\n")
    assert ship_all(following) == ["one"]
    log.rename(log.with_name("app.log.1"))
    append(log.with_name("app.log.1"), "two, still into the old file\n")
    assert ship_all(following) == ["two, still into the old file"]
    append(log.with_name("app.log.1"), "three, as the new file appears\nfour without an end")
    append(log, "five\n")
    assert ship_all(following) == ["three, as the new file appears", "four without an end", "five"]


def test_a_restart_goes_on_where_it_was(log):
    first = tail.Tail(str(log))
    append(log, "one\n")
    assert ship_all(first) == ["one"]
    append(log, "two\n")
    assert ship_all(tail.Tail(str(log), first.position)) == ["two"]


def test_a_restart_finds_the_file_that_was_rotated_meanwhile(log):
    first = tail.Tail(str(log))
    append(log, "one\n")
    assert ship_all(first) == ["one"]
    append(log, "two\n")
    log.rename(log.with_name("app.log.1"))
    append(log, "three\n")
    assert ship_all(tail.Tail(str(log), first.position)) == ["two", "three"]


def test_a_file_that_was_removed_is_forgotten(log):
    first = tail.Tail(str(log))
    append(log, "one\n")
    assert ship_all(first) == ["one"]
    log.unlink()
    second = tail.Tail(str(log), first.position)
    assert ship_all(second) == []
    assert second.position == tail.Position()
    append(log, "two\n")
    assert ship_all(second) == ["two"]


def test_a_truncated_file_is_read_from_its_beginning(log):
    following = tail.Tail(str(log))
    append(log, "one, which is long\n")
    assert ship_all(following) == ["one, which is long"]
    log.write_text("two\n")
    assert ship_all(following) == ["two"]


def test_bytes_that_are_no_text_do_not_stop_it(log):
    log.write_bytes(b"\xff\xfe broken\r\n\n\xea\xb9\x80\xec\xb9\x98\n")
    assert ship_all(tail.Tail(str(log))) == ["�� broken", "김치"]


def test_a_large_backlog_comes_in_portions(log, monkeypatch):
    monkeypatch.setattr(tail, "CHUNK", 10)
    log.write_text("first\nsecond\n" + "x" * 25 + "\nlast\n")
    assert ship_all(tail.Tail(str(log))) == ["first", "second", "x" * 10, "x" * 10, "x" * 5, "last"]


# --- the journal


def test_the_journal_is_read_after_the_cursor(monkeypatch):
    commands = []
    entry = {"__CURSOR": "c1", "__REALTIME_TIMESTAMP": "1767225600123456", "MESSAGE": "hello"}

    def run(command, **_options):
        commands.append(command)
        return SimpleNamespace(returncode=0, stdout=json.dumps(entry) + "\n", stderr="")

    monkeypatch.setattr(journal.subprocess, "run", run)
    following = journal.JournalTail(config.Journal("g", "s", units=("nginx",), priority="info"))
    text = "2026-01-01T00:00:00.123+00:00 unknown: hello"
    assert following.read() == [(1767225600123, text)]
    following.commit()
    following.read()
    assert "--boot" in commands[0]
    assert {"--priority=info", "--unit=nginx"} <= set(commands[0])
    assert "--after-cursor=c1" in commands[1]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"SYSLOG_IDENTIFIER": "sshd", "_PID": "7", "MESSAGE": "in"}, "sshd[7]: in"),
        ({"_COMM": "sudo", "MESSAGE": [104, 105, 255]}, "sudo: hi�"),
        ({"MESSAGE": None}, "unknown: "),
    ],
)
def test_an_entry_is_one_line(fields, text):
    assert journal.text_of({"__REALTIME_TIMESTAMP": "0", **fields}) == f"1970-01-01T00:00:00.000+00:00 {text}"


# --- sending


def test_batches_keep_to_the_limits_of_the_service(monkeypatch):
    assert [len(batch) for batch in ship.batches([(0, "x")] * 10_001)] == [10_000, 1]
    assert [len(batch) for batch in ship.batches([(0, "x" * 200_000)] * 6)] == [5, 1]
    day = 24 * 3600 * 1000
    assert list(ship.batches([(day, "b"), (0, "a")])) == [[(0, "a")], [(day, "b")]]
    ((when, text),) = next(ship.batches([(5, "김" * 100_000)]))
    assert (when, len(text.encode()) <= ship.EVENT_BYTES, set(text)) == (5, True, {"김"})


@pytest.fixture
def cloud(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(metadata, "read", lambda path: f"value-of-{path.rsplit('/', 1)[1]}")
    with mock_aws():
        yield lambda service: boto3.client(service, region_name=REGION)


def messages(cloud, group, stream):
    events = cloud("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)[
        "events"
    ]
    return [event["message"] for event in events]


def agent_for(cloud, tmp_path, path):
    item = config.LogFile(str(path), GROUP, "{instance_id}/app.log")
    metric = config.Metric("mem", ("used_percent",))
    parsed = config.Config(
        REGION, files=(item,), metrics=(metric,), dimensions={"InstanceId": "${aws:InstanceId}"}
    )
    return agent.Agent(parsed, tmp_path / "positions.json", cloud)


def test_lines_arrive_and_a_restart_ships_nothing_twice(cloud, tmp_path, log):
    append(log, "one\ntwo\n")
    agent_for(cloud, tmp_path, log).ship_logs()
    append(log, "three\n")
    agent_for(cloud, tmp_path, log).ship_logs()
    assert messages(cloud, GROUP, "value-of-instance-id/app.log") == ["one", "two", "three"]


def test_what_the_cloud_refuses_is_shipped_later(cloud, tmp_path, log, monkeypatch, caplog):
    append(log, "one\n")
    running = agent_for(cloud, tmp_path, log)
    working = ship.LogShipper.ship
    monkeypatch.setattr(
        ship.LogShipper, "ship", lambda *_arguments: (_ for _ in ()).throw(OSError("no network"))
    )
    running.ship_logs()
    running.ship_logs()
    assert caplog.text.count("no network") == 1
    monkeypatch.setattr(ship.LogShipper, "ship", working)
    running.ship_logs()
    assert messages(cloud, GROUP, "value-of-instance-id/app.log") == ["one"]


def test_a_file_it_may_not_read_is_named_and_the_others_go_on(cloud, tmp_path, log, monkeypatch, caplog):
    append(log, "one\n")
    forbidden = config.LogFile(str(tmp_path / "forbidden.log"), GROUP, "forbidden")
    readable = config.LogFile(str(log), GROUP, "readable")
    running = agent.Agent(
        config.Config(REGION, files=(forbidden, readable)), tmp_path / "positions.json", cloud
    )
    refuse = PermissionError(13, "Permission denied", forbidden.path)
    monkeypatch.setattr(running._sources[0].tail, "read", lambda: (_ for _ in ()).throw(refuse))
    running.ship_logs()
    assert f"Permission denied: '{forbidden.path}'" in caplog.text
    assert messages(cloud, GROUP, "readable") == ["one"]


def test_a_removed_file_does_not_hold_up_the_others(cloud, tmp_path, log):
    append(log, "one\n")
    agent_for(cloud, tmp_path, log).ship_logs()
    log.unlink()
    agent_for(cloud, tmp_path, log).ship_logs()
    assert json.loads((tmp_path / "positions.json").read_text())[str(log)] == {"inode": 0, "offset": 0}


def test_a_damaged_state_file_is_said_and_not_fatal(cloud, tmp_path, log, caplog):
    (tmp_path / "positions.json").write_text("{")
    append(log, "one\n")
    agent_for(cloud, tmp_path, log).ship_logs()
    assert "from the beginning" in caplog.text
    assert messages(cloud, GROUP, "value-of-instance-id/app.log") == ["one"]


def test_metrics_carry_the_instance(cloud, tmp_path, log):
    agent_for(cloud, tmp_path, log).put_metrics()
    (metric,) = cloud("cloudwatch").list_metrics(Namespace="CWAgent")["Metrics"]
    assert metric["MetricName"] == "mem_used_percent"
    assert metric["Dimensions"] == [{"Name": "InstanceId", "Value": "value-of-instance-id"}]


# --- measuring


@pytest.fixture
def proc(tmp_path):
    (tmp_path / "stat").write_text("cpu  100 0 100 700 100 0 0 0 0 0\n")
    (tmp_path / "meminfo").write_text(
        "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    )
    (tmp_path / "mounts").write_text("/dev/root / ext4 rw 0 0\n")
    return tmp_path


def test_the_processor_is_measured_between_two_looks(proc):
    meter = metrics.Meter(proc)
    (proc / "stat").write_text("cpu  150 0 120 720 110 0 0 0 0 0\n")
    values = meter.measure(config.Metric("cpu", ("usage_active", "usage_user", "usage_iowait")))
    assert [datum["Value"] for datum in values] == [80.0, 50.0, 10.0]
    assert values[0]["MetricName"] == "cpu_usage_active"
    assert values[0]["Dimensions"] == [{"Name": "cpu", "Value": "cpu-total"}]
    assert [datum["Value"] for datum in meter.measure(config.Metric("cpu", ("usage_active",)))] == [0.0]


def test_memory_and_swap_are_measured(proc):
    meter = metrics.Meter(proc)
    (used, available) = meter.measure(config.Metric("mem", ("used_percent", "available")))
    assert (used["Value"], used["Unit"]) == (75.0, "Percent")
    assert (available["Value"], available["Unit"]) == (250 * 1024, "Bytes")
    assert meter.measure(config.Metric("swap", ("used_percent",)))[0]["Value"] == 0.0


def test_disks_are_measured(proc, monkeypatch):
    status = SimpleNamespace(f_blocks=100, f_bfree=40, f_bavail=30, f_frsize=4096, f_files=10, f_ffree=4)
    monkeypatch.setattr(os, "statvfs", lambda _path: status)
    (percent, inodes) = metrics.Meter(proc).measure(
        config.Metric("disk", ("used_percent", "inodes_used"), ("/",))
    )
    assert percent["Value"] == pytest.approx(100 * 60 / 90)
    assert {"Name": "fstype", "Value": "ext4"} in percent["Dimensions"]
    assert (inodes["Value"], inodes["Unit"]) == (6.0, "Count")


# --- the package


def test_every_measurement_of_the_configuration_can_be_measured(proc):
    meter = metrics.Meter(proc)
    for kind, measurements in config.METRICS.items():
        names = tuple(sorted(measurements))
        data = meter.measure(config.Metric(kind, names, ("/",) if kind == "disk" else ()))
        assert [datum["MetricName"] for datum in data] == [f"{kind}_{name}" for name in names]


def test_the_package_says_what_it_is_and_is_built_the_same_every_time(tmp_path):
    for name in ("a.deb", "b.deb"):
        subprocess.run([PACKAGE / "build", tmp_path / name], check=True, capture_output=True)
    assert (tmp_path / "a.deb").read_bytes() == (tmp_path / "b.deb").read_bytes()
    content = subprocess.run(
        ["dpkg-deb", "--contents", tmp_path / "a.deb"], check=True, capture_output=True, text=True
    ).stdout
    assert all(" root/root " in line and " 2026-01-01 " in line for line in content.splitlines())
    fields = subprocess.run(
        ["dpkg-deb", "--field", tmp_path / "a.deb"], check=True, capture_output=True, text=True
    ).stdout
    assert "Package: amazon-cloudwatch-agent-stand-in\n" in fields
    assert "Description: STAND-IN" in fields
