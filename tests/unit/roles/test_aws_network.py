"""The network on the local cloud: what a killed run has left there is taken up, and removed."""

import pytest

from tests.unit.roles.cloud_runs import make_inventory, role, run_plays

NAME = "table-order-igw"


@pytest.fixture
def site(tmp_path, url):
    """A function that runs an entry point of the role."""
    inventory = make_inventory(tmp_path, url)

    def run(entry="main"):
        return run_plays(
            tmp_path,
            inventory,
            [{"hosts": "network", "gather_facts": False, "tasks": [role("aws_network", entry)]}],
        )

    return run


def gateways(ec2):
    found = ec2.describe_internet_gateways(Filters=[{"Name": "tag:Name", "Values": [NAME]}])
    return found["InternetGateways"]


def test_a_gateway_that_a_killed_run_has_not_attached_is_taken_up_and_a_second_one_goes_with_the_rest(
    site, ec2
):
    tags = [{"Key": "Name", "Value": NAME}, {"Key": "Environment", "Value": "local"}]
    # What others in the account tag it with does not make it another one.
    tags += [{"Key": "Project", "Value": "table-order"}, {"Key": "CostCenter", "Value": "7"}]
    left = {"ResourceType": "internet-gateway", "Tags": tags}
    made = ec2.create_internet_gateway(TagSpecifications=[left])["InternetGateway"]["InternetGatewayId"]
    assert site().status == 0
    (gateway,) = gateways(ec2)
    assert gateway["InternetGatewayId"] == made
    assert gateway["Attachments"]
    again = site()
    assert (again.status, again.changed) == (0, 0), again.output[-3000:]
    # From an earlier run that created a second one.
    ec2.create_internet_gateway(TagSpecifications=[left])
    removed = site("absent")
    assert removed.status == 0, removed.output[-3000:]
    assert gateways(ec2) == []
