"""The parts of db_migrate's modules without a database; molecule/db_migrate tests the others."""

import importlib.util
import json
import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import pytest
import yaml
from ansible_collections.table_order.infra.plugins.module_utils import db_migrate as shared
from ansible_collections.table_order.infra.plugins.module_utils import db_migrate_revisions as known
from ansible_collections.table_order.infra.plugins.modules import db_migrate_log_in as logging_in
from ansible_collections.table_order.infra.plugins.modules import db_migrate_release as release
from ansible_collections.table_order.infra.plugins.modules import db_migrate_upgrade as upgrade

PLUGINS = Path(__file__).parents[3] / "plugins"
PASSWORD = "o:w/n@e%r\\'\"$1"


@pytest.fixture
def parameters() -> dict:
    return {
        "path": "/opt/shop",
        "directory": ".",
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
        "unchanged_lines": ["unchanged"],
    }


def test_a_url_preserves_special_characters(parameters):
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
    # A variable that the application does not set.
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


def test_code_without_tls_settings_gets_verified_tls(parameters):
    found = upgrade.environment(parameters, "owner")
    assert (found["PGSSLMODE"], found["PGSSLROOTCERT"]) == ("verify-full", "/etc/ssl/ca.pem")
    parameters["environment"] = {"PGSSLMODE": "verify-ca"}
    assert upgrade.environment(parameters, "owner")["PGSSLMODE"] == "verify-ca"


@pytest.mark.parametrize(("directory", "expected"), [(".", None), ("./", None), ("db", "/opt/shop")])
def test_a_subdirectory_still_finds_the_applications_modules(parameters, directory, expected):
    parameters["directory"] = directory
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


def test_public_values_are_shown(parameters):
    parameters["environment"] = {"DB_HOST": "db.example", "DB_NAME": "table-order", "SHORT": "shop"}
    said = "could not translate host name db.example; shop; table-order"
    assert upgrade.hide(said, upgrade.secrets(parameters)) == said


@pytest.mark.parametrize(
    "statement",
    [
        'op.drop_table("orders")',
        'op.drop_column("orders", "note")',
        'op.rename_table("orders", "order")',
        'op.alter_column("orders", "note", new_column_name="notes")',
        'with op.batch_alter_table("orders") as batch_op:\n        batch_op.drop_column("note")',
        'op.execute("DROP TABLE orders")',
        'op.execute(sa.text("alter table orders\\n drop  column note"))',
        'op.execute("ALTER TABLE orders DROP note")',
        'op.execute(f"ALTER TABLE {table} DROP {column}")',
        'op.execute("ALTER TABLE orders ADD x int; ALTER TABLE orders RENAME TO o")',
        'op.execute("ALTER TABLE orders RENAME note TO notes")',
        "op.get_bind().execute(OLD)",
        "for statement in [OLD]:\n        op.execute(statement)",
        "helper()",
    ],
)
def test_a_revision_with_a_drop_or_rename_is_a_contract(statement):
    rest = "OLD = 'DROP TABLE orders'\ndef helper():\n    op.drop_table('x')\n"
    assert known.is_contract(f"{rest}def upgrade():\n    {statement}\n")


@pytest.mark.parametrize(
    "statement",
    [
        'op.add_column("orders", sa.Column("note", sa.Text()))',
        'op.alter_column("orders", "note", nullable=True)',
        'op.alter_column("orders", "note", new_column_name=None)',
        'op.drop_constraint("x", "orders")',
        'op.execute("ALTER TABLE orders DROP CONSTRAINT x")',
        'op.execute("ALTER TABLE orders ALTER note DROP NOT NULL, ALTER note DROP DEFAULT")',
        'op.execute("ALTER INDEX a RENAME TO b")',
        'op.execute("ALTER TABLE orders RENAME CONSTRAINT a TO b")',
        'op.execute("CREATE INDEX CONCURRENTLY x ON orders (id)")',
        'op.create_table("orders", sa.Column("id"), comment="DROP TABLE old")',
        '"""Drop table old, some day."""\n    op.execute("SELECT 1")',
    ],
)
def test_an_expand_revision_is_not_a_contract(statement):
    rest = "OLD = 'DROP TABLE orders'\ndef downgrade():\n    op.drop_table('x')\n"
    assert not known.is_contract(f"{rest}def upgrade():\n    {statement}\n")


@pytest.fixture
def script(tmp_path):
    """Return a revision in Alembic's form."""

    def make(source: str, **module: object) -> SimpleNamespace:
        path = tmp_path / "0002.py"
        path.write_text(source)
        return SimpleNamespace(
            path=str(path),
            module=SimpleNamespace(**module),
            revision="0002",
            down_revision="0001",
            branch_labels=set(),
            doc="Orders.\nMore",
        )

    return make


def test_a_revision_is_described(script):
    source = "def upgrade():\n    with op.get_context().autocommit_block():\n        op.drop_table('x')\n"
    assert known.describe(script(source)) == {
        "id": "0002",
        "title": "Orders.",
        "contract": True,
        "down": ["0001"],
        "labels": [],
        "outside": True,
    }


@pytest.mark.parametrize("said", [True, False])
def test_a_declared_contract_value_wins(script, said):
    source = "def upgrade():\n    " + ("pass" if said else "op.drop_table('x')")
    assert known.describe(script(source, contract=said))["contract"] is said


def test_a_declared_contract_value_must_be_boolean(script):
    with pytest.raises(SystemExit, match="contract is 'no'; it must be True or False"):
        known.describe(script("", contract="no"))


def line(*pairs: tuple[str, str]) -> list[dict]:
    """Return revisions from pairs of an ID and its predecessors, as words."""
    return [
        {
            "id": name,
            "title": f"Title {name}",
            "down": down.split(),
            "needs": [],
            "labels": [],
            "outside": False,
        }
        for name, down in pairs
    ]


# Two branches of two developers, which a merge ends.
MERGED = line(("1", ""), ("2a", "1"), ("2b", "1"), ("3", "2a 2b"))


@pytest.mark.parametrize(
    ("found", "heads"), [(line(("1", ""), ("2", "1")), ["2"]), (MERGED, ["3"]), ([], [])]
)
def test_one_head_is_accepted(found, heads):
    upgrade.check_heads(found, heads)


@pytest.mark.parametrize(("labels", "accepted"), [("ab", True), ("aa", False), ("a-", False), ("--", False)])
def test_several_heads_need_a_label_each(labels, accepted):
    found = line(("1", ""), ("2", "1"), ("x", ""))
    for one, label in zip(found[1:], labels, strict=True):
        one["labels"] = [label] if label != "-" else []
    if accepted:
        upgrade.check_heads(found, ["2", "x"])
        return
    with pytest.raises(
        shared.DatabaseError, match=r"has the heads 2, x\. Order .* merge them \(alembic merge heads\)"
    ):
        upgrade.check_heads(found, ["2", "x"])


@pytest.mark.parametrize(("before", "left"), [([], "123"), (["1"], "23"), (["3"], ""), (["1", "2"], "3")])
def test_revisions_after_the_databases_revision_are_pending(before, left):
    found = upgrade.pending(line(("1", ""), ("2", "1"), ("3", "2")), before)
    assert "".join(one["id"] for one in found) == left


@pytest.mark.parametrize(
    ("before", "left"),
    [(["2a"], ["2b", "3"]), (["2a", "2b"], ["3"]), (["3"], []), ([], ["1", "2a", "2b", "3"])],
)
def test_a_branch_that_the_database_lacks_is_pending(before, left):
    assert [one["id"] for one in upgrade.pending(MERGED, before)] == left


def test_a_dependency_of_a_revision_is_in_the_database_with_it():
    found = line(("x", ""), ("1", ""), ("2", "1"))
    found[2]["needs"] = ["x"]
    assert upgrade.pending(found, ["2"]) == []
    # A head for Alembic, too: a dependency is no predecessor.
    assert upgrade.ends(found, ["x", "1", "2"]) == ["x", "2"]


@pytest.mark.parametrize(
    ("contract", "serving", "now", "held"),
    [
        ("2a", "1", ["2b"], ["2a"]),
        ("2b", "1", ["2a"], ["2b"]),
        ("3", "1", ["2a", "2b"], ["3"]),
        ("2a", "1 2a", ["2a", "2b"], []),
    ],
)
def test_what_comes_after_a_held_back_revision_is_held_back(contract, serving, now, held):
    left = [{**one, "contract": one["id"] == contract} for one in MERGED[1:]]
    if contract.startswith("2"):
        left.pop()
    parts = upgrade.split(left, serving.split())
    assert [[one["id"] for one in part] for part in parts] == [now, held]


def named(kinds: str) -> list[dict]:
    """Return pending revisions 1, 2, ...; "c" is a contract revision, "e" an expand revision."""
    return [
        {**line((str(number), str(number - 1)))[0], "contract": kind == "c"}
        for number, kind in enumerate(kinds, 1)
    ]


@pytest.mark.parametrize(
    ("kinds", "serving", "now", "held"),
    [
        ("", "0", "", ""),
        ("ee", "0", "12", ""),
        ("ec", "0", "1", "2"),
        ("cc", "0", "", "12"),
        ("ecc", "0", "1", "23"),
        # The previous run was killed between its two parts: the live release has the revision.
        ("c", "01", "1", ""),
        ("ce", "01", "12", ""),
        ("cec", "01", "12", "3"),
        # No live release.
        ("ece", "", "123", ""),
    ],
)
def test_revisions_that_break_the_live_release_are_held_back(kinds, serving, now, held):
    parts = upgrade.split(named(kinds), list(serving))
    assert ["".join(one["id"] for one in part) for part in parts] == [now, held]


@pytest.mark.parametrize(
    ("kinds", "serving", "added", "away", "last"), [("ce", "0", "2", "1", "1"), ("eccec", "0", "4", "2", "3")]
)
def test_an_expand_revision_after_a_held_back_contract_is_refused(kinds, serving, added, away, last):
    with pytest.raises(shared.DatabaseError) as refusal:
        upgrade.split(named(kinds), list(serving))
    said = str(refusal.value)
    assert said.startswith(f"{added} (Title {added}) must be applied before")
    assert f"but {away} (Title {away}) removes objects" in said
    assert f"into two deployments: first deploy a release whose last migration is {last}." in said


NO_COMMANDS = {"owner_command": [], "after_command": []}


@pytest.fixture
def at(parameters, monkeypatch):
    """Return a release with revisions 1 to 3, of which 3 is a contract, and the recorded calls of Alembic."""

    def make(revision: str, *serving: str) -> tuple[upgrade.Release, list[tuple[str, ...]]]:
        asked: list[tuple[str, ...]] = []

        def alembic(_self, *arguments: str) -> str:
            asked.append(arguments)
            return f"{revision}\n" if arguments == ("current",) else f"-- {arguments[1]}"

        monkeypatch.setattr(upgrade.Release, "alembic", alembic)
        monkeypatch.setattr(upgrade.Release, "revisions", lambda _self: named("eec"))
        monkeypatch.setattr(upgrade, "Watchdog", lambda _parameters: nullcontext())
        given = {
            **parameters,
            "serving": list(serving),
            "config": "alembic.ini",
            **NO_COMMANDS,
            "applied": [],
        }
        return upgrade.Release(SimpleNamespace(params=given)), asked

    return make


def applied(result: dict) -> str:
    return "".join(one["id"] for one in result["revisions"] if one["applied"])


def test_the_first_run_stops_before_the_contract(at):
    release, asked = at("1", "1")
    result = upgrade.upgrade(release, check_mode=False)
    assert asked[1:] == [("upgrade", "2")]
    assert (result["after"], result["changed"], applied(result)) == (["2"], True, "12")
    assert result["msg"] == "Migrated from 1 to 2: 2 (Title 2). After the cutover: 3 (Title 3)"
    assert [one["id"] for one in result["pending"]] == ["2", "3"]


def test_the_second_run_applies_the_rest(at):
    release, asked = at("2", "1", "2", "3")
    result = upgrade.upgrade(release, check_mode=False)
    assert asked[1:] == [("upgrade", "head")]
    assert (result["after"], applied(result)) == (["3"], "123")


def test_only_held_back_revisions_are_no_change(at):
    release, asked = at("2", "1", "2")
    result = upgrade.upgrade(release, check_mode=False)
    assert asked == [("current",)]
    assert (result["after"], result["changed"], applied(result)) == (["2"], False, "12")
    assert "After the cutover: 3" in result["msg"]


@pytest.mark.parametrize(("revision", "serving"), [("1", ()), ("", ("1",))], ids=["nothing serves", "empty"])
def test_without_a_live_release_all_revisions_are_applied(at, revision, serving):
    release, asked = at(revision, *serving)
    result = upgrade.upgrade(release, check_mode=False)
    assert asked[1:] == [("upgrade", "head")]
    assert (result["after"], applied(result)) == (["3"], "123")


def test_check_mode_shows_both_parts(at):
    release, asked = at("1", "1")
    result = upgrade.upgrade(release, check_mode=True)
    assert result["sql"] == "-- 1:2\n-- After the cutover:\n-- 2:head"
    assert result["msg"].startswith("Would migrate from 1 to 2: 2 (Title 2). After the cutover: 3 (Title 3)")
    assert all("--sql" in arguments for arguments in asked[1:])


@pytest.mark.parametrize("config", ["", "alembic.ini"])
def test_without_alembic_or_without_revisions_only_the_commands_run(parameters, monkeypatch, config):
    ran = []

    def run(_self, command, role, directory, *_):
        ran.append((command[-1], role, directory))
        return "1 row\nunchanged\n" if command[-1] != "tables" else "created"

    monkeypatch.setattr(upgrade.Release, "run", run)
    monkeypatch.setattr(upgrade.Release, "alembic", lambda _self, *_: "")
    monkeypatch.setattr(upgrade.inspect, "getsource", lambda _: "")
    monkeypatch.setattr(upgrade, "Watchdog", lambda _parameters: nullcontext())
    none = f"{known.MARK}{json.dumps({'heads': [], 'revisions': []})}"
    if config:
        monkeypatch.setattr(upgrade.Release, "run", lambda *given: run(*given) and none)
    given = {
        "config": config,
        "serving": ["0001"],
        "applied": [],
        "owner_command": ["tables"],
        "after_command": ["seed"],
    }
    result = upgrade.upgrade(
        upgrade.Release(SimpleNamespace(params={**parameters, **given})), check_mode=False
    )
    assert ran[-2:] == [("tables", "owner", "/opt/shop"), ("seed", "app", "/opt/shop")]
    assert len(ran) == (3 if config else 2)
    assert (result["revisions"], result["pending"], result["changed"]) == ([], [], True)
    assert result["msg"].startswith("The release has no migrations; tables: changed; seed: ")


@pytest.mark.parametrize(
    ("output", "unchanged"),
    [
        ("unchanged\n", True),
        ("Success upgrade 1_init.py\nNo upgrade items found\n\n", True),
        ("No upgrade items found\nSuccess upgrade 1_init.py\n", False),
        ("changed", False),
        ("", False),
    ],
)
def test_a_command_has_changed_nothing_if_its_last_line_says_so(parameters, monkeypatch, output, unchanged):
    monkeypatch.setattr(upgrade.Release, "run", lambda *_: output)
    defaults = yaml.safe_load((PLUGINS.parent / "roles/db_migrate/defaults/main.yml").read_text())
    lines = defaults["db_migrate_unchanged_lines"]
    release = upgrade.Release(SimpleNamespace(params=parameters | {"unchanged_lines": lines}))
    assert release.command(["aerich", "upgrade"], "app") is unchanged


def test_the_owners_command_is_watched_like_a_migration(migrating, monkeypatch):
    release, _sessions = migrating("", "", None, (1, False))

    def fails(self, *_: str) -> str:
        return self.alembic("upgrade")

    monkeypatch.setattr(upgrade.Release, "run", fails)
    with pytest.raises(shared.DatabaseError, match="before it would block 1 other session"):
        release.command(["tables"], "owner")


def test_a_second_branch_is_applied_beside_a_held_back_contract(parameters, monkeypatch):
    asked = []

    def alembic(_self, *arguments: str) -> str:
        asked.append(arguments)
        return "1\n"

    monkeypatch.setattr(upgrade.Release, "alembic", alembic)
    revisions = [{**one, "contract": one["id"] == "3"} for one in MERGED]
    monkeypatch.setattr(upgrade.Release, "revisions", lambda _self: revisions)
    monkeypatch.setattr(upgrade, "Watchdog", lambda _parameters: nullcontext())
    given = {**parameters, "config": "alembic.ini", "serving": ["1"], "applied": [], **NO_COMMANDS}
    result = upgrade.upgrade(upgrade.Release(SimpleNamespace(params=given)), check_mode=False)
    assert asked[1:] == [("upgrade", "2a"), ("upgrade", "2b")]
    assert result["after"] == ["2a", "2b"]
    assert "from 1 to 2a, 2b" in result["msg"]


class Session:
    """A database with sessions blocked by the migration, or with an outage."""

    def __init__(self, answers: list) -> None:
        self.answers, self.asked, self.closed, self.autocommit = answers, [], 0, False

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, _statement, values):
        self.asked.append(values)

    def fetchone(self):
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.closed = 1


@pytest.fixture
def migrating(parameters, monkeypatch):
    """Return a release whose migration fails after a moment, and its database sessions."""
    monkeypatch.setattr(upgrade, "POLL", 0.01)
    monkeypatch.setattr(upgrade, "psycopg2", SimpleNamespace(Error=OSError))

    def make(failure: str, now: str, *answers: object) -> tuple[upgrade.Release, list[Session]]:
        sessions, left = [], list(answers)

        def open_session(*_: object) -> Session:
            sessions.append(Session(left))
            return sessions[-1]

        def alembic(self, *arguments: str) -> str:
            if arguments == ("current",):
                return now
            deadline = time.monotonic() + 5
            while (left or not sessions[-1].asked) and time.monotonic() < deadline:
                time.sleep(0.01)
            raise shared.DatabaseError(failure)

        monkeypatch.setattr(upgrade, "open_session", open_session)
        monkeypatch.setattr(upgrade.Release, "alembic", alembic)
        given = {**parameters, "lock_timeout": 5, "statement_timeout": 7}
        return upgrade.Release(SimpleNamespace(params=given)), sessions

    return make


def fail(release, before=("0002",)) -> str:
    """Return the error of a migration from ``before`` to 0004."""
    found = line(("0003", "0002"), ("0004", "0003"))
    with pytest.raises(shared.DatabaseError) as failure:
        release.migrate(list(before), found, ["head"])
    return str(failure.value)


@pytest.mark.parametrize(
    ("failure", "answers", "said"),
    [
        (
            "terminating",
            [None, (1, False)],
            "before it would block 1 other session of table-order for longer",
        ),
        (
            "terminating",
            [(3, False)],
            "3 other sessions of table-order for longer than db_migrate_lock_timeout (5 s)",
        ),
        ("terminating", [(3, False)], "Split the migration into several"),
        ("terminating", [(2, True)], "The migration waited for a lock, with other sessions queued behind"),
        (
            "canceling statement due to lock timeout",
            [],
            "waited for a lock for longer than db_migrate_lock_timeout (5 s)",
        ),
        (
            "canceling statement due to statement timeout",
            [],
            "took longer than db_migrate_statement_timeout (7 s)",
        ),
    ],
)
def test_the_message_names_the_reason_of_a_failure(migrating, failure, answers, said):
    message = fail(migrating(failure, "0002\n", *answers)[0])
    assert said in message
    assert "Nothing was changed: the database is still at 0002." in message
    assert message.endswith(failure)


def test_the_watchdog_checks_before_the_timeout_and_disconnects(migrating):
    release, sessions = migrating("terminating", "0002")
    fail(release)
    assert [session.autocommit for session in sessions] == [True]
    assert sessions[0].asked[0] == {"seconds": 4.99}
    assert sessions[0].closed


def test_the_watchdog_survives_a_lost_connection(migrating):
    release, sessions = migrating("terminating", "0002", OSError("gone"), (1, False))
    assert "before it would block 1 other session" in fail(release)
    assert len(sessions) == 2


def test_another_failure_shows_the_output_of_alembic(migrating):
    assert fail(migrating("relation", "0002")[0]).splitlines() == [
        "Nothing was changed: the database is still at 0002. Pending: 0003 (Title 0003), 0004 (Title 0004).",
        "relation",
    ]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"POSTGRES_URL": "postgresql+asyncpg://shop_app:x@db/shop"},
            "POSTGRES_URL in db_migrate_environment",
        ),
        ({"DB_USER": "shop_app", "DB_NAME": "shop"}, "DB_USER in db_migrate_environment"),
        # The role gives the owner in its place.
        ({"DATABASE_URL": "postgresql://shop_app:x@db/shop"}, ""),
        ({"OTHER_URL": "postgresql://shop_apple:x@db/shop", "SHOP": "shop_app_1"}, ""),
    ],
)
def test_a_migration_as_the_application_names_the_variable(migrating, parameters, variables, said):
    parameters["environment"] = variables
    message = fail(migrating("permission denied for schema public", "")[0], before=())
    assert message.splitlines()[0].startswith(said or "Nothing was changed")
    assert ("shop_app, who may not" in message) == bool(said)


def test_revisions_applied_before_a_failure_are_named(migrating):
    said = fail(migrating("relation", "0003")[0])
    assert (
        "Applied and kept before the failure: 0003 (Title 0003); the database is at 0003. Pending: 0004 (Title 0004)."
        in said
    )
    assert "Nothing was changed" not in said


def test_effects_outside_the_transaction_are_named(migrating):
    release, _ = migrating("relation", "0002")
    found = [{**line(("0003", "0002"))[0], "outside": True}]
    with pytest.raises(shared.DatabaseError, match="except the autocommit_block of 0003"):
        release.migrate(["0002"], found, ["head"])


def test_the_program_that_lists_revisions_is_passed_completely(parameters, monkeypatch):
    said = {"heads": ["1"], "revisions": line(("1", ""))}
    given = []

    def run(_self, arguments, _role, directory, data):
        given.extend([arguments, directory, data])
        return f"An application may print.\n{known.MARK}{json.dumps(said)}\nmore\n"

    monkeypatch.setattr(upgrade.Release, "run", run)
    made = upgrade.Release(SimpleNamespace(params={**parameters, "config": "alembic.ini"}))
    assert made.revisions() == said["revisions"]
    source = (PLUGINS / "module_utils/db_migrate_revisions.py").read_text()
    assert given == [["python", "-", "--config", "/opt/shop/alembic.ini"], "/opt/shop", source]


def test_sql_is_shown_without_secrets_or_not_at_all(parameters, monkeypatch):
    made = upgrade.Release(SimpleNamespace(params={**parameters, "config": "alembic.ini"}))
    asked = []

    def alembic(_self, *arguments):
        asked.append(arguments[1])
        return f"CREATE TABLE a ();\n-- {PASSWORD}\n\n"

    monkeypatch.setattr(upgrade.Release, "alembic", alembic)
    assert made.sql(["0002"], ["head"]) == ("CREATE TABLE a ();\n-- ********", "")
    assert made.sql([], ["head"])[1] == ""
    assert asked == ["0002:head", "head"]
    assert made.sql(["2a", "2b"], ["head"])[0] == made.sql(["1"], ["2a", "2b"])[0] == ""
    assert "from or to several revisions" in made.sql(["2a", "2b"], ["head"])[1]
    assert len(asked) == 2

    def fails(_self, *_arguments):
        raise shared.DatabaseError("alembic failed with status 1:\nTraceback\nno offline mode\n")

    monkeypatch.setattr(upgrade.Release, "alembic", fails)
    sql, why = made.sql(["0002"], ["head"])
    assert sql == ""
    assert "\n" not in why
    assert why.endswith("no offline mode")


@pytest.mark.parametrize("name", ["0002", "a1b2_c", "2026.01 사용자", "v1.2/users", "20260101T1200 (draft)"])
def test_ids_of_any_form_are_read_between_other_lines(name):
    said = f"An application may print.\n0003\n{name} (head)\nINFO  [alembic] Context\n  1 (effective head) (mergepoint)\n"
    assert upgrade.revisions(said, [name, "1", "2"]) == sorted(["1", name])
    assert upgrade.UNKNOWN.search(f"FAILED: Can't locate revision identified by '{name}'")[1] == name


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("SSL error: certificate verify failed", "db_migrate_ca_cert (/etc/ssl/ca.pem) does not contain"),
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
def test_errors_of_the_database_become_advice(parameters, said, hint):
    assert hint in shared.advice(said, parameters, "boss", "the.setting")


@pytest.fixture
def tree(tmp_path) -> dict:
    """Return the parameters of a complete release, with a CA bundle."""
    for name in ("release/db/alembic.ini", "release/venv/bin/python", "outside/alembic.ini"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    import certifi

    return {
        "path": str(tmp_path / "release"),
        "config": "db/alembic.ini",
        "directory": "db",
        "venv": "venv",
        "user": "root",
        "ca_cert": certifi.where(),
    }


def test_a_complete_release_is_accepted(tree):
    assert release.gather(tree) == {"missing": [], "problems": []}


@pytest.mark.parametrize(
    ("name", "value", "setting"),
    [
        ("config", "alembic.ini", "db_migrate_alembic_ini"),
        ("directory", "migrations", "db_migrate_alembic_folder"),
        ("venv", ".venv", "db_migrate_venv"),
        ("ca_cert", "/nowhere/ca.pem", "db_migrate_ca_cert"),
        ("user", "nobody-has-this-name", "db_migrate_user"),
    ],
)
def test_missing_files_and_users_are_named(tree, name, value, setting):
    found = release.gather({**tree, name: value})
    assert len(found["missing"]) == 1
    assert f"({setting})" in found["missing"][0]


def test_links_out_of_the_release_are_refused(tree, tmp_path):
    for name, target in (("out.ini", "alembic.ini"), ("out", ""), ("out/venv", "")):
        if "/" not in name:
            Path(tree["path"], name).symlink_to(tmp_path / "outside" / target)
    found = release.gather({**tree, "config": "out.ini"})
    assert "db_migrate_alembic_ini (out.ini) leads out of the release" in found["problems"][0]
    found = release.gather({**tree, "directory": "out", "config": "out/alembic.ini"})
    assert [problem.split()[0] for problem in found["problems"]] == [
        "db_migrate_alembic_ini",
        "db_migrate_alembic_folder",
    ]


def test_a_live_release_may_be_a_link(tree, tmp_path):
    (tmp_path / "live").symlink_to(tree["path"])
    assert release.gather({**tree, "path": str(tmp_path / "live")})["problems"] == []


def test_a_file_without_certificates_is_named(tree, tmp_path):
    ca_cert = tmp_path / "ca.pem"
    ca_cert.write_text("no certificate")
    found = release.gather({**tree, "ca_cert": str(ca_cert)})
    assert f"db_migrate_ca_cert ({ca_cert}) is not a readable CA bundle" in found["problems"][0]


def test_leftovers_of_a_removed_driver_are_not_a_driver(tmp_path, monkeypatch):
    (tmp_path / "psycopg2/__pycache__").mkdir(parents=True)
    # Python prefers a complete package anywhere on its path.
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in [name for name in sys.modules if name.partition(".")[0] == "psycopg2"]:
        monkeypatch.delitem(sys.modules, name)
    specification = importlib.util.spec_from_file_location("shared_again", shared.__file__)
    again = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(again)
    assert again.psycopg2 is None


def rolled_back(applied: list[dict], error: str) -> SimpleNamespace:
    """Return a release with the revisions 0001 and 0002 whose "alembic current" fails."""

    def alembic(*_: str) -> str:
        raise shared.DatabaseError(error)

    return SimpleNamespace(
        current=alembic,
        revisions=lambda: line(("0001", ""), ("0002", "0001")),
        parameters={"config": "alembic.ini", "applied": applied, "serving": [], **NO_COMMANDS},
    )


UNKNOWN = "alembic current failed:\nFAILED: Can't locate revision identified by '0003'"
APPLIED = [{"id": name, "title": f"title {name}", "contract": False} for name in ("0001", "0002", "0003")]


def test_a_rollback_keeps_the_later_schema():
    result = upgrade.upgrade(rolled_back(APPLIED, UNKNOWN), check_mode=False)
    assert (result["before"], result["after"], result["changed"], result["revisions"]) == (
        ["0003"],
        ["0003"],
        False,
        [],
    )
    assert "At 0003, ahead of this release" in result["msg"]


@pytest.mark.parametrize(
    ("applied", "error", "said"),
    [
        (APPLIED[:2], UNKNOWN, "no deployment to this server has recorded it"),
        (
            [*APPLIED[:2], {**APPLIED[2], "contract": True}],
            UNKNOWN,
            "migration 0003 (title 0003) removed objects",
        ),
        (APPLIED, "alembic current failed: no route to host", "no route to host"),
    ],
)
def test_an_incompatible_schema_is_refused(applied, error, said):
    with pytest.raises(shared.DatabaseError) as failure:
        upgrade.upgrade(rolled_back(applied, error), check_mode=False)
    assert said in str(failure.value)


def test_the_lock_stays_fresh_during_a_slow_migration(tmp_path, monkeypatch):
    monkeypatch.setattr(upgrade, "RENEWAL", 0.01)
    path = tmp_path / "lock.json"
    path.touch()
    with upgrade.fresh(str(path)):
        for _ in range(3):
            os.utime(path, (0, 0))
            time.sleep(0.2)
            assert time.time() - path.stat().st_mtime < 60
    os.utime(path, (0, 0))
    time.sleep(0.1)
    assert path.stat().st_mtime == 0, "it is over"


@pytest.mark.parametrize("path", [None, "/nowhere/lock.json"])
def test_a_missing_lock_is_not_created(path):
    with upgrade.fresh(path):
        time.sleep(0.05)
    assert not Path("/nowhere").exists()


class RefusalError(Exception):
    """The error of the driver."""


@pytest.mark.parametrize(("fails", "answers"), [(None, True), ("log-in", False), ("statement", False)])
def test_a_database_serves_if_a_statement_succeeds(monkeypatch, parameters, fails, answers):
    closed = []

    def execute(_):
        if fails == "statement":
            raise RefusalError("server closed the connection")

    cursor = nullcontext(SimpleNamespace(execute=execute, fetchone=lambda: (1,)))
    connection = SimpleNamespace(cursor=lambda: cursor, close=lambda: closed.append(True))

    def connect(*_):
        if fails == "log-in":
            raise logging_in.DatabaseError("Cannot connect")
        return connection

    monkeypatch.setattr(logging_in, "connect", connect)
    monkeypatch.setattr(logging_in, "psycopg2", SimpleNamespace(Error=RefusalError))
    database = {"admin_user": "master", "admin_password": PASSWORD}
    found, message = logging_in.log_in(parameters | {"database": database, "tries": 1})
    assert found is answers
    assert PASSWORD not in message
    assert closed == ([] if fails == "log-in" else [True])
