"""What endpoints ask for: a database session, the service's resources, and who is asking.

A session is closed when its endpoint returns (scope "function"), before the response is sent: a slow client
does not keep a database connection.
"""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from app.infrastructure.resources import Resources
from app.infrastructure.security import Audience
from app.models.entities import Admin, Role
from app.services.accounts import StoreAdmin, authenticate
from app.services.errors import ForbiddenError


def _resources(request: Request) -> Resources:
    return request.app.state.resources


ResourcesDep = Annotated[Resources, Depends(_resources)]


def _session(resources: ResourcesDep) -> Iterator[Session]:
    with resources.sessions() as session:
        yield session


SessionDep = Annotated[Session, Depends(_session, scope="function")]

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def _admin(resources: ResourcesDep, session: SessionDep, bearer: Bearer) -> Admin:
    return authenticate(session, resources.tokens, bearer.credentials if bearer else None, Audience.API)


AdminDep = Annotated[Admin, Depends(_admin)]


def as_store_admin(admin: Admin) -> StoreAdmin:
    """The admin, who must belong to a store."""
    if admin.store_id is None:
        raise ForbiddenError("This is for the admins of a store.")
    return StoreAdmin(admin.id, admin.store_id)


def _store_admin(admin: AdminDep) -> StoreAdmin:
    return as_store_admin(admin)


StoreAdminDep = Annotated[StoreAdmin, Depends(_store_admin)]


def require_superadmin(admin: AdminDep) -> None:
    """Refuse everybody else."""
    if admin.role != Role.SUPERADMIN:
        raise ForbiddenError("This is for superadmins.")
