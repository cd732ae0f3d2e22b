"""The JSON bodies of the API. Money is an integer number of won; times are ISO 8601 with a zone."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.models.entities import OrderStatus, Role

# PostgreSQL's texts hold no zero byte.
_TEXT = r"^[^\x00]*$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_TEXT)]
CategoryName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=_TEXT)
]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=_TEXT)]
Price = Annotated[int, Field(ge=0, le=10_000_000)]
RowId = Annotated[int, Field(ge=1, le=2**31 - 1)]
TableNumber = Annotated[int, Field(ge=1, le=999)]
EventName = Literal["order_created", "order_updated"]
Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{3,50}$")]
NewPassword = Annotated[str, StringConstraints(min_length=10, max_length=128)]


class Body(BaseModel):
    """A request: a field that we do not know is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """A response, made from a row."""

    model_config = ConfigDict(from_attributes=True)


# Health


class Health(BaseModel):
    """`checks` maps database, redis and s3 to "ok" or to why not."""

    status: Literal["ok", "unavailable"]
    release: str
    checks: dict[str, str]


class Live(BaseModel):
    """The process answers; nothing else was asked."""

    status: Literal["ok"] = "ok"
    release: str


# Stores and menus, as customers see them


class StoreView(View):
    """A store and the numbers of its tables."""

    id: int
    name: str
    table_numbers: list[int]


class MenuView(View):
    """`image_url` is a path on this host, or null."""

    id: int
    category_id: int
    name: str
    description: str
    price: int
    image_url: str | None
    is_available: bool


class CategoryView(View):
    """A heading and what stands below it."""

    id: int
    name: str
    menus: list[MenuView]


class MenuCard(BaseModel):
    """Everything a customer can order in a store."""

    store_id: int
    store_name: str
    categories: list[CategoryView]


# Orders


class NewOrderItem(Body):
    """A line of a new order. `unit_price` is the price that the guest has seen; another one now is told, not charged."""

    menu_id: RowId
    unit_price: Price | None = None
    quantity: Annotated[int, Field(ge=1, le=99)]


class NewOrder(Body):
    """What a customer sends. What is charged comes from the database."""

    store_id: RowId
    table_number: TableNumber
    items: Annotated[list[NewOrderItem], Field(min_length=1, max_length=50)]


class OrderItemView(View):
    """A line as it was ordered."""

    menu_id: int
    menu_name: str
    unit_price: int
    quantity: int


class OrderView(View):
    """An order, as customers, admins and events show it."""

    id: int
    store_id: int
    table_number: int
    status: OrderStatus
    items: list[OrderItemView]
    total: int
    created_at: datetime
    updated_at: datetime


class PlacedOrder(OrderView):
    """The answer to an order: `session_token` shows the table's orders (header X-Table-Session)."""

    session_token: UUID


class ChangedItem(BaseModel):
    """A line that cannot be ordered as the guest has seen it: what it costs now, and whether there is any."""

    menu_id: int
    name: str
    price: int
    is_available: bool


class OrderRefusal(BaseModel):
    """The answer 409 to an order whose menus have changed since the guest read them."""

    detail: str
    changed: list[ChangedItem]


class StatusChange(Body):
    """Where an order goes next."""

    status: OrderStatus


class OrderEvent(BaseModel):
    """A message on the Redis channel; `id` grows with time and is the SSE event's id."""

    id: int
    event: EventName
    store_id: int
    order: OrderView


# People


class Login(Body):
    """Credentials. The limits only keep absurd input away from the hash function."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=_TEXT)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=128)]


class LoggedIn(BaseModel):
    """Send `access_token` as `Authorization: Bearer ...`; it is valid for `expires_in` seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  (a type, not a secret)
    expires_in: int
    role: Role
    store_id: int | None


class AdminView(View):
    """Somebody who can log in."""

    id: int
    username: str
    role: Role
    store_id: int | None
    is_active: bool


class StreamTicket(BaseModel):
    """The cookie that opens the event stream was set; it is valid for `expires_in` seconds."""

    expires_in: int


# The store's own administration


class NewCategory(Body):
    """A heading to add."""

    name: CategoryName
    position: Annotated[int, Field(ge=0, le=1000)] = 0


class MenuChange(Body):
    """Fields that are absent stay as they are."""

    name: Name | None = None
    description: Description | None = None
    price: Price | None = None
    category_id: RowId | None = None
    is_available: bool | None = None


class TableState(BaseModel):
    """A table and the party at it, if any (`opened_at` null: free). Its QR code carries `code`."""

    number: int
    code: UUID
    opened_at: datetime | None
    order_count: int
    total: int


class TableCode(BaseModel):
    """What a table's QR code carries from now on."""

    number: int
    code: UUID


# The whole service's administration


class NewStore(Body):
    """A store to open; its tables are numbered from 1."""

    name: Name
    table_count: Annotated[int, Field(ge=1, le=200)] = 10


class StoreChange(Body):
    """Fields that are absent stay as they are. An inactive store takes no orders and no logins."""

    name: Name | None = None
    is_active: bool | None = None


class StoreSummary(View):
    """A store, for those who run all of them."""

    id: int
    name: str
    is_active: bool
    table_count: int
    created_at: datetime


class NewAdmin(Body):
    """An account for a store."""

    username: Username
    password: NewPassword


class AdminChange(Body):
    """Fields that are absent stay as they are."""

    password: NewPassword | None = None
    is_active: bool | None = None
