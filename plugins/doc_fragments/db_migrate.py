# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Options that the modules of the role db_migrate share."""

from __future__ import annotations


class ModuleDocFragment:
    """The database and its master user; C(RELEASE) has the release with the migrations."""

    DOCUMENTATION = r"""
options:
  database:
    description: The database and its master user.
    type: dict
    required: true
    suboptions:
      host: {description: The host name., type: str, required: true}
      port: {description: The port., type: int, required: true}
      name: {description: The name of the database., type: str, required: true}
      admin_user: {description: The master user., type: str, required: true}
      admin_password: {description: The master user's password., type: str, required: true}
  ca_cert:
    description: The CA bundle that verifies the database's certificate.
    type: path
    required: true
"""

    RELEASE = r"""
options:
  path:
    description: The path of the release.
    type: path
    required: true
  config:
    description: Alembic's configuration, relative to O(path).
    type: str
    default: alembic.ini
  directory:
    description: The working directory of Alembic, relative to O(path).
    type: str
    default: .
  venv:
    description: The virtual environment, relative to O(path).
    type: str
    default: venv
  user:
    description: The user that runs the release's code.
    type: str
    required: true
"""
