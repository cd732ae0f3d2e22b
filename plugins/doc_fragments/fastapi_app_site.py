# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the modules that put a release into service have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The options C(site) and C(token)."""

    DOCUMENTATION = r"""
options:
  site:
    description:
      - The application on the server; the role fastapi_app makes it of its settings.
    type: dict
    required: true
    suboptions:
      home:
        description: The application's folder, with C(releases), and the links C(backend), C(frontend) and C(candidate).
        type: path
        required: true
      state:
        description: The folder of what the role remembers, with the lock.
        type: path
        required: true
      logs:
        description: The folder of C(fastapi.log).
        type: path
        required: true
      flag:
        description: The file that has nginx send requests to the candidate.
        type: path
        required: true
      assets:
        description: The folder that keeps the hashed files of all releases' front ends.
        type: path
        required: true
      builds:
        description: Where front ends lie in a release's C(frontend), such as C(admin-ui/build).
        type: list
        elements: str
        default: []
      service:
        description: The service's unit, without C(.service); the candidate's has C(-candidate) behind it.
        type: str
        required: true
      group:
        description: The group that may read environments and the candidate's log.
        type: str
        required: true
      files:
        description: Files that the process depends on beside its release, such as its unit.
        type: list
        elements: path
        default: []
      address:
        description: Where the service listens.
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
        description: Where nginx says who gets the requests; nothing asks nobody.
        type: str
        default: ""
      drain_seconds:
        description: How long to wait at most until nobody is connected any more.
        type: float
        default: 5
      health:
        description: What counts as healthy. The candidate is asked for the same path on its own port.
        type: dict
        required: true
        suboptions:
          url:
            description: The address.
            type: str
            required: true
          host:
            description: The C(Host) to ask for; nothing for the address's own.
            type: str
            default: ""
          statuses:
            description: The statuses that are healthy.
            type: list
            elements: int
            default: [200]
          body:
            description: A regular expression that the body must match somewhere.
            type: str
            default: ""
          names_release:
            description: Whether the body must hold the release's name.
            type: bool
            default: false
          times:
            description: How many answers in a row must be healthy.
            type: int
            default: 3
          tries:
            description: How often to ask at most.
            type: int
            default: 60
  token:
    description:
      - What tells this run apart in the lock of deployments (C(lock.json) in O(site.state)).
      - Without the lock nothing is written. A run that loses it ends before its next step.
    type: str
    required: true
attributes:
  check_mode:
    description: Says what it would do, and does nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
"""
