import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import backing
import boto3
import pytest
from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from app.bootstrap import DEMO_ADMIN, bootstrap
from app.infrastructure.settings import BootstrapSettings

BUCKET = "table-order-menu-images-123456789012"
ROOT = ("root", "correct horse battery")
DEMO = (DEMO_ADMIN, "demo password 1")
# Of every table in these tests; who orders shows it.
CODE = "0f8fad5b-d9cb-469f-a165-70867728950e"
AT_TABLE = {"X-Table-Code": CODE}


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    """A directory for data and logs. Not pytest's own: that is closed to PostgreSQL's user."""
    with TemporaryDirectory(prefix="table-order-backend-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory


@dataclass(frozen=True)
class Databases:
    """URLs of the same database: who owns the schema, and who may only read and write rows."""

    superuser: str
    owner: str
    app: str


@pytest.fixture(scope="session")
def databases(workspace: Path) -> Iterator[Databases]:
    with backing.postgres(workspace / "postgres") as address:

        def url(user: str, database: str = "tableorder") -> str:
            return f"postgresql://{user}@{address}/{database}"

        def run(database: str, *statements: str) -> None:
            engine = create_engine(url("postgres", database).replace("://", "+psycopg://"))
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for statement in statements:
                    connection.execute(text(statement))
            engine.dispose()

        run(
            "postgres",
            "CREATE ROLE owner LOGIN",
            "CREATE ROLE app LOGIN",
            "CREATE DATABASE tableorder OWNER owner",
        )
        run(
            "tableorder",
            "ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app",
        )
        yield Databases(url("postgres"), url("owner"), url("app"))


@pytest.fixture(scope="session")
def environment(workspace: Path, databases: Databases) -> Iterator[dict[str, str]]:
    """The service's environment, with everything in it running and the schema migrated."""
    redis_port = backing.free_port()
    with ExitStack() as stack:
        stack.enter_context(backing.redis_server(workspace, redis_port))
        endpoint = stack.enter_context(backing.moto_server(workspace))
        environment = {
            "DATABASE_URL": databases.app,
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "S3_BUCKET": BUCKET,
            "AWS_REGION": "ap-northeast-2",
            "SECRET_KEY": "a key that signs tokens in the tests",
            "RELEASE_ID": "test-release",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(environment)
        location = {"LocationConstraint": "ap-northeast-2"}
        boto3.client("s3", region_name="ap-northeast-2").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration=location
        )
        alembic(databases.owner, command.upgrade, "head")
        yield environment


def alembic(database_url: str, command: Callable[..., None], *arguments: str) -> str:
    """Run one of alembic.command's functions on a database; returns what it printed."""
    output = StringIO()
    config = Config(backing.BACKEND / "alembic.ini", stdout=output)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", database_url)
        command(config, *arguments)
    return output.getvalue()


@pytest.fixture(scope="session")
def servers(workspace: Path, environment: dict[str, str]) -> Iterator[list[backing.Server]]:
    """Two processes of the same service."""
    with ExitStack() as stack:
        yield [stack.enter_context(backing.server(workspace, environment)) for _ in range(2)]


@pytest.fixture(scope="session")
def engine(environment: dict[str, str], databases: Databases) -> Iterator[Engine]:
    """The owner's connection: for looking at rows and emptying tables."""
    engine = create_engine(databases.owner.replace("://", "+psycopg://"))
    yield engine
    engine.dispose()


@pytest.fixture
def demo(engine: Engine, client: TestClient) -> None:
    """Exactly what the bootstrap makes: root, one demo store (id 1) with an admin; and no login failures."""
    from app.models.entities import Base

    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with Session(engine) as session:
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
        bootstrap(session, bootstrap_settings())
    set_codes(engine)
    client.app.state.resources.redis.flushdb()
    client.cookies.clear()


def set_codes(engine: Engine) -> None:
    """Give all tables that exist the code that `client` shows."""
    with Session(engine) as session:
        session.execute(text("UPDATE tables SET code = :code"), {"code": CODE})
        session.commit()


def bootstrap_settings(**changes: object) -> BootstrapSettings:
    values = {
        "superadmin_username": ROOT[0],
        "superadmin_password": ROOT[1],
        "demo_data": True,
        "admin_demo_password": DEMO[1],
    }
    return BootstrapSettings(**(values | changes))


@pytest.fixture(scope="session")
def client(environment: dict[str, str]) -> Iterator[TestClient]:
    """The application in this process, with a real event loop and lifespan."""
    from app.main import create_app

    with TestClient(create_app(), headers=AT_TABLE) as client:
        yield client


def log_in(client: TestClient, credentials: tuple[str, str]) -> dict[str, str]:
    """The headers of somebody who is logged in."""
    username, password = credentials
    response = client.post("/api/auth/login", json={"username": username, "password": password})
    assert response.status_code == 200, response.text
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


@pytest.fixture
def root(demo: None, client: TestClient) -> dict[str, str]:
    return log_in(client, ROOT)


@pytest.fixture
def admin(demo: None, client: TestClient) -> dict[str, str]:
    return log_in(client, DEMO)


@pytest.fixture
def other_admin(root: dict[str, str], client: TestClient, engine: Engine) -> dict[str, str]:
    """An admin of a second store (id 2) with two tables, a category (the last id) and no menus."""
    store = client.post("/api/superadmin/stores", headers=root, json={"name": "Other", "table_count": 2})
    assert store.status_code == 201, store.text
    set_codes(engine)
    account = {"username": "other-admin", "password": "other password"}
    created = client.post(f"/api/superadmin/stores/{store.json()['id']}/admins", headers=root, json=account)
    assert created.status_code == 201, created.text
    return log_in(client, (account["username"], account["password"]))
