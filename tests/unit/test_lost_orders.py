"""After a recovery the restaurant learns which acknowledged orders are missing: all of them, and no other."""

import json

from plugins.filter.table_order_orders import lost_orders as compared

PLACED = "2026-11-28T21:00:00.000001+09:00"
MICROSECONDS = 1_795_867_200_000_001


def lost_orders(messages, rows):
    return compared(messages, rows, "2026-11-28T12:00:00Z")


def line(number, status="pending", time="2026-11-28T12:00:01.000+00:00", placed=PLACED):
    items = [{"name": "김치찌개", "quantity": 2, "unit_price": 9000}]
    order = {"id": number, "store": 1, "table": 3, "placed_at": placed, "status": status, "items": items}
    return json.dumps({"time": time, "logger": "app.orders", "order": order | {"sum": 18000}})


def row(number, status="pending", placed=MICROSECONDS):
    return {"id": number, "status": status, "placed": placed}


def test_all_orders_that_are_not_there_are_listed_once():
    later = "2026-11-28T12:00:05.900+00:00"
    found = lost_orders([line(1), line(2), line(2, "preparing", later)], [row(1)])
    assert (found["orders"], found["changes"], found["seconds"]) == (1, 0, 5)
    assert found["lines"] == [
        "1 acknowledged orders are lost, and 0 changes of others:",
        "store 1, table 3, order 2 of 2026-11-28 12:00:00 UTC: 2 x 김치찌개 (9,000); 18,000 in total; was preparing",
    ]


def test_a_new_order_with_the_id_of_a_lost_one_hides_nothing():
    found = lost_orders([line(1)], [row(1, placed=MICROSECONDS + 1)])
    assert found["orders"] == 1


def test_a_change_that_is_not_there_is_listed():
    found = lost_orders([line(1, "completed")], [row(1, "preparing")])
    assert (found["orders"], found["changes"]) == (0, 1)
    assert found["lines"][1].endswith("was completed, is preparing again")


def test_nothing_lost_is_said():
    found = lost_orders([line(1)], [row(1)])
    assert (found["seconds"], found["lines"]) == (0, ["No acknowledged order and no change is lost."])
    assert lost_orders([], [])["orders"] == 0
