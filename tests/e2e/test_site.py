"""The main job, end to end, in the order of a service's life."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests import aws_rules
from tests.e2e import deployment, site
from tests.e2e.conftest import FirstRun

HOSTILE = {
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:9",
    "AWS_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "AKIASOMEBODYELSE",
    "AWS_SECRET_ACCESS_KEY": "somebody-else",
    "AWS_SESSION_TOKEN": "somebody-else",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def test_check_mode_on_an_empty_account_only_reads(artifacts: Path) -> None:
    site.start_recording()
    run = site.play("site.yml", "--check", "--diff")
    calls = aws_rules.load(site.stop_recording(artifacts / "check-empty.jsonl"))
    run.check()
    assert calls.by("local"), "nothing was recorded"
    assert aws_rules.writes(calls.by("local")) == []
    assert "There is no server yet" in run.output


def planned(tmp_path: Path) -> dict[str, Any]:
    """Return the plan of the account; its run only reads."""
    site.start_recording()
    run = site.play("playbooks/plan.yml", "-e", f"plan_json={tmp_path}/plan.json")
    calls = aws_rules.load(site.stop_recording(tmp_path / "plan.jsonl"))
    run.check()
    assert aws_rules.writes(calls.by("local")) == []
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == 0o600
    found = json.loads((tmp_path / "plan.json").read_text())
    Draft202012Validator(json.loads((site.ROOT / "docs/plan.schema.json").read_text())).validate(found)
    assert found["complete"], found["denied"]
    print(f"plan: {run.seconds:.1f} s, of which the reads {found['read_seconds']:.1f} s")
    return found


def test_the_plan_of_an_empty_account_names_each_resource(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    # A cache without TLS has no password.
    assert {one["name"] for one in plan["resources"] if one["action"] != "create"} == {
        "table-order/cache/token"
    }
    assert plan["counts"]["create"] > 30
    assert plan["unmanaged"] == []


def test_a_role_alone_without_a_server_says_so() -> None:
    run = site.play("site.yml", "--tags", "nginx")
    assert run.status != 0
    assert "expected one" in run.output
    assert "playbooks/provision.yml" in run.output


def test_the_first_run_builds_and_verifies_the_site(first_run: FirstRun) -> None:
    print(f"first run: {first_run.run.seconds:.0f} s")
    assert "Order and SSE" in first_run.run.output
    assert "FAIL " not in first_run.run.output


def test_the_first_run_obeys_the_rules_of_aws(first_run: FirstRun) -> None:
    violations = aws_rules.check(aws_rules.load(first_run.recording))
    assert not violations, "\n".join(map(str, violations))


def test_no_secret_is_in_any_output_or_log(first_run: FirstRun) -> None:
    values = {
        value
        for name, fields in site.secrets().items()
        for field, value in fields.items()
        if "username" not in field and name
    }
    assert len(values) == 6
    log = (site.ROOT / ".state" / site.CLOUD["local_cloud"]["name"] / "cloud/cloud.log").read_text()
    server = subprocess.run(
        [
            "ansible",
            "app_server",
            "-i",
            site.INVENTORY,
            "-m",
            "ansible.builtin.shell",
            "-a",
            EVERYTHING_PUBLIC,
        ],
        cwd=site.ROOT,
        env=site.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    assert "table-order-backend" in server
    for place, text in {"output": first_run.run.output, "the cloud's log": log, "the server": server}.items():
        assert not [value for value in values if value in text], f"a secret is in {place}"


# Unit files, process arguments, the journal and the logs: what others than root may come to see.
EVERYTHING_PUBLIC = (
    "systemctl show '*.service'; systemctl cat '*.service'; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; "
    "journalctl --no-pager; cat /opt/table-order/logs/*.log; "
    "find /opt/table-order/releases -maxdepth 2 -name environment "
    "\\( -perm /137 -o ! -user root -o ! -group table-order \\) -exec cat {} +"
)


def test_a_second_run_changes_nothing(first_run: FirstRun, artifacts: Path) -> None:
    site.start_recording()
    run = site.play("site.yml").check()
    calls = aws_rules.load(site.stop_recording(artifacts / "second-run.jsonl"))
    print(f"second run: {run.seconds:.0f} s")
    assert run.changed == 0, "\n".join(run.changes)
    # Not even the lock's.
    assert aws_rules.writes(calls.by("local")) == []
    assert "[WARNING]" not in run.output


def lines(plan: dict[str, Any]) -> dict[str, list[str]]:
    """Return the plan's lines: action, type and name of what differs, with the properties."""
    found = {
        f"{one['action']} {one['type']} {one['name']}": [change["property"] for change in one["changes"]]
        for one in plan["resources"]
        if one["action"] != "none"
    }
    return found | {f"unmanaged {one['type']} {one['name']}": [] for one in plan["unmanaged"]}


def test_the_plan_of_the_finished_site_is_empty(first_run: FirstRun, tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert lines(plan) == {}
    assert plan["status"] == "no changes"


def test_the_topology_of_the_finished_site_is_drawn(first_run: FirstRun, tmp_path: Path) -> None:
    site.start_recording()
    run = site.play("playbooks/topology.yml", "-e", f"topology_file={tmp_path}/new/topology.svg")
    calls = aws_rules.load(site.stop_recording(tmp_path / "topology.jsonl"))
    run.check()
    assert aws_rules.writes(calls.by("local")) == []
    drawing = (tmp_path / "new/topology.svg").read_text()
    assert "<svg" in drawing
    assert "absent" not in drawing
    assert "table-order-ec2-sg may connect to table-order-rds-sg: tcp 5432" in drawing


def test_the_cost_and_the_sizes_of_the_finished_site_are_told(first_run: FirstRun, tmp_path: Path) -> None:
    site.start_recording()
    cost = site.play("playbooks/cost.yml", "-e", f"cost_json={tmp_path}/cost.json")
    sizes = site.play("playbooks/right_size.yml", "-e", f"right_size_json={tmp_path}/sizes.json")
    calls = aws_rules.load(site.stop_recording(tmp_path / "money.jsonl"))
    cost.check()
    sizes.check()
    assert aws_rules.writes(calls.by("local")) == []
    assert json.loads((tmp_path / "cost.json").read_text())["monthly"] > 100
    found = json.loads((tmp_path / "sizes.json").read_text())
    assert [one["size"] for one in found] == ["t3.medium", "db.t3.small", "cache.t3.micro"]
    assert {one["reasons"][0].partition(":")[0] for one in found} == {"not enough yet"}


def test_the_report_of_the_finished_site_has_each_line_of_the_document(
    first_run: FirstRun, tmp_path: Path
) -> None:
    page, report = tmp_path / "report.html", tmp_path / "report.json"
    site.start_recording()
    run = site.play(
        "playbooks/maintain.yml", "-e", f"maintain_report={page}", "-e", f"maintain_json={report}"
    )
    calls = aws_rules.load(site.stop_recording(tmp_path / "maintain.jsonl"))
    run.check()
    assert aws_rules.writes(calls.by("local")) == []
    found = {one["id"]: one for one in json.loads(report.read_text())["items"]}
    assert len(found) == 13
    assert {found[name]["state"] for name in ("security_groups", "policies", "disks")} == {"fine"}
    assert found["recovery"]["text"]["en"] == "never tested"
    assert found["performance"]["state"] != "unknown"
    assert "table-order 점검 보고서" in re.sub("<[^>]+>", "", page.read_text())


def test_the_plan_names_each_drift_and_provisioning_repairs_it(first_run: FirstRun, tmp_path: Path) -> None:
    ec2, alarm, retained = site.aws("ec2"), "table-order-rds-low-storage", "/aws/ec2/table-order/nginx"
    bucket = f"table-order-menu-images-{site.CLOUD['account']}"
    [vpc] = ec2.describe_vpcs(Filters=site.OURS)["Vpcs"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["table-order-rds-sg"]}])
    world = {
        "IpProtocol": "tcp",
        "FromPort": 5432,
        "ToPort": 5432,
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    }
    ec2.create_tags(Resources=[vpc["VpcId"]], Tags=[{"Key": "Owner", "Value": "ann"}])
    ec2.authorize_security_group_ingress(
        GroupId=groups["SecurityGroups"][0]["GroupId"], IpPermissions=[world]
    )
    site.aws("s3").delete_public_access_block(Bucket=bucket)
    site.aws("cloudwatch").disable_alarm_actions(AlarmNames=[alarm])
    site.aws("logs").put_retention_policy(logGroupName=retained, retentionInDays=1)
    site.aws("logs").create_log_group(logGroupName="/aws/ec2/table-order/by-hand")
    unmanaged = "unmanaged AWS::Logs::LogGroup /aws/ec2/table-order/by-hand"
    assert lines(planned(tmp_path)) == {
        "update AWS::EC2::VPC table-order-vpc": ["Tags.Owner"],
        "update AWS::EC2::SecurityGroup table-order-rds-sg": ["SecurityGroupIngress"],
        f"update AWS::S3::Bucket {bucket}": [
            f"PublicAccessBlockConfiguration.{part}"
            for part in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        ],
        f"update AWS::CloudWatch::Alarm {alarm}": ["ActionsEnabled"],
        f"update AWS::Logs::LogGroup {retained}": ["RetentionInDays"],
        unmanaged: [],
    }
    agreed = (tmp_path / "plan.json").rename(tmp_path / "agreed.json")
    run = site.play("playbooks/provision.yml", "-e", f"plan_apply={agreed}").check()
    assert {change.partition(" :")[0].rpartition(".")[2] for change in run.changes} == {
        "aws_network",
        "aws_security",
        "aws_storage",
        "aws_monitoring",
    }
    repaired = lines(planned(tmp_path))
    again = site.play("playbooks/provision.yml", "-e", f"plan_apply={agreed}")
    site.aws("logs").delete_log_group(logGroupName="/aws/ec2/table-order/by-hand")
    assert repaired == {unmanaged: []}
    assert again.status != 0
    assert (
        f"{alarm} (AWS::CloudWatch::Alarm): the plan in the file says update, the account now needs nothing"
        in again.output
    )


def test_a_replacement_is_refused_before_any_change(first_run: FirstRun, tmp_path: Path) -> None:
    name = "table-order-public-subnet"
    subnets = [
        {
            "name": next(tag["Value"] for tag in one["Tags"] if tag["Key"] == "Name"),
            "cidr": one["CidrBlock"],
            "zone": one["AvailabilityZone"],
            "public": one["MapPublicIpOnLaunch"],
        }
        for one in site.aws("ec2").describe_subnets(Filters=[{"Name": "tag-key", "Values": ["Environment"]}])[
            "Subnets"
        ]
    ]
    [changed] = (one for one in subnets if one["name"] == name)
    changed["cidr"] = changed["cidr"].replace(".1.0/", ".9.0/")
    (tmp_path / "vars.yml").write_text(json.dumps({"aws_network_subnets": subnets}))
    site.start_recording()
    run = site.play("playbooks/provision.yml", "-e", f"@{tmp_path}/vars.yml")
    calls = aws_rules.load(site.stop_recording(tmp_path / "recording.jsonl"))
    assert run.status != 0
    assert f"{name} (AWS::EC2::Subnet) would be replaced: AWS cannot change CidrBlock" in run.output
    assert f"-e table_order_allow_replace={name}" in run.output
    assert aws_rules.writes(calls.by("local")) == []


@pytest.mark.parametrize(
    "playbook",
    [
        ["provision.yml", "-e", "table_order_provision_all=true"],
        ["destroy.yml", "-e", "table_order_confirm=table-order"],
    ],
    ids=" ".join,
)
def test_while_another_changes_the_account_a_run_is_refused(
    first_run: FirstRun, playbook: list[str], tmp_path: Path
) -> None:
    ssm, path = site.aws("ssm"), "/table-order/lock/provision"
    last = max(int(one["Name"].rpartition("/")[2]) for one in site.parameters(path))
    another = {
        "token": "1",
        "machine": "other",
        "process": 1,
        "started": "1",
        "who": "ann@laptop",
        "what": "a change",
    }
    another |= {"since": "2026-11-27T01:02:03Z", "state": "held", "lease": 3600}
    ssm.put_parameter(Name=f"{path}/{last + 1}", Type="String", Value=json.dumps(another))
    site.start_recording()
    run = site.play(f"playbooks/{playbook[0]}", *playbook[1:])
    calls = aws_rules.load(site.stop_recording(tmp_path / "recording.jsonl"))
    ssm.put_parameter(
        Name=f"{path}/{last + 2}", Type="String", Value=json.dumps({**another, "state": "free"})
    )
    assert run.status != 0
    assert "ann@laptop runs a change since 2026-11-27T01:02:03Z" in " ".join(run.output.split())
    assert aws_rules.writes(calls.by("local")) == []


def test_check_mode_on_the_finished_account_only_reads(first_run: FirstRun, artifacts: Path) -> None:
    site.start_recording()
    run = site.play("site.yml", "--check", "--diff", ANSIBLE_DEPRECATION_WARNINGS="true")
    calls = aws_rules.load(site.stop_recording(artifacts / "check-finished.jsonl"))
    assert run.check().changed == 0, "\n".join(run.changes)
    assert aws_rules.writes(calls.by("local")) == []
    ours = [
        warning for warning in DEPRECATION.findall(run.output) if not re.search(KNOWN_DEPRECATIONS, warning)
    ]
    assert ours == []


# What the pinned collections announce about themselves; ansible.cfg hides all deprecations, this test shows ours.
# The import is community.aws's; nothing of this repository imports that module.
KNOWN_DEPRECATIONS = r"amazon\.aws|community\.aws|'to_bytes' from 'ansible\.module_utils\._text'"
DEPRECATION = re.compile(r"\[DEPRECATION WARNING\]: (.*)")


def test_check_mode_without_a_database_says_so(first_run: FirstRun) -> None:
    run = site.play(
        "playbooks/deploy.yml", "--check", "-e", "aws_database_identifier=table-order-not-yet"
    ).check()
    assert "The database or the cache does not exist yet" in run.output
    assert run.changed == 0, "\n".join(run.changes)


def test_a_failed_lane_keeps_the_server_untouched(first_run: FirstRun) -> None:
    fault = {
        "action": "DescribeLogGroups",
        "code": "AccessDeniedException",
        "message": "not authorized",
        "times": 30,
    }
    site.call("POST", "/local-cloud/faults", fault)
    run = site.play("site.yml", "--tags", "aws_monitoring,nginx")
    site.call("DELETE", "/local-cloud/faults")
    assert run.status != 0
    assert "AccessDenied" in run.output
    last = " ".join(run.output.rpartition("The run stopped at the task")[2].split())
    assert "attach the policies again (scripts/policy), and run the same command again; it continues." in last
    assert "TASK [nginx :" not in run.output


def test_check_mode_reports_a_bucket_that_was_opened_by_hand(first_run: FirstRun) -> None:
    bucket = f"table-order-menu-images-{site.CLOUD['account']}"
    site.aws("s3").delete_public_access_block(Bucket=bucket)
    run = site.play("site.yml", "--check", "--tags", "aws_storage").check()
    assert run.changed == 1
    assert "public access block" in run.output
    assert site.play("site.yml", "--tags", "aws_storage").check().changed == 1
    assert site.aws("s3").get_public_access_block(Bucket=bucket)


def test_another_size_is_told_and_changed_by_its_procedure_only(first_run: FirstRun) -> None:
    large = ("-e", "aws_compute_instance_type=t3.large")
    told = site.play("playbooks/scale.yml", "--check", *large).check()
    assert "t3.medium -> t3.large, stops and starts" in " ".join(told.output.split())
    unconfirmed = site.play("playbooks/scale.yml", *large)
    assert "-e table_order_confirm=table-order" in " ".join(unconfirmed.output.split())
    in_passing = site.play("playbooks/provision.yml", "--tags", "aws_compute", *large)
    assert "ansible-playbook playbooks/scale.yml" in " ".join(in_passing.output.split())
    assert (told.changed, unconfirmed.changed, in_passing.changed) == (0, 0, 0)
    assert unconfirmed.status != 0
    assert in_passing.status != 0
    assert "Nothing to do" in site.play("playbooks/scale.yml").check().output


def test_a_newer_image_makes_no_second_server(first_run: FirstRun) -> None:
    assert (
        site.play("site.yml", "--tags", "aws_compute", "-e", "aws_compute_image=amazon_linux_2023")
        .check()
        .changed
        == 0
    )
    assert site.inventory_of_resources()["servers"] == 1


def test_one_role_runs_alone(first_run: FirstRun) -> None:
    run = site.play("site.yml", "--tags", "nginx").check()
    assert run.changed == 0, "\n".join(run.changes)
    assert "nginx :" in run.output
    assert "fastapi_app :" not in run.output


@pytest.mark.usefixtures("first_run")
def test_the_addresses_of_the_site_are_printed() -> None:
    """As at the end of "make up"."""
    said = subprocess.run(
        ["scripts/addresses", site.INVENTORY], cwd=site.ROOT, capture_output=True, text=True, check=True
    )
    assert f"{site.url()}/admin/" in said.stdout.split()


def test_the_local_inventory_reaches_only_the_local_cloud(first_run: FirstRun) -> None:
    """Inventory plugin, a collection's module, our module and a lookup, with another account's shell."""
    run = site.play("site.yml", "--tags", "aws_cache,aws_compute,db_migrate", "--check", **HOSTILE).check()
    assert run.changed == 0, "\n".join(run.changes)


def test_the_production_inventory_refuses_an_endpoint() -> None:
    run = site.play("site.yml", inventory="inventories/production", AWS_ENDPOINT_URL="http://127.0.0.1:5001")
    assert run.status != 0
    assert "AWS_ENDPOINT_URL is set in the environment" in run.output


def test_the_production_inventory_refuses_an_endpoint_in_the_configuration(tmp_path: Path) -> None:
    configuration = tmp_path / "config"
    configuration.write_text("[default]\nendpoint_url = http://127.0.0.1:5001\n")
    run = site.play("site.yml", inventory="inventories/production", AWS_CONFIG_FILE=str(configuration))
    assert run.status != 0
    assert "sets endpoint_url = http://127.0.0.1:5001" in run.output


def test_production_without_credentials_says_so(tmp_path: Path) -> None:
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    run = site.play(
        "site.yml", inventory="inventories/production", AWS_EC2_METADATA_DISABLED="true", **nothing
    )
    assert run.status != 0
    assert "No AWS credentials were found" in run.output


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("aws_security_ssh_cidrs=['0.0.0.0/0']", "0.0.0.0/0"),
        ("aws_security_database_master_user=admin", "admin"),
        ("aws_monitoring_log_retention_days=6", "aws_monitoring_log_retention_days is 6"),
        ("aws_network_vpc_cdir=10.0.0.0/16", "Did you mean aws_network_vpc_cidr?"),
        ("aws_database_backup_window=03:30-04:30", "overlap"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(setting: str, named: str, tmp_path: Path) -> None:
    name, value = setting.split("=", 1)
    (tmp_path / "vars.yml").write_text(f"{name}: {value}\n")
    site.start_recording()
    run = site.play("playbooks/provision.yml", "-e", f"@{tmp_path}/vars.yml")
    calls = aws_rules.load(site.stop_recording(tmp_path / "recording.jsonl"))
    assert run.status != 0
    assert named in run.output
    assert aws_rules.writes(calls.by("local")) == []


def test_a_browser_orders_and_uploads(first_run: FirstRun, artifacts: Path) -> None:
    secret = site.secrets()["table-order/app/settings"]
    variables = {
        "TABLE_ORDER_URL": site.url(),
        "TABLE_ORDER_CERTIFICATE": deployment.certificate(),
        "TABLE_ORDER_ADMIN_USERNAME": "demo-admin",
        "TABLE_ORDER_ADMIN_PASSWORD": secret["demo_admin_password"],
        "TABLE_ORDER_SUPERADMIN_USERNAME": secret["superadmin_username"],
        "TABLE_ORDER_SUPERADMIN_PASSWORD": secret["superadmin_password"],
        "TABLE_ORDER_ARTIFACTS": str(artifacts),
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/browser"],
        cwd=site.ROOT,
        env=site.environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-4000:]
    assert {"customer-order.png", "admin-order.png", "admin-menu.png", "customer-menu.png"} <= {
        picture.name for picture in artifacts.glob("*.png")
    }
