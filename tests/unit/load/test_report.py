"""An order's number, and what the load says in the end: missing and twice are counted as they are in the database."""

import json
from collections import Counter

import pytest

from tests.load.__main__ import local_host
from tests.load.report import percentile, summary
from tests.load.restaurant import TABLES, Store
from tests.load.traffic import MIX, Record, Sent

STORE = Store(7, [11, 12, 13, 14], "token")


@pytest.mark.parametrize("number", [0, 1, 98, 99, 100, 9801, 12345, 99**3 + 5, 99**4 - 1])
def test_an_orders_number_is_read_back_from_its_quantities(number):
    order = json.loads(STORE.order(number))
    assert order["store_id"] == 7
    assert 1 <= order["table_number"] <= TABLES
    assert all(1 <= item["quantity"] <= 99 for item in order["items"]), "what the application takes"
    shuffled = {"items": order["items"][::-1]}
    assert STORE.number(order) == STORE.number(shuffled) == number


@pytest.mark.parametrize("number", [0, TABLES - 1, TABLES, 12345])
def test_an_order_shows_the_code_of_its_own_table(number):
    store = Store(7, [11], "token", {table: f"code-{table}" for table in range(1, TABLES + 1)})
    table = json.loads(store.order(number))["table_number"]
    assert store.headers(number)["X-Table-Code"] == f"code-{table}"


def test_no_two_orders_have_the_same_quantities():
    orders = {json.dumps(json.loads(STORE.order(number))["items"]) for number in range(20000)}
    assert len(orders) == 20000


def sent(kind: str = "menus", fault: str = "", seconds: float = 0.01) -> Sent:
    return Sent(0.0, kind, seconds, fault)


def test_missing_and_twice_are_counted():
    record = Record(acknowledged={(1, 0), (1, 2), (2, 1), (2, 3)})
    # Order 0 is there, 2 is not, 1 is there twice, 3 three times; 9 has arrived, though its answer was lost.
    stored = {1: Counter([0, 9]), 2: Counter([1, 1, 3, 3, 3])}
    said = summary(record, stored, 0)
    assert (said["orders_acknowledged"], said["orders_missing"], said["orders_twice"]) == (4, 1, 2)


def test_the_same_number_in_another_store_is_another_order():
    said = summary(Record(acknowledged={(1, 5)}), {1: Counter(), 2: Counter([5])}, 0)
    assert (said["orders_missing"], said["orders_twice"]) == (1, 0)


def test_what_was_answered_badly_and_what_was_lost_are_two_things():
    faults = [
        "",
        "",
        "status 502",
        "status 500",
        "LostError: GET /: EOFError: x",
        "ConnectionRefusedError: x",
    ]
    record = Record(requests=[sent(fault=fault) for fault in faults] + [sent("order", "status 502")])
    said = summary(record, {}, 0)
    assert (said["requests"], said["not_2xx"], said["lost"]) == (7, 3, 2)
    assert said["kinds"] == {"menus": 6, "order": 1}
    assert said["faults"]["order: status 502"] == 1


def test_a_perfect_run_has_nothing_to_say():
    record = Record(requests=[sent(), sent("order")], acknowledged={(1, 0)}, events=1)
    said = summary(record, {1: Counter([0])}, 3)
    zeros = ("not_2xx", "lost", "orders_missing", "orders_twice", "streams_reconnected", "streams_late")
    assert {said[name] for name in zeros} == {0}
    assert (said["faults"], said["streams"], said["stream_events"]) == ({}, 3, 1)


def test_streams_that_were_away_are_counted():
    said = summary(Record(gaps=[(0, 1.2), (0, 5.1), (0, 0.4)]), {}, 3)
    assert (said["streams_reconnected"], said["streams_late"], said["stream_worst_gap_s"]) == (3, 1, 5.1)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, 0.0), ([3], 0.99, 3), (range(100), 0.99, 99), (range(100), 0.5, 50), ([5, 1, 3], 0.5, 3)],
)
def test_percentiles(values, share, expected):
    assert percentile(values, share) == expected


def test_latencies_are_milliseconds():
    said = summary(Record(requests=[sent(seconds=second) for second in (0.001, 0.002, 0.25)]), {}, 0)
    assert (said["p50_ms"], said["p99_ms"], said["worst_ms"]) == (2.0, 250.0, 250.0)


def test_there_is_one_picture_for_fifteen_orders():
    kinds = Counter(MIX)
    assert (len(MIX), kinds["order"], kinds["upload"]) == (100, 16, 1)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "http://127.3.2.1:8080/"])
def test_the_load_is_put_on_this_machine(url):
    assert local_host(url).startswith("127.")


@pytest.mark.parametrize("url", ["http://10.0.0.5", "http://203.0.113.9/", "https://[2001:db8::1]/"])
def test_the_load_is_put_on_no_other(url):
    with pytest.raises(SystemExit, match="local cloud only"):
        local_host(url)
