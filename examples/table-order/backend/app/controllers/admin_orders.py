"""A store's orders, as they come in."""

import random
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.controllers.dependencies import (
    Bearer,
    IdentityDep,
    ResourcesDep,
    SessionDep,
    StoreAdminDep,
    as_store_admin,
    identify,
    session_in_turn,
)
from app.infrastructure.security import LIFETIME, Audience
from app.infrastructure.sse_publisher import Subscription
from app.models.api import OrderView, RowId, StatusChange, StreamTicket
from app.models.entities import OrderStatus
from app.services import orders
from app.services.accounts import StoreAdmin

router = APIRouter(prefix="/api/admin/orders", tags=["admin: orders"])

_COOKIE = "table_order_stream"
_STREAM_PATH = "/api/admin/orders/stream"
# A restart ends all streams at once; readers that came back at once, too, would be a burst on top of it.
_RETRY_MS = range(500, 2500)


@router.get("")
def list_orders(
    session: SessionDep,
    admin: StoreAdminDep,
    status: Annotated[list[OrderStatus] | None, Query()] = None,
    before: Annotated[RowId | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[OrderView]:
    """The store's orders, newest first."""
    return orders.list_of_store(session, admin.store_id, status or [], before, limit)


@router.patch("/{order_id}")
def change_order(
    resources: ResourcesDep, session: SessionDep, admin: StoreAdminDep, order_id: RowId, change: StatusChange
) -> OrderView:
    """Move an order on."""
    return orders.change_status(
        session, resources.publisher, admin.store_id, admin.id, order_id, change.status
    )


@router.post("/stream-token")
def open_stream(
    request: Request, response: Response, resources: ResourcesDep, identity: IdentityDep
) -> StreamTicket:
    """Set the cookie that opens the stream.

    EventSource can send no headers. A token in the address would be in every access log; a cookie is not, and
    this one is short-lived, sent to the stream only, and invisible to scripts.
    """
    admin = as_store_admin(identity)
    lifetime = int(LIFETIME[Audience.STREAM].total_seconds())
    response.set_cookie(
        _COOKIE,
        resources.tokens.issue(admin.id, Audience.STREAM, identity.admin.password_hash, admin.login),
        max_age=lifetime,
        path=_STREAM_PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return StreamTicket(expires_in=lifetime)


async def _stream_reader(
    resources: ResourcesDep, bearer: Bearer, cookie: Annotated[str | None, Cookie(alias=_COOKIE)] = None
) -> StoreAdmin:
    token, audience = (bearer.credentials, Audience.API) if bearer else (cookie, Audience.STREAM)
    # A session of its own, closed here: a stream is open for long.
    async with session_in_turn(resources) as session:
        return as_store_admin(await run_in_threadpool(identify, resources, session, token, audience))


async def _subscription(
    resources: ResourcesDep, reader: Annotated[StoreAdmin, Depends(_stream_reader)]
) -> AsyncIterator[Subscription]:
    # A dependency is entered before the response begins: no event after the page's "open" is missed.
    with resources.publisher.subscription(reader.store_id, reader.id, reader.login) as subscription:
        yield subscription


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    subscription: Annotated[Subscription, Depends(_subscription)],
) -> AsyncIterator[ServerSentEvent]:
    """The store's order events, and whether they are live; FastAPI adds a heartbeat comment every 15 seconds."""
    yield ServerSentEvent(retry=random.choice(_RETRY_MS))  # noqa: S311 - nobody gains by guessing it
    async for event in subscription:
        if isinstance(event, bool):
            yield ServerSentEvent(event="live", data=event)
        else:
            yield ServerSentEvent(event=event.event, id=str(event.id), data=event.order)
