"""Stores and their tables."""

import logging
import secrets
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.infrastructure.sse_publisher import SSEPublisher
from app.infrastructure.storage import ImageStorage, StorageError
from app.models.api import NewStore, StoreChange, StoreSummary, StoreView, TableCode, TableState
from app.models.entities import (
    Admin,
    DiningTable,
    Menu,
    MenuCategory,
    Order,
    OrderHistory,
    OrderItem,
    OrderStatus,
    Store,
    TableSession,
)
from app.services.errors import ConflictError, ForbiddenError, NotFoundError

_log = logging.getLogger(__name__)


def active_store(session: Session, store_id: int) -> Store:
    """The store, if customers may use it."""
    store = session.get(Store, store_id)
    if store is None or not store.is_active:
        raise NotFoundError(f"There is no store {store_id}.")
    return store


def store_view(session: Session, store_id: int) -> StoreView:
    """A store as customers see it."""
    store = active_store(session, store_id)
    return StoreView(id=store.id, name=store.name, table_numbers=[table.number for table in store.tables])


def _summary(store: Store, table_count: int) -> StoreSummary:
    return StoreSummary(
        id=store.id,
        name=store.name,
        is_active=store.is_active,
        table_count=table_count,
        created_at=store.created_at,
    )


def list_stores(session: Session) -> list[StoreSummary]:
    """All stores, in the order of their creation."""
    rows = session.execute(
        select(Store, func.count(DiningTable.id))
        .outerjoin(DiningTable, DiningTable.store_id == Store.id)
        .group_by(Store.id)
        .order_by(Store.id)
    )
    return [_summary(store, count) for store, count in rows]


def create_store(session: Session, new: NewStore) -> StoreSummary:
    """Open a store with tables 1 to `table_count`."""
    store = Store(name=new.name)
    store.tables = [DiningTable(number=number) for number in range(1, new.table_count + 1)]
    session.add(store)
    _commit_unique_name(session, new.name)
    return _summary(store, new.table_count)


def change_store(
    session: Session, publisher: SSEPublisher, store_id: int, change: StoreChange
) -> StoreSummary:
    """Set the fields that are given."""
    store = session.get(Store, store_id)
    if store is None:
        raise NotFoundError(f"There is no store {store_id}.")
    for field, value in change.model_dump(exclude_none=True).items():
        setattr(store, field, value)
    _commit_unique_name(session, store.name)
    if not store.is_active:
        publisher.end_streams(store_id=store.id)
    return _summary(store, len(store.tables))


def delete_store(session: Session, storage: ImageStorage, store_id: int) -> None:
    """Remove a closed store with all that belongs to it: tables, menus and their images, orders, admins."""
    store = session.get(Store, store_id)
    if store is None:
        raise NotFoundError(f"There is no store {store_id}.")
    if store.is_active:
        raise ConflictError(f"Store {store_id} is open. Close it first: its orders go with it.")
    images = session.scalars(
        select(Menu.image_path).where(Menu.store_id == store_id, Menu.image_path.is_not(None))
    ).all()
    orders = select(Order.id).where(Order.store_id == store_id)
    tables = select(DiningTable.id).where(DiningTable.store_id == store_id)
    for rows in (
        delete(OrderHistory).where(OrderHistory.order_id.in_(orders)),
        delete(OrderItem).where(OrderItem.order_id.in_(orders)),
        delete(Order).where(Order.store_id == store_id),
        delete(TableSession).where(TableSession.table_id.in_(tables)),
        delete(DiningTable).where(DiningTable.store_id == store_id),
        delete(Menu).where(Menu.store_id == store_id),
        delete(MenuCategory).where(MenuCategory.store_id == store_id),
        delete(Admin).where(Admin.store_id == store_id),
        delete(Store).where(Store.id == store_id),
    ):
        session.execute(rows)
    session.commit()
    for key in images:
        try:
            storage.delete(key)
        except StorageError as error:
            _log.warning("an image of a removed store was left in the bucket: %s: %s", key, error)


def _commit_unique_name(session: Session, name: str) -> None:
    try:
        session.commit()
    except IntegrityError as error:
        raise ConflictError(f"There is a store {name!r} already.") from error


def list_tables(session: Session, store_id: int) -> list[TableState]:
    """Every table of a store with its present party's orders, cancelled ones not counted."""
    rows = session.execute(
        select(
            DiningTable.number,
            DiningTable.code,
            TableSession.opened_at,
            func.count(Order.id),
            func.coalesce(func.sum(Order.total), 0),
        )
        .outerjoin(TableSession, (TableSession.table_id == DiningTable.id) & TableSession.closed_at.is_(None))
        .outerjoin(Order, (Order.session_id == TableSession.id) & (Order.status != OrderStatus.CANCELLED))
        .where(DiningTable.store_id == store_id)
        .group_by(DiningTable.number, DiningTable.code, TableSession.opened_at)
        .order_by(DiningTable.number)
    )
    return [
        TableState(number=number, code=code, opened_at=opened_at, order_count=count, total=total)
        for number, code, opened_at, count, total in rows
    ]


def lock_table(session: Session, store_id: int, number: int) -> DiningTable:
    """The table, locked until the transaction ends: what happens at one table happens in a row."""
    table = session.scalar(
        select(DiningTable)
        .where(DiningTable.store_id == store_id, DiningTable.number == number)
        .with_for_update()
    )
    if table is None:
        raise NotFoundError(f"There is no table {number} in this store.")
    return table


def require_code(table: DiningTable, shown: str | None) -> None:
    """Refuse whoever does not show the table's code; how much of it is right makes no difference in time."""
    if not secrets.compare_digest(str(table.code).encode(), (shown or "").lower().encode()):
        raise ForbiddenError("Scan the code at your table to order.")


def renew_code(session: Session, store_id: int, number: int) -> TableCode:
    """Give the table another code. Who sits there scans it; what the party has ordered stays theirs to pay."""
    table = lock_table(session, store_id, number)
    table.code = uuid4()
    if party := open_party(session, table):
        party.token = uuid4()
    session.commit()
    return TableCode(number=number, code=table.code)


def open_party(session: Session, table: DiningTable) -> TableSession | None:
    """The party that sits at the table now."""
    return session.scalar(
        select(TableSession).where(TableSession.table_id == table.id, TableSession.closed_at.is_(None))
    )


def close_table(session: Session, store_id: int, number: int) -> None:
    """The party has left. Closing a free table changes nothing."""
    party = open_party(session, lock_table(session, store_id, number))
    if party is None:
        return
    unfinished = session.scalar(
        select(func.count(Order.id)).where(
            Order.session_id == party.id, Order.status.in_([OrderStatus.PENDING, OrderStatus.PREPARING])
        )
    )
    if unfinished:
        raise ConflictError(f"Table {number} still has {unfinished} unfinished order(s).")
    party.closed_at = func.now()
    session.commit()
