"""What a patch asks of a server and of AWS: which units and kernels are stale, the root volume, and the versions of the secrets."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def loaded(name):
    spec = importlib.util.spec_from_file_location(
        name, Path(__file__).parents[3] / f"plugins/modules/{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


needed, volume, secrets = map(loaded, ("server_restarts_info", "ec2_root_volume", "secret_versions_info"))

# -- what must restart ---------------------------------------------------------------------------------------

NGINX = """\
55d0a0000000-55d0a0100000 r-xp 00030000 00:2a 1001 /usr/sbin/nginx (deleted)
55d0a0100000-55d0a0110000 rw-p 00000000 00:2a 1001 /usr/sbin/nginx (deleted)
7f0000000000-7f0000100000 r-xp 00000000 00:2a 1002 /usr/lib64/libssl.so.3
"""
DATA = "7f0000000000-7f0000100000 r--p 00000000 00:2a 1003 /usr/lib/locale/locale-archive (deleted)\n"
COMPILED = "7f0000000000-7f0000100000 r-xp 00000000 00:01 1004 /memfd:pcre (deleted)\n"


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """An empty /proc whose system has booted at 1000, and a function that adds a process with maps."""
    monkeypatch.setattr(needed, "PROC", tmp_path)
    (tmp_path / "stat").write_text("cpu 1 2\nbtime 900\nctxt 3\n")
    ticks = 100 * os.sysconf("SC_CLK_TCK")

    def process(number, maps):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "maps").write_text(maps)
        (tmp_path / str(number) / "stat").write_text(
            f"{number} (a (name) 1) S {' '.join('0' * 18)} {ticks} 0\n"
        )

    process(1, "")
    return process


def test_a_unit_whose_program_was_replaced_is_stale_data_and_anonymous_memory_do_not_count(proc):
    proc(20, NGINX)
    proc(21, DATA + COMPILED)
    units = needed.units_of("   1 init.scope\n  20 nginx.service\n  21 other.service\n  99 ended.service\n")
    assert needed.stale_units(units) == {"nginx.service": ["/usr/sbin/nginx"]}


def test_the_boot_is_the_start_of_the_first_process_not_of_the_host(proc):
    assert needed.booted() == 1000


@pytest.mark.parametrize(
    ("stale", "kernel", "services", "reboot", "manager"),
    [
        ([], None, [], False, False),
        (["nginx.service", "session-3.scope", "user@1000.service"], None, ["nginx.service"], False, False),
        (["init.scope"], None, [], False, True),
        (["dbus-broker.service"], None, [], True, False),
        ([], ("kernel6.12-6.12.30-1.x86_64", 1001), [], True, False),
        ([], ("kernel6.12-6.12.30-1.x86_64", 999), [], False, False),
    ],
)
def test_what_restarts_and_what_takes_a_reboot(stale, kernel, services, reboot, manager):
    known = needed.Kernel(kernel[1], kernel[0]) if kernel else None
    found = needed.restarts({unit: ["/usr/lib64/libc.so.6"] for unit in stale}, known, 1000)
    assert (found["services"], found["reboot"], found["manager"]) == (services, reboot, manager)
    assert bool(found["reasons"]) == reboot


class Programs:
    """A module that answers for the programs of a system."""

    def __init__(self, **answers):
        self.answers = answers

    def get_bin_path(self, name):
        return name if name in self.answers else None

    def run_command(self, command, check_rc=False):
        return 0, self.answers[command[0]], ""


def test_a_kernel_has_the_name_of_its_series_and_its_tools_are_none():
    listed = "kernel 10 6.1.112-1.amzn2023.x86_64\nkernel6.12 30 6.12.20-1.amzn2023.x86_64\n"
    listed += "kernel-tools 40 6.1.1-1.x86_64\nkernel-livepatch-6.1 50 1.0-1.x86_64\nkernel6.12-modules-extra 60 6.12.20-1.x86_64\n"
    kernel = needed.newest_kernel(Programs(rpm=listed))
    assert (kernel.name, kernel.installed) == ("kernel6.12-6.12.20-1.amzn2023.x86_64", 30)


def test_debians_kernels_are_as_old_as_their_lists(tmp_path, monkeypatch):
    monkeypatch.setattr(needed, "DPKG", tmp_path)
    for name, installed in (
        ("linux-image-6.1.0-27-cloud-amd64", 10),
        ("linux-image-6.1.0-28-cloud-amd64", 20),
    ):
        (tmp_path / f"{name}.list").touch()
        os.utime(tmp_path / f"{name}.list", (installed, installed))
    listed = "linux-image-cloud-amd64 ii\nlinux-image-6.1.0-27-cloud-amd64 ii\nlinux-image-6.1.0-28-cloud-amd64 ii\n"
    listed += "linux-image-6.1.0-29-cloud-amd64 rc\n"
    kernel = needed.newest_kernel(Programs(**{"dpkg-query": listed, "rpm": ""}))
    assert (kernel.name, kernel.installed) == ("linux-image-6.1.0-28-cloud-amd64", 20)


# -- the root volume -----------------------------------------------------------------------------------------

SERVER, IMAGE = "i-0123456789abcdef0", "ami-0123456789abcdef0"


def tagged(attempt):
    return [{"Key": "Project", "Value": "table-order"}, {"Key": "Attempt", "Value": attempt}]


class Ec2:
    """EC2 with tasks that replace root volumes; two on a page."""

    def __init__(self, *tasks):
        self.tasks = [
            {"ReplaceRootVolumeTaskId": f"replacevol-{number}", "InstanceId": SERVER, "StartTime": number}
            | {"ImageId": image, "TaskState": state, "Tags": tagged(attempt)}
            for number, (image, state, attempt) in enumerate(tasks)
        ]
        self.made = []

    def describe_replace_root_volume_tasks(self, Filters, aws_retry, NextToken="0"):  # noqa: N803
        first = int(NextToken)
        page = {"ReplaceRootVolumeTasks": self.tasks[first : first + 2]}
        return page | ({"NextToken": str(first + 2)} if first + 2 < len(self.tasks) else {})

    def create_replace_root_volume_task(self, aws_retry, **request):
        self.made.append(request)
        return {
            "ReplaceRootVolumeTask": {"ReplaceRootVolumeTaskId": "replacevol-new", "TaskState": "pending"}
        }


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that runs a module against a client and returns its result."""

    def run_module(module, client, check=False, **options):
        monkeypatch.setattr(AnsibleAWSModule, "client", lambda self, service, retry_decorator=None: client)
        arguments = {"region": "ap-northeast-2", "_ansible_check_mode": check, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run_module


@pytest.mark.parametrize(
    ("tasks", "made", "state"),
    [
        ([], 1, "pending"),
        ([(IMAGE, "in-progress", "1")], 0, "in-progress"),
        ([(IMAGE, "succeeded", "1")], 0, "succeeded"),
        # An earlier return to the same image.
        ([(IMAGE, "succeeded", "0")], 1, "pending"),
        # Another image's task, and failed ones, which are no reason against another attempt.
        (
            [("ami-1", "succeeded", "1"), (IMAGE, "failed", "1"), (IMAGE, "failed-detached", "1")],
            1,
            "pending",
        ),
        (
            [(IMAGE, "failed", "1"), ("ami-1", "succeeded", "1"), (IMAGE, "in-progress", "1")],
            0,
            "in-progress",
        ),
    ],
)
def test_an_image_replaces_the_root_volume_once(run, tasks, made, state):
    client = Ec2(*tasks)
    tags = {"Project": "table-order", "Attempt": "1"}
    result = run(volume, client, instance_id=SERVER, image_id=IMAGE, tags=tags)
    assert (result["changed"], result["state"], len(client.made)) == (made == 1, state, made)
    for request in client.made:
        assert request["InstanceId"] == SERVER
        assert request["DeleteReplacedRootVolume"] is True
        assert request["TagSpecifications"] == [
            {"ResourceType": "replace-root-volume-task", "Tags": tagged("1")}
        ]
        # Another one after a failure and for another attempt, the same one for two runs at once.
        options = {"instance_id": SERVER, "image_id": IMAGE, "tags": tags}
        failed = sum((image, attempt) == (IMAGE, "1") for image, _, attempt in tasks)
        assert request["ClientToken"] == volume.token(options, failed)
        others = [volume.token(options, failed + 1), volume.token(options | {"tags": {}}, failed)]
        assert request["ClientToken"] not in others
        assert len(request["ClientToken"]) <= 64


def test_check_mode_replaces_nothing(run):
    client = Ec2()
    result = run(volume, client, check=True, instance_id=SERVER, image_id=IMAGE)
    assert (result["changed"], result["state"], client.made) == (True, "", [])


# -- the versions of the secrets ------------------------------------------------------------------------------


def test_only_the_current_version_of_a_secret_below_the_prefix_counts():
    listed = [
        {
            "Name": "shop/app/database",
            "SecretVersionsToStages": {"one": ["AWSPREVIOUS"], "two": ["AWSCURRENT", "AWSPENDING"]},
        },
        {"Name": "shop/app/empty"},
        {"Name": "other/shop/app/database", "SecretVersionsToStages": {"three": ["AWSCURRENT"]}},
    ]
    assert secrets.current(listed, "shop/app/") == {"shop/app/database": "two"}
