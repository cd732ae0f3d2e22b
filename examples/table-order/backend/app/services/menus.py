"""Menus and their images."""

import logging
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from app.infrastructure.storage import PREFIX, ImageStorage, StorageError, StoredImage
from app.models.api import CategoryView, MenuCard, MenuChange, MenuView, NewCategory
from app.models.entities import Menu, MenuCategory
from app.services import images
from app.services.errors import ConflictError, NotFoundError, UnavailableError
from app.services.stores import active_store

_log = logging.getLogger(__name__)


def menu_view(menu: Menu) -> MenuView:
    """A menu as the API shows it."""
    return MenuView(
        id=menu.id,
        category_id=menu.category_id,
        name=menu.name,
        description=menu.description,
        price=menu.price,
        image_url=f"/api/images/{menu.image_path}" if menu.image_path else None,
        is_available=menu.is_available,
    )


def list_categories(session: Session, store_id: int) -> list[CategoryView]:
    """A store's headings in their order, each with its menus."""
    rows = session.scalars(
        select(MenuCategory)
        .where(MenuCategory.store_id == store_id)
        .order_by(MenuCategory.position, MenuCategory.id)
        .options(joinedload(MenuCategory.menus))
    )
    return [CategoryView(id=c.id, name=c.name, menus=[menu_view(m) for m in c.menus]) for c in rows.unique()]


def menu_card(session: Session, store_id: int) -> MenuCard:
    """What customers of a store see."""
    store = active_store(session, store_id)
    return MenuCard(store_id=store.id, store_name=store.name, categories=list_categories(session, store.id))


def create_category(session: Session, store_id: int, new: NewCategory) -> CategoryView:
    """Add a heading."""
    category = MenuCategory(store_id=store_id, name=new.name, position=new.position)
    session.add(category)
    try:
        session.commit()
    except IntegrityError as error:
        raise ConflictError(f"There is a category {new.name!r} already.") from error
    return CategoryView(id=category.id, name=category.name, menus=[])


def _require_category(session: Session, store_id: int, category_id: int) -> None:
    category = session.get(MenuCategory, category_id)
    if category is None or category.store_id != store_id:
        raise NotFoundError(f"There is no category {category_id} in this store.")


def create_menu(session: Session, storage: ImageStorage, menu: Menu, image: StoredImage | None) -> MenuView:
    """Add a menu: the image is stored first, the row committed last, so that no row lacks its image."""
    _require_category(session, menu.store_id, menu.category_id)
    session.add(menu)
    session.flush()  # gives the id that the image's key contains
    if image is not None:
        menu.image_path = _store(storage, menu, image)
    session.commit()
    return menu_view(menu)


def _own_menu(session: Session, store_id: int, menu_id: int) -> Menu:
    menu = session.scalar(select(Menu).where(Menu.id == menu_id, Menu.store_id == store_id).with_for_update())
    if menu is None:
        raise NotFoundError(f"There is no menu {menu_id} in this store.")
    return menu


def change_menu(session: Session, store_id: int, menu_id: int, change: MenuChange) -> MenuView:
    """Set the fields that are given."""
    menu = _own_menu(session, store_id, menu_id)
    if change.category_id is not None:
        _require_category(session, store_id, change.category_id)
    for field, value in change.model_dump(exclude_none=True).items():
        setattr(menu, field, value)
    session.commit()
    return menu_view(menu)


def replace_image(
    session: Session, storage: ImageStorage, store_id: int, menu_id: int, image: StoredImage
) -> MenuView:
    """Give a menu another image; the old one is removed once nothing refers to it."""
    menu = _own_menu(session, store_id, menu_id)
    old = menu.image_path
    menu.image_path = _store(storage, menu, image)
    session.commit()
    if old:
        try:
            storage.delete(old)
        except StorageError as error:
            _log.warning("a replaced image was left in the bucket: %s: %s", old, error)
    return menu_view(menu)


def _store(storage: ImageStorage, menu: Menu, image: StoredImage) -> str:
    # A new key for every upload: browsers may then keep what they have for ever.
    key = f"{PREFIX}{menu.id}/{uuid4().hex}.{images.suffix(image)}"
    try:
        storage.put(key, image)
    except StorageError as error:
        _log.error("an image could not be stored: %s", error)
        raise UnavailableError(
            "The image could not be stored; nothing was changed. Please try again."
        ) from error
    return key
