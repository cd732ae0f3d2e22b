"""The nine tables.

Money is an integer number of won. Times are timestamptz. A change here needs an Alembic revision; the
tests run `alembic check`, which fails when the two differ.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    func,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can refer to it."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


def _now() -> Mapped[datetime]:
    return mapped_column(DateTime(timezone=True), server_default=func.now())


def _identity() -> Mapped[int]:
    # Identity rather than serial: inserting needs no right on the sequence.
    return mapped_column(Identity(), primary_key=True)


def _stored_as_text(enumeration: type[StrEnum]) -> Enum:
    # Text rather than a PostgreSQL enum: a new value is then no ALTER TYPE.
    return Enum(
        enumeration, native_enum=False, length=16, values_callable=lambda members: [m.value for m in members]
    )


class Role(StrEnum):
    """What somebody who logs in may do."""

    ADMIN = "admin"
    SUPERADMIN = "superadmin"


class OrderStatus(StrEnum):
    """Where an order is on its way to the table."""

    PENDING = "pending"
    PREPARING = "preparing"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Store(Base):
    """A restaurant: the tenant that everything else belongs to."""

    __tablename__ = "stores"

    id: Mapped[int] = _identity()
    name: Mapped[str] = mapped_column(String(100), unique=True)
    is_active: Mapped[bool] = mapped_column(server_default=true())
    created_at: Mapped[datetime] = _now()

    tables: Mapped[list["DiningTable"]] = relationship(order_by="DiningTable.number")


class Admin(Base):
    """Somebody who logs in. A superadmin belongs to no store, an admin to exactly one."""

    __tablename__ = "admins"
    __table_args__ = (
        CheckConstraint("(role = 'superadmin') = (store_id IS NULL)", name="store_matches_role"),
    )

    id: Mapped[int] = _identity()
    store_id: Mapped[int | None] = mapped_column(ForeignKey("stores.id"), index=True)
    username: Mapped[str] = mapped_column(String(50), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(_stored_as_text(Role))
    is_active: Mapped[bool] = mapped_column(server_default=true())
    created_at: Mapped[datetime] = _now()


class DiningTable(Base):
    """A table in a store, known to its customers by its number.

    Who orders there shows its code, which is in the QR code on the table and nowhere else. The database makes it (122
    random bits), so that a table of a release that does not know codes has one, too.
    """

    __tablename__ = "tables"
    __table_args__ = (UniqueConstraint("store_id", "number"),)

    id: Mapped[int] = _identity()
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    number: Mapped[int]
    code: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())


class TableSession(Base):
    """One party at a table, from its first order until the table is closed.

    The token is what the party's browsers show to see their orders.
    """

    __tablename__ = "table_sessions"
    __table_args__ = (
        Index("uq_table_sessions_open", "table_id", unique=True, postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[int] = _identity()
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id"), index=True)
    token: Mapped[UUID] = mapped_column(unique=True, default=uuid4)
    opened_at: Mapped[datetime] = _now()
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    table: Mapped[DiningTable] = relationship()


class MenuCategory(Base):
    """A heading of the menu."""

    __tablename__ = "menu_categories"
    __table_args__ = (UniqueConstraint("store_id", "name"),)

    id: Mapped[int] = _identity()
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    name: Mapped[str] = mapped_column(String(50))
    position: Mapped[int] = mapped_column(server_default="0")

    menus: Mapped[list["Menu"]] = relationship(order_by="Menu.id", back_populates="category")


class Menu(Base):
    """Something that can be ordered. `image_path` is the object's key in the bucket."""

    __tablename__ = "menus"
    __table_args__ = (CheckConstraint("price >= 0", name="price_not_negative"),)

    id: Mapped[int] = _identity()
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"), index=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("menu_categories.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), server_default="")
    price: Mapped[int]
    image_path: Mapped[str | None] = mapped_column(String(200))
    is_available: Mapped[bool] = mapped_column(server_default=true())
    created_at: Mapped[datetime] = _now()

    category: Mapped[MenuCategory] = relationship(back_populates="menus")


class Order(Base):
    """An order as it was placed; names and prices are kept as they were then."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("store_id", "idempotency_key"),
        Index("ix_orders_store_id_id", "store_id", "id"),
    )
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012  updated_at is read back with each UPDATE

    id: Mapped[int] = _identity()
    store_id: Mapped[int] = mapped_column(ForeignKey("stores.id"))
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id"), index=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("table_sessions.id"), index=True)
    status: Mapped[OrderStatus] = mapped_column(
        _stored_as_text(OrderStatus), default=OrderStatus.PENDING, server_default=OrderStatus.PENDING.value
    )
    total: Mapped[int]
    idempotency_key: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )

    table: Mapped[DiningTable] = relationship()
    session: Mapped[TableSession] = relationship()
    items: Mapped[list["OrderItem"]] = relationship(order_by="OrderItem.id")
    history: Mapped[list["OrderHistory"]] = relationship(order_by="OrderHistory.id")


class OrderItem(Base):
    """A line of an order."""

    __tablename__ = "order_items"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)

    id: Mapped[int] = _identity()
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    menu_id: Mapped[int] = mapped_column(ForeignKey("menus.id"), index=True)
    menu_name: Mapped[str] = mapped_column(String(100))
    unit_price: Mapped[int]
    quantity: Mapped[int]


class OrderHistory(Base):
    """Who moved an order to which status, and when. No admin: the customer did, by ordering."""

    __tablename__ = "order_history"

    id: Mapped[int] = _identity()
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("admins.id"))
    from_status: Mapped[OrderStatus | None] = mapped_column(_stored_as_text(OrderStatus))
    to_status: Mapped[OrderStatus] = mapped_column(_stored_as_text(OrderStatus))
    created_at: Mapped[datetime] = _now()
