"""A store's menu and tables."""

from typing import Annotated

from fastapi import APIRouter, Form, UploadFile

from app.controllers.dependencies import ResourcesDep, SessionDep, StoreAdminDep
from app.infrastructure.storage import StoredImage
from app.models.api import (
    CategoryView,
    Description,
    MenuChange,
    MenuView,
    Name,
    NewCategory,
    Price,
    RowId,
    TableCode,
    TableNumber,
    TableState,
)
from app.models.entities import Menu
from app.services import images, menus, stores

router = APIRouter(prefix="/api/admin", tags=["admin: store"])


def _read_image(upload: UploadFile) -> StoredImage:
    return images.validated(upload.file.read(images.MAX_BYTES + 1))


@router.get("/categories")
def list_categories(session: SessionDep, admin: StoreAdminDep) -> list[CategoryView]:
    """The store's menu, sold-out menus included."""
    return menus.list_categories(session, admin.store_id)


@router.post("/categories", status_code=201)
def create_category(session: SessionDep, admin: StoreAdminDep, new: NewCategory) -> CategoryView:
    """Add a heading."""
    return menus.create_category(session, admin.store_id, new)


@router.post("/menus", status_code=201)
def create_menu(
    resources: ResourcesDep,
    session: SessionDep,
    admin: StoreAdminDep,
    name: Annotated[Name, Form()],
    price: Annotated[Price, Form()],
    category_id: Annotated[RowId, Form()],
    description: Annotated[Description, Form()] = "",
    image: UploadFile | None = None,
) -> MenuView:
    """Add a menu, with an image or without."""
    menu = Menu(
        store_id=admin.store_id, category_id=category_id, name=name, description=description, price=price
    )
    return menus.create_menu(session, resources.storage, menu, _read_image(image) if image else None)


@router.patch("/menus/{menu_id}")
def change_menu(session: SessionDep, admin: StoreAdminDep, menu_id: RowId, change: MenuChange) -> MenuView:
    """Change a menu."""
    return menus.change_menu(session, admin.store_id, menu_id, change)


@router.put("/menus/{menu_id}/image")
def replace_image(
    resources: ResourcesDep, session: SessionDep, admin: StoreAdminDep, menu_id: RowId, image: UploadFile
) -> MenuView:
    """Give a menu another image."""
    return menus.replace_image(session, resources.storage, admin.store_id, menu_id, _read_image(image))


@router.get("/tables")
def list_tables(session: SessionDep, admin: StoreAdminDep) -> list[TableState]:
    """The store's tables and who sits there."""
    return stores.list_tables(session, admin.store_id)


@router.post("/tables/{number}/code")
def renew_code(session: SessionDep, admin: StoreAdminDep, number: TableNumber) -> TableCode:
    """Give a table another code: the one before orders nothing, and what was opened with it shows nothing."""
    return stores.renew_code(session, admin.store_id, number)


@router.post("/tables/{number}/close", status_code=204)
def close_table(session: SessionDep, admin: StoreAdminDep, number: TableNumber) -> None:
    """The party has paid and left."""
    stores.close_table(session, admin.store_id, number)
