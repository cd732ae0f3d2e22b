"""Placing orders and moving them on."""

import logging
from collections import Counter
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, selectinload

from app.infrastructure.sse_publisher import SSEPublisher
from app.models.api import (
    ChangedItem,
    EventName,
    NewOrder,
    NewOrderItem,
    OrderEvent,
    OrderItemView,
    OrderView,
    PlacedOrder,
)
from app.models.entities import Menu, Order, OrderHistory, OrderItem, OrderStatus, TableSession
from app.services.errors import ConflictError, InvalidError, MenuChangedError, NotFoundError
from app.services.stores import active_store, lock_table, open_party, require_code

# A line for each order and change, before its acknowledgement. After a recovery of the database to an earlier time, these lines
# tell the restaurant what is missing: playbooks/recover_database.yml reads them from CloudWatch.
_acknowledged = logging.getLogger("app.orders")

# Beyond any party's order, and far below what the column holds (2^31 - 1).
MAX_TOTAL = 50_000_000

_NEXT = {
    OrderStatus.PENDING: {OrderStatus.PREPARING, OrderStatus.CANCELLED},
    OrderStatus.PREPARING: {OrderStatus.COMPLETED, OrderStatus.CANCELLED},
    OrderStatus.COMPLETED: set(),
    OrderStatus.CANCELLED: set(),
}


def order_view(order: Order) -> OrderView:
    """An order as the API shows it."""
    return OrderView(
        id=order.id,
        store_id=order.store_id,
        table_number=order.table.number,
        status=order.status,
        items=[OrderItemView.model_validate(item) for item in order.items],
        total=order.total,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def _acknowledge(order: OrderView) -> None:
    """Log the order as it is now; nothing of its guests. Also for a repetition: the first request may have died before its line."""
    fields = {
        "id": order.id,
        "store": order.store_id,
        "table": order.table_number,
        "placed_at": order.created_at.isoformat(),
        "status": order.status,
        "items": [
            {"name": item.menu_name, "quantity": item.quantity, "unit_price": item.unit_price}
            for item in order.items
        ],
        "sum": order.total,
    }
    _acknowledged.info("order", extra={"fields": {"order": fields}})


def _placed(order: Order) -> PlacedOrder:
    return PlacedOrder(**order_view(order).model_dump(), session_token=order.session.token)


def place(
    session: Session,
    publisher: SSEPublisher,
    new: NewOrder,
    table_code: str | None,
    idempotency_key: str | None,
) -> tuple[PlacedOrder, bool]:
    """Place an order; the second value is False when it is a repetition, which orders nothing.

    The table is locked first: simultaneous first orders of a party open one session, and simultaneous
    repetitions of a request meet the order of the first.
    """
    active_store(session, new.store_id)
    table = lock_table(session, new.store_id, new.table_number)
    require_code(table, table_code)

    if earlier := _placed_before(session, new.store_id, idempotency_key):
        if earlier.table_id != table.id or _ordered(earlier.items) != _ordered(new.items):
            raise ConflictError("This idempotency key belongs to a different order.")
        repeated = _placed(earlier)
        _acknowledge(repeated)
        return repeated, False

    items = _priced_items(session, new)
    total = sum(item.unit_price * item.quantity for item in items)
    if total > MAX_TOTAL:
        raise InvalidError(f"An order may cost {MAX_TOTAL:,} won at most; this one costs {total:,}.")
    order = Order(
        store_id=new.store_id,
        table=table,
        session=open_party(session, table) or TableSession(table_id=table.id),
        items=items,
        total=total,
        idempotency_key=idempotency_key,
    )
    entry = OrderHistory(to_status=OrderStatus.PENDING)
    order.history.append(entry)
    session.add(order)
    try:
        session.commit()
    except IntegrityError as error:  # the same key at the same moment from another table
        raise ConflictError("This idempotency key belongs to a different order.") from error

    placed = _placed(order)
    _acknowledge(placed)
    publisher.publish(_event("order_created", entry, placed))
    return placed, True


def _event(name: EventName, entry: OrderHistory, order: OrderView) -> OrderEvent:
    shown = OrderView.model_validate(order.model_dump(exclude={"session_token"}))
    return OrderEvent(id=entry.id, event=name, store_id=order.store_id, order=shown)


def _placed_before(session: Session, store_id: int, idempotency_key: str | None) -> Order | None:
    if idempotency_key is None:
        return None
    return session.scalar(
        select(Order).where(Order.store_id == store_id, Order.idempotency_key == idempotency_key)
    )


def _ordered(items: list[OrderItem] | list[NewOrderItem]) -> Counter[int]:
    wanted: Counter[int] = Counter()
    for item in items:
        wanted[item.menu_id] += item.quantity
    return wanted


def _priced_items(session: Session, new: NewOrder) -> list[OrderItem]:
    ids = {item.menu_id for item in new.items}
    found = session.scalars(select(Menu).where(Menu.store_id == new.store_id, Menu.id.in_(ids)))
    menus = {menu.id: menu for menu in found}
    if missing := sorted(ids - menus.keys()):
        raise NotFoundError(f"Not on this store's menu: {', '.join(map(str, missing))}.")
    _refuse_changed(new, menus)
    return [
        OrderItem(
            menu_id=item.menu_id,
            menu_name=menus[item.menu_id].name,
            unit_price=menus[item.menu_id].price,
            quantity=item.quantity,
        )
        for item in new.items
    ]


def _refuse_changed(new: NewOrder, menus: dict[int, Menu]) -> None:
    """Refuse an order of what is sold out, or costs other than its guest has seen; the sentence names each."""
    seen = {item.menu_id: item.unit_price for item in new.items}
    changed = [
        menu for menu in menus.values() if not menu.is_available or seen[menu.id] not in (None, menu.price)
    ]
    if not changed:
        return
    sold_out = ", ".join(sorted(menu.name for menu in changed if not menu.is_available))
    repriced = ", ".join(sorted(f"{menu.name} {menu.price:,} won" for menu in changed if menu.is_available))
    sentences = [f"Sold out: {sold_out}."] if sold_out else []
    sentences += [f"The price has changed: {repriced}."] if repriced else []
    items = [
        ChangedItem(menu_id=menu.id, name=menu.name, price=menu.price, is_available=menu.is_available)
        for menu in changed
    ]
    raise MenuChangedError(" ".join(sentences), [item.model_dump() for item in items])


def _with_details(statement: Select[Order]) -> Select[Order]:
    return statement.options(joinedload(Order.table), selectinload(Order.items)).order_by(Order.id.desc())


def list_of_party(session: Session, token: UUID) -> list[OrderView]:
    """The orders of the party that owns the token, newest first; it ends when the table is closed."""
    party = session.scalar(
        select(TableSession).where(TableSession.token == token, TableSession.closed_at.is_(None))
    )
    if party is None:
        raise NotFoundError("This table session has ended.")
    orders = session.scalars(_with_details(select(Order).where(Order.session_id == party.id)))
    return [order_view(order) for order in orders]


def list_of_store(
    session: Session, store_id: int, statuses: list[OrderStatus], before: int | None, limit: int
) -> list[OrderView]:
    """A store's orders, newest first: those with an id below `before`, of the given statuses (none: all)."""
    statement = select(Order).where(Order.store_id == store_id)
    if statuses:
        statement = statement.where(Order.status.in_(statuses))
    if before is not None:
        statement = statement.where(Order.id < before)
    return [order_view(order) for order in session.scalars(_with_details(statement).limit(limit))]


def change_status(
    session: Session,
    publisher: SSEPublisher,
    store_id: int,
    admin_id: int,
    order_id: int,
    status: OrderStatus,
) -> OrderView:
    """Move an order on. The status that it has already changes nothing."""
    order = session.scalar(
        select(Order).where(Order.id == order_id, Order.store_id == store_id).with_for_update()
    )
    if order is None:
        raise NotFoundError(f"There is no order {order_id} in this store.")
    if order.status == status:
        unchanged = order_view(order)
        _acknowledge(unchanged)
        return unchanged
    if status not in _NEXT[order.status]:
        raise ConflictError(f"An order that is {order.status} cannot become {status}.")

    entry = OrderHistory(admin_id=admin_id, from_status=order.status, to_status=status)
    order.history.append(entry)
    order.status = status
    session.commit()

    view = order_view(order)
    _acknowledge(view)
    publisher.publish(_event("order_updated", entry, view))
    return view
