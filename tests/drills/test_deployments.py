"""Every kind of broken deployment, and every phase killed: no request is lost, and the next deployment goes through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import deployment, site
from tests.e2e.deployment import RATE, killed_at, load, play, replace, settled, state, variant

MIGRATION = '''"""A migration of the drills.

Revision ID: 9999
Revises: {head}
"""

from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    op.execute("CREATE TABLE half_done (id integer)")
    op.execute("{statement}")
'''


def head(directory: Path) -> str:
    """Return the id of the example's last migration."""
    versions = sorted((directory / "backend/migrations/versions").glob("[0-9]*.py"))
    return versions[-1].name.split("_")[0]


def migrates_badly(directory: Path) -> None:
    text = MIGRATION.format(head=head(directory), statement="SELECT 1 FROM no_such_table")
    (directory / "backend/migrations/versions/9999_drill.py").write_text(text)


def two_heads(directory: Path) -> None:
    text = MIGRATION.format(head=head(directory), statement="SELECT 1")
    versions = directory / "backend/migrations/versions"
    (versions / "9999_drill.py").write_text(text)
    (versions / "9998_drill.py").write_text(text.replace('"9999"', '"9998"'))


def adds_behind_what_takes_away(directory: Path) -> None:
    last = head(directory)
    text = MIGRATION.format(head=last, statement="SELECT 1")
    versions = directory / "backend/migrations/versions"
    (versions / "9998_away.py").write_text(text.replace('"9999"', '"9998"') + "\n\ncontract = True\n")
    (versions / "9999_add.py").write_text(text.replace(f'"{last}"', '"9998"'))


def does_not_build(directory: Path) -> None:
    path = directory / "backend/requirements.txt"
    path.write_text(path.read_text() + "no-such-package-of-anybody==1.0 --hash=sha256:" + "0" * 64 + "\n")


def does_not_import(directory: Path) -> None:
    path = directory / "backend/app/main.py"
    path.write_text(path.read_text() + '\nraise RuntimeError("this release cannot be imported")\n')


def does_not_start(directory: Path) -> None:
    replace(
        directory / "backend/app/main.py",
        "    resources = Resources(Settings())\n",
        '    raise RuntimeError("this release does not start")\n',
    )


def is_not_healthy(directory: Path) -> None:
    replace(directory / "backend/app/controllers/health.py", "200 if healthy else 503", "503")


def has_no_front_end(directory: Path) -> None:
    (directory / "frontend/admin-ui/build").rename(directory / "frontend/admin-ui/built")


# What is broken, and what the deployment says of it.
BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "does not build": (does_not_build, "no-such-package-of-anybody"),
    "has no front end": (has_no_front_end, "frontend/admin-ui/build"),
    "does not import": (does_not_import, "this release cannot be imported"),
    "does not migrate": (migrates_badly, "no_such_table"),
    "has two heads": (two_heads, "9998"),
    "adds behind what takes away": (adds_behind_what_takes_away, "into two deployments"),
    "does not start": (does_not_start, "this release does not start"),
    "is not healthy": (is_not_healthy, "status 503"),
}

# A task of each phase, in their order.
BUILDING = [
    "Release | Name the release",
    "Dependencies | Install the packages of the application",
]
PHASES = [
    *BUILDING,
    "Check | Start the application",
    "Migrate | Upgrade the schema",
    "Cutover | Start the candidate",
    "Cutover | Send traffic to the candidate",
    "Cutover | Run the release as the service",
    "Cutover | Send traffic to the service",
    "Cutover | Stop the candidate",
    "Prune | Remove hashed files of removed releases",
]
# How far into a task the run is killed, in seconds. What a module has begun on the server goes on until its next change.
MOMENTS = [(phase, 0.3) for phase in PHASES] + [
    (phase, moment)
    for phase in ("Cutover | Start the candidate", "Cutover | Run the release as the service")
    for moment in (1.5, 3, 5, 8)
]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_release_is_refused_without_losing_a_request(kind: str, tmp_path: Path) -> None:
    change, said = BROKEN[kind]
    before = state()
    tables = deployment.tables()
    source = variant(tmp_path / "source", change)
    with load(tmp_path) as running:
        run = play("deploy", fastapi_app_source=source, fastapi_app_health_tries=15)
    print(f"{kind}: {run.seconds:.0f} s, {json.dumps(running.shown)}")
    assert run.status != 0
    assert said in " ".join(run.output.split())
    # Pending migrations are also shown without a snapshot.
    assert ("Would migrate from" in run.output) == (kind == "does not migrate")
    assert running.lost() == {}
    after = state()
    settled(after)
    assert (after.live, after.releases) == (before.live, before.releases)
    assert deployment.tables() == tables


def titled(title: str) -> Callable[[Path], None]:
    return lambda directory: replace(
        directory / "backend/app/main.py", 'title="Table Order"', f'title="{title}"'
    )


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Return two sources whose releases are complete on the server; the second one is live."""
    both = [variant(tmp_path_factory.mktemp(name) / "source", titled(name)) for name in ("one", "two")]
    for source in both:
        play("deploy", fastapi_app_source=source).check()
    return both


@pytest.mark.parametrize(("phase", "moment"), MOMENTS)
def test_a_deployment_that_was_killed_is_made_up_for(
    phase: str, moment: float, sources: list[dict[str, str]], tmp_path: Path
) -> None:
    before = state().live
    wanted = {"fastapi_app_source": sources[0]}
    sources.reverse()
    with load(tmp_path) as running:
        # A release that is there already is not built, which only two of the phases need.
        # The first time that a migration's tasks run is the look at what is pending.
        nth = 2 if phase.startswith("Migrate") else 1
        killed_at(phase, nth=nth, into=moment, **wanted, fastapi_app_force=phase in BUILDING)
        run = play("deploy", **wanted)
    print(f"killed {moment} s into {phase}: then {run.seconds:.0f} s, {json.dumps(running.shown)}")
    run.check()
    assert running.lost() == {}
    after = state()
    settled(after)
    assert after.live != before
    assert play("deploy", **wanted).check().changed == 0


def test_a_redeployment_of_the_same_loses_no_request(tmp_path: Path) -> None:
    with load(tmp_path) as running:
        run = play("deploy", fastapi_app_force=True)
    run.check()
    assert running.lost() == {}
    settled(state())


def test_a_change_of_the_configuration_loses_no_request(tmp_path: Path) -> None:
    with load(tmp_path) as running:
        changed = play("configure", fastapi_app_open_files=32768)
        back = play("configure")
    assert changed.check().changed > 0
    assert back.check().changed > 0
    assert running.lost() == {}
    settled(state())


def test_a_killed_backend_costs_no_more_than_the_requests_in_flight(tmp_path: Path) -> None:
    with load(tmp_path) as running:
        for _ in range(3):
            deployment.server("systemctl kill --signal=KILL table-order-backend.service; sleep 8")
    print(f"killed three times: {json.dumps(running.shown)}")
    assert running.shown["orders_missing"] == 0
    assert running.shown["orders_twice"] == 0
    assert running.shown["streams_late"] == 0
    # nginx asks again for what may be asked twice, unless its answer has begun. Of the orders, 16 of 100 requests, those in
    # flight: of less than a second.
    assert running.shown["not_2xx"] + running.shown["lost"] <= 3 * 0.16 * RATE


ADDS, TAKES_AWAY = (
    'op.add_column("orders", sa.Column("drill_note", sa.String(64)))',
    'op.drop_column("orders", "drill_note")',
)
COLUMN = "    idempotency_key: Mapped[str | None] = mapped_column(String(64))\n"


def migration(directory: Path, revision: str, down: str, change: str) -> None:
    text = f'"""A drill."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = "{revision}"\n'
    text += f'down_revision = "{down}"\n\n\ndef upgrade() -> None:\n    {change}\n'
    (directory / f"backend/migrations/versions/{revision}_drill.py").write_text(text)


def needs_a_column(directory: Path) -> None:
    migration(directory, "9001", head(directory), ADDS)
    column = COLUMN.replace("idempotency_key", "drill_note")
    replace(directory / "backend/app/models/entities.py", COLUMN, COLUMN + column)


def takes_it_away(directory: Path) -> None:
    migration(directory, "9001", head(directory), ADDS)
    migration(directory, "9002", "9001", TAKES_AWAY)
    # Healthy is this release only with a revision that it serves with.
    replace(
        directory / "backend/app/services/health.py",
        "            session.execute(select(Store.id).limit(1))\n",
        "            import json, pathlib, sqlalchemy\n"
        "            known = json.loads((pathlib.Path.cwd() / '../revisions.json').read_text())['serves_at']\n"
        "            if session.scalar(sqlalchemy.text('SELECT version_num FROM alembic_version')) not in known:\n"
        "                raise StorageError('another schema')\n",
    )


@pytest.fixture
def with_a_column(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Have a release serve that needs a column; returns a source that takes it away. Afterwards the site is a new one."""
    play("deploy", fastapi_app_source=variant(tmp_path / "before", needs_a_column)).check()
    yield variant(tmp_path / "after", takes_it_away)
    site.fresh_cloud()
    site.play("site.yml").check()


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed before the second part"])
def test_what_the_serving_release_needs_is_taken_away_when_it_has_gone(
    with_a_column: dict[str, str], tmp_path: Path, killed: bool
) -> None:
    before = state().live
    with load(tmp_path) as running:
        if killed:
            killed_at("Apply the remaining migrations", fastapi_app_source=with_a_column)
            assert "9001" in deployment.tables()
        run = play("deploy", fastapi_app_source=with_a_column)
    print(f"a column taken away: {run.seconds:.0f} s, {json.dumps(running.shown)}")
    run.check()
    assert ("After the cutover: 9002" in " ".join(run.output.split())) != killed
    assert running.lost() == {}
    assert "9002" in deployment.tables()
    settled(state())
    refused = play("rollback", fastapi_app_release=before)
    assert refused.status != 0
    assert "cannot run on this schema: migration 9002" in " ".join(refused.output.split())
    assert play("deploy", fastapi_app_source=with_a_column).check().changed == 0
