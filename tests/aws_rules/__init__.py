"""Rules that real AWS has and the local cloud has not, checked on the requests of a run.

    from tests.aws_rules import check, load, writes

    violations = check(load("recording.jsonl"))

The recording is moto's: POST /moto-api/recorder/start-recording, GET /moto-api/recorder/download-recording.
The error texts are AWS's, from its documentation and from reports of others; no rule was tried on an account.
"""

from tests.aws_rules import cache, compute, database, identity, monitoring, network, required, storage
from tests.aws_rules.recording import Call, Calls, load, parse, writes
from tests.aws_rules.registry import RULES, Violation, check

# Importing a module of rules registers them.
RULE_MODULES = (cache, compute, database, identity, monitoring, network, required, storage)

__all__ = ["RULES", "RULE_MODULES", "Call", "Calls", "Violation", "check", "load", "parse", "writes"]
