"""What endpoints ask for: a database session, the service's resources, and who is asking.

A session is closed when its endpoint returns (scope "function"), before the response is sent: a slow client
does not keep a database connection.

Requests take turns for a session, on the event loop. If they took turns for a connection instead, inside their
threads, then under load every thread would wait for a connection, and those who hold one for a thread.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from app.infrastructure.resources import Resources
from app.infrastructure.security import Audience
from app.models.entities import Role
from app.services.accounts import Identity, StoreAdmin, authenticate
from app.services.errors import ForbiddenError, UnavailableError

# A guest rather waits than orders again.
TURN_SECONDS = 15.0


async def _resources(request: Request) -> Resources:
    return request.app.state.resources


ResourcesDep = Annotated[Resources, Depends(_resources)]


@asynccontextmanager
async def in_turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    """Wait for one of the turns; UnavailableError when that takes too long."""
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await turns.acquire()
    except TimeoutError as error:
        raise UnavailableError("There are too many requests right now. Please try again.") from error
    try:
        yield
    finally:
        turns.release()


@asynccontextmanager
async def session_in_turn(resources: Resources) -> AsyncIterator[Session]:
    """A session, as soon as there is a connection for it; UnavailableError when that takes too long."""
    async with in_turn(resources.turns):
        session = resources.sessions()
        try:
            yield session
        finally:
            await run_in_threadpool(session.close)


async def _session(resources: ResourcesDep) -> AsyncIterator[Session]:
    async with session_in_turn(resources) as session:
        yield session


SessionDep = Annotated[Session, Depends(_session, scope="function")]

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def identify(resources: Resources, session: Session, token: str | None, audience: Audience) -> Identity:
    """Who a token belongs to."""
    return authenticate(session, resources.tokens, resources.ended_logins, token, audience)


def _identity(resources: ResourcesDep, session: SessionDep, bearer: Bearer) -> Identity:
    return identify(resources, session, bearer.credentials if bearer else None, Audience.API)


IdentityDep = Annotated[Identity, Depends(_identity)]


def as_store_admin(identity: Identity) -> StoreAdmin:
    """The admin, who must belong to a store."""
    if identity.admin.store_id is None:
        raise ForbiddenError("This is for the admins of a store.")
    return StoreAdmin(identity.admin.id, identity.admin.store_id, identity.claims.login)


def _store_admin(identity: IdentityDep) -> StoreAdmin:
    return as_store_admin(identity)


StoreAdminDep = Annotated[StoreAdmin, Depends(_store_admin)]


def require_superadmin(identity: IdentityDep) -> None:
    """Refuse everybody else."""
    if identity.admin.role != Role.SUPERADMIN:
        raise ForbiddenError("This is for superadmins.")
