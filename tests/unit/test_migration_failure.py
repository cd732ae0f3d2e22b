"""A failed migration says what the operator can set."""

import pytest

from tests.unit.tasks import find
from tests.unit.test_settings_wired import Scope


@pytest.mark.parametrize(
    ("said", "denied"),
    [
        ("alembic failed with status 1:\nPermissionError: [Errno 13] Permission denied: 'data/groups'", True),
        ("alembic failed with status 1:\npermission denied for schema public", False),
    ],
)
def test_a_directory_that_the_migration_may_not_write_is_refused_with_the_fix(said, denied):
    """Settings of a public application make their directories when they are imported, and alembic's environment imports them."""
    task = find("roles/db_migrate/tasks/migrate.yml", "Fail with the diagnostics")
    scope = Scope("db_migrate", **task.keywords["vars"], db_migrate_user="shop-migrate")
    message = scope.see(task.arguments["msg"], ansible_failed_result={"msg": said})
    assert message.startswith(said)
    assert ("db_migrate_environment, such as /tmp/shop-migrate" in message) is denied
