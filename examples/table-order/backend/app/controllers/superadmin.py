"""Stores and their admins, for those who run the service."""

from fastapi import APIRouter, Depends

from app.controllers.dependencies import ResourcesDep, SessionDep, require_superadmin
from app.models.api import AdminChange, AdminView, NewAdmin, NewStore, RowId, StoreChange, StoreSummary
from app.services import accounts, stores

router = APIRouter(prefix="/api/superadmin", tags=["superadmin"], dependencies=[Depends(require_superadmin)])


@router.get("/stores")
def list_stores(session: SessionDep) -> list[StoreSummary]:
    """All stores."""
    return stores.list_stores(session)


@router.post("/stores", status_code=201)
def create_store(session: SessionDep, new: NewStore) -> StoreSummary:
    """Open a store."""
    return stores.create_store(session, new)


@router.patch("/stores/{store_id}")
def change_store(
    resources: ResourcesDep, session: SessionDep, store_id: RowId, change: StoreChange
) -> StoreSummary:
    """Rename, close or reopen a store."""
    return stores.change_store(session, resources.publisher, store_id, change)


@router.delete("/stores/{store_id}", status_code=204)
def delete_store(resources: ResourcesDep, session: SessionDep, store_id: RowId) -> None:
    """Remove a closed store with all that belongs to it."""
    stores.delete_store(session, resources.storage, store_id)


@router.get("/stores/{store_id}/admins")
def list_admins(session: SessionDep, store_id: RowId) -> list[AdminView]:
    """A store's admins."""
    return accounts.list_admins(session, store_id)


@router.post("/stores/{store_id}/admins", status_code=201)
def create_admin(session: SessionDep, store_id: RowId, new: NewAdmin) -> AdminView:
    """Add an admin to a store."""
    return accounts.create_admin(session, store_id, new)


@router.patch("/admins/{admin_id}")
def change_admin(
    resources: ResourcesDep, session: SessionDep, admin_id: RowId, change: AdminChange
) -> AdminView:
    """Set an admin's password, lock or unlock the account."""
    return accounts.change_admin(session, resources.publisher, admin_id, change)
