"""The lease of a deployment's lock is longer than what the deployment waits for."""

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).parents[2]
HOUR = 3600


def read(path: str):
    return yaml.safe_load((ROOT / path).read_text())


def lease(**settings: int) -> int:
    expression = read("playbooks/vars/lease.yml")["__lease_of_waiting"]
    return int(Templar(DataLoader(), variables=settings).template(trust_as_template(expression)))


DEFAULTS = {
    "aws_database_wait_retries": read("roles/aws_database/defaults/main.yml")["aws_database_wait_retries"],
    "aws_cache_wait_retries": read("roles/aws_cache/defaults/main.yml")["aws_cache_wait_retries"],
    "table_order_poll_seconds": read("roles/table_order/defaults/main.yml")["table_order_poll_seconds"],
}


@pytest.mark.parametrize(
    "set_by_hand", [{}, {"aws_database_wait_retries": 1000}, {"table_order_poll_seconds": 30}]
)
def test_it_is_longer_than_any_wait(set_by_hand):
    settings = DEFAULTS | set_by_hand
    wait = settings["table_order_poll_seconds"] * (
        settings["aws_database_wait_retries"] + settings["aws_cache_wait_retries"]
    )
    longest = read("roles/aws_database/vars/main.yml")["__aws_database_snapshot_seconds"]
    assert lease(**set_by_hand) >= wait + longest + HOUR


def test_it_is_one_that_the_role_takes():
    assert lease(aws_database_wait_retries=100000) == 86400
