# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the modules that put a release into service have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The options C(site), and C(token)."""

    DOCUMENTATION = r"""
options:
  site:
    description:
      - The application on the server, from the settings of the role fastapi_app.
    type: dict
    required: true
    suboptions:
      home:
        description: The directory with C(releases) and the links C(backend), C(frontend) and C(candidate).
        type: path
        required: true
      state:
        description: The directory of the role's state, with the lock.
        type: path
        required: true
      logs:
        description: The directory of C(fastapi.log).
        type: path
        required: true
      flag:
        description: The file that makes nginx send traffic to the candidate.
        type: path
        required: true
      assets:
        description: The directory with the hashed front end files of all releases.
        type: path
        required: true
      builds:
        description: The built front ends in a release's C(frontend), such as C(admin-ui/build).
        type: list
        elements: str
        default: []
      service:
        description: The name of the service's unit without C(.service); the candidate's unit has the suffix C(-candidate).
        type: str
        required: true
      group:
        description: The group that can read the env files and the candidate's log.
        type: str
        required: true
      shared:
        description: Directories of the backend that all releases share, relative to it.
        type: list
        elements: str
        default: []
      files:
        description: Further files behind the process, such as its unit.
        type: list
        elements: path
        default: []
      processes:
        description: Units of the other processes, without the service's name and C(-process-), such as C(worker.service).
        type: list
        elements: str
        default: []
      address:
        description: The address on which the service listens.
        type: str
        required: true
      port:
        description: The service's port.
        type: int
        required: true
      candidate_port:
        description: The candidate's port on 127.0.0.1.
        type: int
        required: true
      traffic_url:
        description: The URL at which nginx reports its upstream; empty to skip the question.
        type: str
        default: ""
      drain_seconds:
        description: The maximum wait for open connections to end, in seconds.
        type: float
        default: 5
      health:
        description: The health check. The candidate gets the same request on its own port.
        type: dict
        required: true
        suboptions:
          url:
            description: The health URL of the service.
            type: str
            required: true
          host:
            description: The C(Host) header; empty for the host of the URL.
            type: str
            default: ""
          statuses:
            description: The statuses of a healthy response.
            type: list
            elements: int
            default: [200]
          body:
            description: A regular expression that a healthy body matches.
            type: str
            default: ""
          names_release:
            description: Whether a healthy body contains the release ID.
            type: bool
            default: false
          times:
            description: The required number of consecutive healthy responses.
            type: int
            default: 3
          tries:
            description: The maximum number of unhealthy responses.
            type: int
            default: 60
"""

    STEP = r"""
options:
  token:
    description:
      - Identifies this run in the deployment lock (C(lock.json) in O(site.state)).
      - A run without the lock writes nothing. A run that loses the lock fails before its next change.
    type: str
    required: true
attributes:
  check_mode:
    description: Reports the changes without making them.
    support: full
  diff_mode:
    description: Shows the changes.
    support: full
"""
