"""What customers do, without logging in: read the menu, order at a table whose code they have, follow their orders."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.concurrency import run_in_threadpool

from app.controllers.dependencies import ResourcesDep, SessionDep, in_turn
from app.infrastructure.storage import StorageError
from app.models.api import MenuCard, NewOrder, OrderRefusal, OrderView, PlacedOrder, RowId, StoreView
from app.services import images, menus, orders, stores
from app.services.errors import NotFoundError, UnavailableError

router = APIRouter(prefix="/api", tags=["customer"])


@router.get("/stores/{store_id}")
def get_store(session: SessionDep, store_id: RowId) -> StoreView:
    """A store and its tables."""
    return stores.store_view(session, store_id)


@router.get("/menus")
def get_menus(session: SessionDep, store_id: Annotated[RowId, Query()]) -> MenuCard:
    """A store's menu."""
    return menus.menu_card(session, store_id)


@router.post(
    "/orders", status_code=201, responses={200: {"model": PlacedOrder}, 409: {"model": OrderRefusal}}
)
def place_order(
    resources: ResourcesDep,
    session: SessionDep,
    new: NewOrder,
    response: Response,
    x_table_code: Annotated[str | None, Header()] = None,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=64)] = None,
) -> PlacedOrder:
    """Order at the table whose code is shown. With an Idempotency-Key, a repetition answers 200 and orders nothing."""
    placed, is_new = orders.place(session, resources.publisher, new, x_table_code, idempotency_key)
    response.status_code = 201 if is_new else 200
    return placed


@router.get("/orders")
def my_orders(session: SessionDep, x_table_session: Annotated[UUID, Header()]) -> list[OrderView]:
    """The orders of the party that the token belongs to."""
    return orders.list_of_party(session, x_table_session)


@router.get("/images/{key:path}", response_class=Response)
async def get_image(
    resources: ResourcesDep, key: Annotated[str, Path(pattern=r"^menus/[0-9]{1,10}/[0-9a-f]{32}\.(jpg|png)$")]
) -> Response:
    """A menu's image. A key never gets other contents, so browsers may keep it for ever."""
    try:
        async with in_turn(resources.image_turns):
            image = await run_in_threadpool(resources.storage.get, key)
    except StorageError as error:
        raise UnavailableError("The image cannot be read at the moment.") from error
    if image is None:
        raise NotFoundError("There is no such image.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(image.content, media_type=images.media_type(key), headers=headers)
