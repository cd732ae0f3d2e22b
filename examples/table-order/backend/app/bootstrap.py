"""First rows: `python -m app.bootstrap`, after the migrations.

Prints `changed` or `unchanged`. Afterwards SUPERADMIN_USERNAME exists with SUPERADMIN_PASSWORD: no page changes that
password, so a rotated secret takes effect here. With DEMO_DATA=true there is also a demo store, complete enough to order
at once, with an admin `demo-admin`, made with the password ADMIN_DEMO_PASSWORD. A password that was changed on the page
is never set back.
"""

import sys

from pydantic import SecretStr, ValidationError
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from app.infrastructure.database import driver_url
from app.infrastructure.security import hash_password, password_matches
from app.infrastructure.settings import BootstrapSettings
from app.models.entities import Admin, DiningTable, Menu, MenuCategory, Role, Store

DEMO_STORE = "데모 식당"
DEMO_ADMIN = "demo-admin"
_DEMO_TABLES = 10
_DEMO_MENU = {  # Korean: category -> (name, description, price in won)
    "식사": [
        ("김치찌개", "돼지고기와 묵은지로 끓인 찌개", 9000),
        ("비빔밥", "제철 나물과 고추장", 10000),
        ("불고기 정식", "간장 양념 소불고기와 반찬", 15000),
    ],
    "안주": [("해물파전", "오징어와 새우를 넣은 파전", 16000), ("두부김치", "볶은 김치와 두부", 14000)],
    "음료": [("식혜", "", 4000), ("사이다", "", 2500)],
}
_LOCK = 0x7AB1E0  # any number, the same for all: two bootstraps run one after the other


def bootstrap(session: Session, settings: BootstrapSettings) -> bool:
    """Bring the rows into being in one transaction; returns whether anything changed."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    changed = _ensure_admin(session, settings.superadmin_username, settings.superadmin_password, None)
    if settings.demo_data:
        if settings.admin_demo_password is None:
            raise SystemExit("DEMO_DATA=true needs ADMIN_DEMO_PASSWORD.")
        store, created = _ensure_demo_store(session)
        changed |= created
        changed |= _ensure_admin(session, DEMO_ADMIN, settings.admin_demo_password, store.id)
    session.commit()
    return changed


def _ensure_admin(session: Session, username: str, password: SecretStr, store_id: int | None) -> bool:
    role = Role.SUPERADMIN if store_id is None else Role.ADMIN
    admin = session.scalar(select(Admin).where(Admin.username == username))
    if admin is None:
        password_hash = hash_password(password.get_secret_value())
        session.add(Admin(username=username, password_hash=password_hash, role=role, store_id=store_id))
        return True
    if (admin.role, admin.store_id) != (role, store_id):
        raise SystemExit(f"{username!r} exists with another role or store; choose another name.")
    if role == Role.ADMIN or password_matches(admin.password_hash, password.get_secret_value()):
        return False
    admin.password_hash = hash_password(password.get_secret_value())
    return True


def _ensure_demo_store(session: Session) -> tuple[Store, bool]:
    store = session.scalar(select(Store).where(Store.name == DEMO_STORE))
    if store is not None:
        return store, False  # it is the users' now: what they changed stays
    store = Store(name=DEMO_STORE)
    store.tables = [DiningTable(number=number) for number in range(1, _DEMO_TABLES + 1)]
    session.add(store)
    session.flush()
    for position, (heading, dishes) in enumerate(_DEMO_MENU.items()):
        category = MenuCategory(store_id=store.id, name=heading, position=position)
        category.menus = [
            Menu(store_id=store.id, name=name, description=description, price=price)
            for name, description, price in dishes
        ]
        session.add(category)
    session.flush()
    return store, True


def main() -> None:
    """Read the environment, connect, bootstrap, report."""
    try:
        settings = BootstrapSettings()
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        sys.exit("Settings in the environment:\n" + "\n".join(problems))
    engine = create_engine(
        driver_url(settings.database_url.get_secret_value()),
        hide_parameters=True,
        connect_args={"connect_timeout": 10},
    )
    with Session(engine) as session:
        changed = bootstrap(session, settings)
    sys.stdout.write("changed\n" if changed else "unchanged\n")


if __name__ == "__main__":
    main()
