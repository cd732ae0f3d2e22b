"""The parts of db_migrate's modules that need no database; molecule/db_migrate has the others."""

import importlib.util
import json
import sys
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import pytest

ROLE = Path(__file__).parents[3] / "roles/db_migrate"


def load(path: str, name: str):
    specification = importlib.util.spec_from_file_location(name, ROLE / path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


shared = load("module_utils/db_migrate.py", "ansible.module_utils.db_migrate")
upgrade = load("library/db_migrate_upgrade.py", "db_migrate_upgrade")
release = load("library/db_migrate_release.py", "db_migrate_release")

PASSWORD = "o:w/n@e%r\\'\"$1"


@pytest.fixture
def parameters() -> dict:
    return {
        "path": "/opt/shop",
        "folder": ".",
        "venv": "venv",
        "database": {"host": "db.example", "port": 5432, "name": "table-order"},
        "ca_cert": "/etc/ssl/ca.pem",
        "owner": {"user": "shop_owner", "password": PASSWORD},
        "app": {"user": "shop_app", "password": "app'pass\"word"},
        "environment": {},
        "url_variable": "DATABASE_URL",
        "url_scheme": "postgresql",
        "url_query": {"sslmode": "verify-full", "sslrootcert": "/etc/ssl/ca.pem"},
        "connection_variables": {},
    }


def test_a_url_carries_everything_unharmed(parameters):
    url = urlsplit(upgrade.database_url(parameters, "owner"))
    assert (url.scheme, url.hostname, url.port, url.path) == (
        "postgresql",
        "db.example",
        5432,
        "/table-order",
    )
    assert (url.username, unquote(url.password)) == ("shop_owner", PASSWORD)
    assert dict(parse_qsl(url.query)) == parameters["url_query"]


@pytest.mark.parametrize(
    ("query", "end"), [({"ssl": "verify-full"}, "?ssl=verify-full"), ({}, "/table-order")]
)
def test_a_url_has_the_form_that_the_code_expects(parameters, query, end):
    parameters |= {"url_scheme": "postgresql+asyncpg", "url_query": query}
    url = upgrade.database_url(parameters, "app")
    assert url.startswith("postgresql+asyncpg://shop_app:app%27pass%22word@db.example:5432/table-order")
    assert url.endswith(end)


def test_a_migration_gets_the_owners_connection_in_place_of_the_applications(parameters):
    parameters["environment"] = {"DATABASE_URL": "the application's", "DB_USER": "shop_app", "KEY": "x"}
    parameters["connection_variables"] = {
        "user": "DB_USER",
        "password": "DB_PASSWORD",
        "port": "DB_PORT",
        "name": None,
    }
    owner, app = (upgrade.environment(parameters, role) for role in ("owner", "app"))
    assert owner["DATABASE_URL"] == upgrade.database_url(parameters, "owner")
    assert (owner["DB_USER"], owner["DB_PASSWORD"], owner["DB_PORT"]) == ("shop_owner", PASSWORD, "5432")
    assert (app["DATABASE_URL"], app["DB_USER"]) == ("the application's", "shop_app")
    # What the application does not say itself.
    assert app["DB_PASSWORD"] == "app'pass\"word"
    assert owner["KEY"] == app["KEY"] == "x"


def test_without_a_variable_there_is_no_url(parameters):
    parameters["url_variable"] = ""
    assert not [value for value in upgrade.environment(parameters, "owner").values() if "://" in value]


def test_values_arrive_byte_for_byte(parameters):
    given = {"A": "$HOME `id` 100% \"'\\ #\n김치", "B": True, "C": 1, "D": ""}
    parameters["environment"] = given
    found = upgrade.environment(parameters, "app")
    assert {name: found[name] for name in given} == {**given, "B": "true", "C": "1"}


def test_code_that_says_nothing_about_tls_gets_it_verified(parameters):
    found = upgrade.environment(parameters, "owner")
    assert (found["PGSSLMODE"], found["PGSSLROOTCERT"]) == ("verify-full", "/etc/ssl/ca.pem")
    parameters["environment"] = {"PGSSLMODE": "verify-ca"}
    assert upgrade.environment(parameters, "owner")["PGSSLMODE"] == "verify-ca"


@pytest.mark.parametrize(("folder", "expected"), [(".", None), ("./", None), ("db", "/opt/shop")])
def test_a_folder_of_its_own_still_finds_the_applications_modules(parameters, folder, expected):
    parameters["folder"] = folder
    assert upgrade.environment(parameters, "owner").get("PYTHONPATH") == expected
    parameters["environment"] = {"PYTHONPATH": "/src"}
    assert upgrade.environment(parameters, "owner")["PYTHONPATH"] == "/src"


def test_the_roles_own_variables_stay(parameters):
    parameters["environment"] = {"PATH": "/srv", "HOME": "/root", "LC_ALL": "ko_KR"}
    found = upgrade.environment(parameters, "owner")
    assert (found["HOME"], found["LC_ALL"]) == ("/opt/shop", "C.UTF-8")
    assert found["PATH"].startswith("/opt/shop/venv/bin:")


@pytest.mark.parametrize(
    "form",
    [
        str,
        quote,
        quote_plus,
        repr,
        json.dumps,
        lambda text: quote(text, safe=""),
        lambda text: f"postgresql://u:{text}@h/db",
    ],
)
@pytest.mark.parametrize("value", [PASSWORD, "app'pass\"word", "key 김치 of some length"])
def test_no_form_of_a_secret_is_shown(parameters, form, value):
    parameters["environment"] = {"KEY": "key 김치 of some length"}
    said = upgrade.hide(f"before {form(value)} after", upgrade.secrets(parameters))
    assert "********" in said
    assert "before" in said
    assert "after" in said
    for rest in ("o:w/n", "n@e", "pass", "김치", "some length"):
        assert rest not in said


def test_what_is_no_secret_is_shown(parameters):
    parameters["environment"] = {"DB_HOST": "db.example", "DB_NAME": "table-order", "SHORT": "shop"}
    said = "could not translate host name db.example; shop; table-order"
    assert upgrade.hide(said, upgrade.secrets(parameters)) == said


def test_revisions_are_read_between_other_lines():
    said = "An application may print.\n0002 (head)\nINFO  [alembic] Context\n  a1b2-c (head) (mergepoint)\n"
    assert upgrade.revisions(said) == ["0002", "a1b2-c"]


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("SSL error: certificate verify failed", "db_migrate_ca_cert (/etc/ssl/ca.pem) does not hold"),
        (
            'server certificate for "x" does not match host name "y"',
            "Set db_migrate_database.host to the name",
        ),
        ('could not read root certificate file "/x": no certificate', "db_migrate_ca_cert (/etc/ssl/ca.pem)"),
        ('FATAL:  password authentication failed for user "boss"', "the.setting is not the password of boss"),
        ('could not translate host name "x" to address', "Correct db_migrate_database.host"),
        ('FATAL:  database "x" does not exist', "correct db_migrate_database.name (table-order)"),
        ("Connection refused", "security group"),
        ("timeout expired", "security group"),
    ],
)
def test_what_the_database_says_becomes_advice(parameters, said, hint):
    assert hint in shared.advice(said, parameters, "boss", "the.setting")


@pytest.fixture
def tree(tmp_path) -> dict:
    """A release that has everything, and a certificate authority."""
    for name in ("release/db/alembic.ini", "release/venv/bin/python", "outside/alembic.ini"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    import certifi

    return {
        "path": str(tmp_path / "release"),
        "config": "db/alembic.ini",
        "folder": "db",
        "venv": "venv",
        "user": "root",
        "ca_cert": certifi.where(),
    }


def test_a_complete_release_is_accepted(tree):
    assert release.look(tree) == {"missing": [], "problems": []}


@pytest.mark.parametrize(
    ("name", "value", "setting"),
    [
        ("config", "alembic.ini", "db_migrate_alembic_ini"),
        ("folder", "migrations", "db_migrate_alembic_folder"),
        ("venv", ".venv", "db_migrate_venv"),
        ("ca_cert", "/nowhere/ca.pem", "db_migrate_ca_cert"),
        ("user", "nobody-has-this-name", "db_migrate_user"),
    ],
)
def test_what_is_missing_is_named(tree, name, value, setting):
    found = release.look({**tree, name: value})
    assert len(found["missing"]) == 1
    assert f"({setting})" in found["missing"][0]


def test_links_out_of_the_release_are_refused(tree, tmp_path):
    for name, target in (("out.ini", "alembic.ini"), ("out", ""), ("out/venv", "")):
        if "/" not in name:
            Path(tree["path"], name).symlink_to(tmp_path / "outside" / target)
    found = release.look({**tree, "config": "out.ini"})
    assert "db_migrate_alembic_ini (out.ini) leads out of the release" in found["problems"][0]
    found = release.look({**tree, "folder": "out", "config": "out/alembic.ini"})
    assert [problem.split()[0] for problem in found["problems"]] == [
        "db_migrate_alembic_ini",
        "db_migrate_alembic_folder",
    ]


def test_a_live_release_may_be_a_link(tree, tmp_path):
    (tmp_path / "live").symlink_to(tree["path"])
    assert release.look({**tree, "path": str(tmp_path / "live")})["problems"] == []


def test_a_file_without_authorities_is_named(tree, tmp_path):
    ca_cert = tmp_path / "ca.pem"
    ca_cert.write_text("no certificate")
    found = release.look({**tree, "ca_cert": str(ca_cert)})
    assert f"db_migrate_ca_cert ({ca_cert}) holds no certificate authorities" in found["problems"][0]


def test_what_a_removed_driver_leaves_is_no_driver(tmp_path, monkeypatch):
    (tmp_path / "psycopg2/__pycache__").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "psycopg2", raising=False)
    assert load("module_utils/db_migrate.py", "shared_again").psycopg2 is None
