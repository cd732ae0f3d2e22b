"""playbooks/plan.yml as a whole on the local cloud: an empty account, a half-made one, other names, and another region."""

import json
from collections import Counter

import pytest

from tests.unit.roles.cloud_runs import ROOT, make_inventory, role, run_playbook, run_plays

PLACES = [("ap-northeast-2", "local", "table-order"), ("eu-north-1", "staging", "table-order-staging")]


@pytest.mark.parametrize(("region", "environment", "name"), PLACES, ids=[place[1] for place in PLACES])
def test_a_half_made_account_lacks_exactly_what_is_planned(tmp_path, url, client, region, environment, name):
    zones = [f"{region}{zone}" for zone in "ab"]
    inventory = make_inventory(tmp_path, url, region, environment, table_order_zones=zones)

    def planned(*options):
        """Return the plan, its text, and the actions but "none" by type and name."""
        file = tmp_path / "plan.json"
        file.unlink(missing_ok=True)
        run = run_playbook(ROOT / "playbooks/plan.yml", inventory, "-e", f"plan_json={file}", *options)
        assert run.status == 0, run.output[-3000:]
        plan = json.loads(file.read_text())
        changed = {
            f"{one['type'].removeprefix('AWS::')} {one['name']}": one["action"]
            for one in plan["resources"]
            if one["action"] != "none"
        }
        return plan, run.messages, changed

    plan, text, everything = planned()
    assert (plan["environment"], plan["region"], set(everything.values())) == (
        environment,
        region,
        {"create"},
    )
    # Without TLS the cache has no password.
    assert [one["name"] for one in plan["resources"] if one["action"] == "none"] == [f"{name}/cache/token"]
    assert all(name in one["name"] for one in plan["resources"])
    assert f"Plan for {environment}: account 123456789012, {region}" in text
    assert ("Cost: unknown, there are no prices for this region." in text) == (region != "ap-northeast-2")
    assert (plan["cost"]["monthly_after"] is None) == (region != "ap-northeast-2")
    # What a run has made that was killed in the network.
    ec2 = client("ec2", region)
    play = {"hosts": "account", "gather_facts": False, "tasks": [role("aws_network")]}
    made = run_plays(tmp_path, inventory, [play])
    assert made.status == 0, made.output[-3000:]

    def id_of(kind, key, called):
        named = [{"Name": "tag:Name", "Values": [f"{name}-{called}"]}]
        found = getattr(ec2, f"describe_{kind}s")(Filters=named)
        return next(iter(found.values()))[0][key]

    vpc, gateway = id_of("vpc", "VpcId", "vpc"), id_of("internet_gateway", "InternetGatewayId", "igw")
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = id_of("route_table", "RouteTableId", "private-rt")
    for one in ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Associations"]:
        ec2.disassociate_route_table(AssociationId=one["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=table)
    left = {
        f"EC2::InternetGateway {name}-igw": "update",
        f"EC2::RouteTable {name}-private-rt": "create",
    }
    plan, text, changed = planned("-e", "plan_areas=aws_network")
    assert changed == left
    assert plan["unmanaged"] == []
    assert Counter(one["area"] for one in plan["resources"]) == {"aws_network": 7}
    _plan, _text, changed = planned()
    later = {key: one for key, one in everything.items() if not key.startswith(NETWORK)}
    assert changed == later | left
    finished = run_plays(tmp_path, inventory, [play])
    assert finished.status == 0, finished.output[-3000:]
    assert planned()[2] == later


NETWORK = ("EC2::VPC", "EC2::Subnet", "EC2::InternetGateway", "EC2::RouteTable")


def test_an_unknown_area_is_refused_with_those_that_there_are(tmp_path, url):
    run = run_playbook(
        ROOT / "playbooks/plan.yml", make_inventory(tmp_path, url), "-e", "plan_areas=aws_netwrk,aws_cache"
    )
    assert run.status != 0
    accepted = "aws_network, aws_security, aws_storage, aws_database, aws_cache, aws_compute, aws_monitoring"
    assert f"plan_areas has aws_netwrk. Accepted: {accepted}, as a list or with commas between." in run.output
