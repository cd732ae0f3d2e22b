"""One holder at a time, in any order: against the local cloud, with concurrent threads."""

import importlib.util
import json
import os
import threading
from pathlib import Path

import boto3
import pytest

from tests.unit.local_cloud.conftest import client, cloud, url

__all__ = ["client", "cloud", "url"]

SPEC = importlib.util.spec_from_file_location(
    "account_lock", Path(__file__).parents[3] / "plugins/modules/account_lock.py"
)
account_lock = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(account_lock)


class Retrying:
    """What AnsibleAWSModule's client is: it takes aws_retry."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        def call(aws_retry=None, **arguments):
            return getattr(self.client, name)(**arguments)

        return call


@pytest.fixture
def ssm(client):
    return Retrying(client("ssm"))


@pytest.fixture
def lock(ssm, request):
    """A lock of this test's own."""
    name = request.node.name.partition("[")[0]
    return account_lock.Lock(ssm, f"/unit/{name}/lock", {"Project": "unit"})


def run_of(token, state="held", lease=3600, **values):
    """What one run writes."""
    content = {
        "token": token,
        "machine": "",
        "process": 0,
        "started": "",
        "who": token,
        "what": "provision.yml",
    }
    return content | {"since": "2026-11-27T00:00:00Z", "state": state, "lease": lease} | values


def test_the_second_is_told_who_holds_it(lock):
    assert account_lock.settle(lock, run_of("ann")) == (1, "")
    number, refused = account_lock.settle(lock, run_of("ben"))
    assert number == 0
    assert "\n" not in refused
    assert "ann runs provision.yml since 2026-11-27T00:00:00Z" in refused
    assert "expires in 60 minutes" in refused


def test_renewed_and_given_back(lock):
    assert account_lock.settle(lock, run_of("ann")) == (1, "")
    assert account_lock.settle(lock, run_of("ann")) == (2, "")
    assert account_lock.settle(lock, run_of("ben", "free")) == (0, "")
    assert account_lock.settle(lock, run_of("ann", "free")) == (3, "")
    assert account_lock.settle(lock, run_of("ann", "free")) == (0, "")
    assert account_lock.settle(lock, run_of("ben")) == (4, "")


def test_a_renewed_lock_tells_since_when_the_run_is_there(lock):
    account_lock.settle(lock, run_of("ann"))
    account_lock.settle(lock, run_of("ann", since="2026-11-27T01:00:00Z"))
    assert "since 2026-11-27T00:00:00Z" in account_lock.settle(lock, run_of("ben"))[1]


@pytest.mark.parametrize("other", ["ann", "ben"])
def test_two_lanes_of_one_run_may_renew_in_the_same_moment(lock, other):
    """The second lane has read before the first wrote; of another run it would have lost."""
    account_lock.settle(lock, run_of("ann", lease=-1))
    looks = [lock.read()]
    account_lock.settle(lock, run_of(other))
    read = lock.read
    lock.read = lambda: looks.pop() if looks else read()
    number, refused = account_lock.settle(lock, run_of("ann"))
    assert (number, "ben runs provision.yml" in refused) == ((2, False) if other == "ann" else (0, True))


def test_an_expired_lock_is_taken_over_and_its_holder_finds_out(lock):
    account_lock.settle(lock, run_of("ann", lease=-1))
    assert account_lock.settle(lock, run_of("ben")) == (2, "")
    assert "ben runs" in account_lock.settle(lock, run_of("ann"))[1]
    assert account_lock.settle(lock, run_of("ann", "free")) == (0, "")


def test_a_lock_of_a_dead_run_is_taken_when_somebody_says_so(lock):
    account_lock.settle(lock, run_of("ann"))
    assert "table_order_lock_break" in account_lock.settle(lock, run_of("ben"))[1]
    assert account_lock.settle(lock, run_of("ben"), take_over=True) == (2, "")
    assert "ben runs" in account_lock.settle(lock, run_of("ann"))[1]
    # A run without the lock does not release it.
    assert account_lock.settle(lock, run_of("ann", "free"), take_over=True) == (0, "")


@pytest.mark.parametrize(("process", "taken"), [("dead", True), ("alive", False)])
def test_a_run_of_this_machine_that_has_ended(lock, process, taken):
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = fields[19] if process == "alive" else "1"
    lock.path += process
    account_lock.settle(lock, run_of("ann", machine="m", process=os.getpid(), started=started))
    assert bool(account_lock.settle(lock, run_of("ben", machine="m"))[0]) is taken


@pytest.mark.parametrize("before", ["nothing", "free", "expired"])
def test_of_many_at_once_one_wins(lock, url, before):
    lock.path += before
    if before != "nothing":
        account_lock.settle(lock, run_of("old", lease=-1))
    if before == "free":
        account_lock.settle(lock, run_of("old", "free"))
    barrier = threading.Barrier(8)
    results = []

    def take(token):
        session = boto3.Session("unit", "unit", region_name="ap-northeast-2")
        mine = account_lock.Lock(Retrying(session.client("ssm", endpoint_url=url)), lock.path, {})
        read = mine.read
        seen = read()

        def together():
            # All read before the first write: the worst order.
            if barrier is not None and not mine.__dict__.get("met"):
                mine.met = True
                barrier.wait(30)
                return seen
            return read()

        mine.read = together
        results.append((token, *account_lock.settle(mine, run_of(token))))

    threads = [threading.Thread(target=take, args=(f"run{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    winners = [token for token, number, refused in results if number]
    assert len(results) == 8
    assert len(winners) == 1, results
    found, _ = lock.read()
    assert found[max(found)]["token"] == winners[0]


def test_a_sleeper_with_an_old_look_does_not_win(lock):
    account_lock.settle(lock, run_of("old", lease=-1))
    old = lock.read()
    account_lock.settle(lock, run_of("ann"))
    account_lock.settle(lock, run_of("ann"))
    lock.client.delete_parameters(Names=[f"{lock.path}/2"])
    looks = [old]
    read = lock.read
    lock.read = lambda: looks.pop() if looks else read()
    number, refused = account_lock.settle(lock, run_of("sleeper"))
    assert number == 0
    assert "ann runs" in refused


def test_old_numbers_are_removed_and_young_ones_stay(lock):
    for _ in range(13):
        account_lock.settle(lock, run_of("ann"))
    found, now = lock.read()
    for number in range(1, 12):
        found[number]["modified"] -= 2 * account_lock.OLD_SECONDS
    found[13]["modified"] -= 2 * account_lock.OLD_SECONDS
    lock.clean(found, 13, now)
    assert sorted(lock.read()[0]) == [12, 13]


def test_no_secret_and_the_tags(lock, client):
    account_lock.settle(lock, run_of("ann"))
    (parameter,) = client("ssm").get_parameters_by_path(Path=lock.path)["Parameters"]
    assert set(json.loads(parameter["Value"])) == {*account_lock.KEPT, "state", "lease"}
    tags = client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=f"{lock.path}/1")
    assert tags["TagList"] == [{"Key": "Project", "Value": "unit"}]
