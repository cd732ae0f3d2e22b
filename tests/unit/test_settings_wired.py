"""One value has one place: a setting that is turned reaches everything that must agree with it, and passes the preflights.

The inventories' own files and the roles' are rendered by Ansible's templar in this process, in the scope that each role has.
"""

import functools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.table_order.infra.plugins.module_utils.db_migrate import other_log_in
from ansible_collections.table_order.infra.plugins.modules import nginx_site

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
SITE = ROOT / "inventories/shared/site.yml"
REGION = "ap-northeast-2"
# What the inventory plugin and the play say.
PLAY = {
    "table_order_environment": "local",
    "table_order_cloud_name": "unit",
    "table_order_region": REGION,
    "table_order_account_id": "123456789012",
    "table_order_zones": [REGION + letter for letter in "abcd"],
    "table_order_network": {"vpc_id": "vpc-1"},
    "aws_security_ssh_cidrs": ["203.0.113.7/32"],
    "aws_security_open_backend_port": True,
    "ansible_managed": "managed",
    "ansible_run_tags": ["all"],
    "ansible_skip_tags": [],
    "ansible_host": "203.0.113.9",
    "inventory_dir": str(ROOT / "inventories/local"),
}
INSIDES = {
    "nginx": {
        "__nginx_user": "www-data",
        "__nginx_modules": "/x",
        "__nginx_before": {"stderr": "nginx/1.22.1"},
        "__nginx_ipv6": {"stat": {"exists": True}},
        "nginx_traffic_address": "127.0.0.1:8008",
    },
    "cloudwatch_agent": {"__cloudwatch_agent_version": {"stdout": "1.300070.0"}},
}


def trusted(value: Any) -> Any:
    """Values of files may hold templates, as they do when Ansible reads the file."""
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


@functools.cache
def text(path: str) -> Any:
    file = ROOT / path
    return yaml.safe_load(file.read_text()) or {} if file.exists() else {}


@functools.cache
def filters() -> None:
    filter_loader.add_directory(str(ROOT / "plugins/filter"))


class Scope:
    """What a role sees: its own defaults and those of the names' role, the inventory, and what is turned."""

    def __init__(self, role: str, **turned: Any):
        filters()
        self.role = ROOT / "roles" / role
        names = ("table_order", role)
        values = {}
        for name in names:
            values |= text(f"roles/{name}/defaults/main.yml")
        values |= text("inventories/shared/site.yml") | text("inventories/local/group_vars/all/main.yml")
        for name in names:
            values |= text(f"roles/{name}/vars/main.yml")
        values |= PLAY | {"role_path": str(self.role)} | INSIDES.get(role, {})
        self.variables = trusted(values) | trusted(turned)

    def see(self, value: Any, **more: Any) -> Any:
        """Render a value, a whole task's arguments as well."""
        templar = Templar(loader=DataLoader(), variables=self.variables | trusted(more))
        return templar.template(trusted(value))

    def template(self, name: str) -> str:
        return self.see((self.role / "templates" / name).read_text())

    def refusals(self, file: str = "preflight") -> list[str]:
        """What the assertions of the preflight, or of another file, say that need nothing from AWS or the host."""
        said = []
        for task in text(f"roles/{self.role.name}/tasks/{file}.yml"):
            asked = task.get("ansible.builtin.assert")
            if not asked or "when" in task or "ansible_facts" in str(task):
                continue
            variables = self.variables | trusted(task.get("vars", {}))
            templar = Templar(loader=DataLoader(), variables=variables)
            that = asked["that"] if isinstance(asked["that"], list) else [asked["that"]]
            if not all(templar.evaluate_conditional(trusted(condition)) for condition in that):
                said.append(str(templar.template(trusted(asked["fail_msg"]))))
        return said


def task(path: str, name: str) -> dict[str, Any]:
    """The task of a task file, or of a playbook's plays, by the end of its name."""
    entries = text(path)
    tasks = [inner for entry in entries for inner in entry.get("tasks", [entry])]
    return next(found for found in tasks if found["name"].endswith(name))


def described(role: str, name: str, **turned: Any) -> dict[str, Any]:
    """The described properties of the role's only resource of this name, or type."""
    found = Scope(role, **turned).see(f"{{{{ {role}_resources }}}}")
    [one] = [one["properties"] for one in found if name in (one["name"], one["type"])]
    return one


def groups(**turned: Any) -> dict[str, int]:
    """The ports that the security groups open, by the rule's words."""
    found = Scope("aws_security", **turned).see("{{ aws_security_resources }}")
    rules = [rule for one in found for rule in one["properties"].get("SecurityGroupIngress", [])]
    assert all(rule["FromPort"] == rule["ToPort"] for rule in rules)
    return {rule["Description"]: rule["FromPort"] for rule in rules}


def verify(**turned: Any) -> dict[str, Any]:
    """What the verification from outside is told, and which units it asks for."""
    scope = Scope("table_order", **turned)
    outside = task("playbooks/tasks/verify.yml", "Run the external checks")
    wanted = ("http_port", "https_port", "closed_ports")
    told = {name: scope.see(outside["vars"]["__verify_settings"][name]) for name in wanted}
    units = task("playbooks/tasks/verify.yml", "Gather the state of services and timers")
    return told | {"units": scope.see(units["ansible.builtin.command"]["argv"])}


def nginx(**turned: Any) -> str:
    """nginx.conf, as the module nginx_site writes it for one site."""
    scope = Scope("nginx", **turned)
    site = scope.see(scope.variables["nginx_site"])
    settings = scope.see(scope.variables["__nginx_own"])
    sites = {site: nginx_site.Site(settings, scope.template("site.conf.j2"))}
    return nginx_site.write(scope.template("nginx.conf.j2"), sites)


def agent(**turned: Any) -> str:
    return str(Scope("cloudwatch_agent", **turned).template("agent.json.j2"))


def app(expression: str, **turned: Any) -> Any:
    return Scope("fastapi_app", **turned).see(expression)


def argument(role: str, file: str, name: str, module: str, key: str, **turned: Any) -> Any:
    """One argument of one task of a role."""
    return Scope(role, **turned).see(task(f"roles/{role}/tasks/{file}.yml", name)[module][key])


def http(turned: dict[str, Any]) -> None:
    assert groups(**turned)["HTTP access for Nginx"] == 8081
    assert int(verify(**turned)["http_port"]) == 8081
    assert "listen 8081" in nginx(**turned)


def https(turned: dict[str, Any]) -> None:
    assert groups(**turned)["HTTPS access for Nginx"] == 8443
    assert int(verify(**turned)["https_port"]) == 8443
    assert "listen 8443 ssl" in nginx(**turned)


def backend(turned: dict[str, Any]) -> None:
    assert groups(**turned)["FastAPI backend access"] == 9100
    assert [int(port) for port in verify(**turned)["closed_ports"]] == [9100]
    assert "server 127.0.0.1:9100;" in nginx(**turned)
    assert "server 127.0.0.1:9101;" in nginx(**turned)
    assert "ListenStream=127.0.0.1:9100" in Scope("fastapi_app", **turned).template("backend.socket.j2")
    assert app("{{ fastapi_app_health_url }}", **turned) == "http://127.0.0.1:9100/api/health"
    assert int(app("{{ fastapi_app_candidate_port }}", **turned)) == 9101


def database(turned: dict[str, Any]) -> None:
    assert groups(**turned)["PostgreSQL access from EC2 only"] == 5433
    made = ("aws_database", "instance", "Create the database", "amazon.aws.rds_instance", "port")
    assert int(argument(*made, **turned)) == 5433


def cache(turned: dict[str, Any]) -> None:
    assert groups(**turned)["Redis access from EC2 only"] == 6380
    made = (
        "aws_cache",
        "replication_group",
        "Create the cache",
        "table_order.infra.elasticache_replication_group",
        "port",
    )
    assert int(argument(*made, **turned)) == 6380


def traffic(turned: dict[str, Any]) -> None:
    assert app("{{ fastapi_app_traffic_url }}", **turned) == "http://127.0.0.1:8009/upstream"


def candidate(turned: dict[str, Any]) -> None:
    assert "server 127.0.0.1:9200;" in nginx(**turned)


def user(turned: dict[str, Any]) -> None:
    flag = app("{{ fastapi_app_candidate_flag }}", **turned)
    assert flag == "/run/shop/candidate-live"
    assert f"-e {flag}" in nginx(**turned)
    assert "shop" in Scope("cloudwatch_agent", **turned).see("{{ cloudwatch_agent_groups }}")


def service(turned: dict[str, Any]) -> None:
    assert {"shop.socket", "shop.service"} <= set(verify(**turned)["units"])
    assert Scope("aws_cache", **turned).see("{{ aws_cache_client_service }}") == "shop.service"


def home(turned: dict[str, Any]) -> None:
    assert "/srv/shop/frontend" in nginx(**turned)
    assert "/srv/shop/assets" in nginx(**turned)
    assert "/srv/shop/logs/nginx-access.log" in nginx(**turned)
    assert "/srv/shop/logs/fastapi.log" in agent(**turned)
    assert app("{{ fastapi_app_asset_archive }}", **turned) == "/srv/shop/assets"
    assert "/opt/table-order" not in nginx(**turned) + agent(**turned)


def logs(turned: dict[str, Any]) -> None:
    assert "/srv/logs/nginx-access.log" in nginx(**turned)
    assert "/srv/logs/fastapi.log" in agent(**turned)
    assert "/srv/logs/nginx-error.log" in agent(**turned)


def authorities(turned: dict[str, Any]) -> None:
    variables = text("playbooks/vars/application.yml")
    assert Scope("db_migrate", **turned).see("{{ db_migrate_ca_cert }}") == "/etc/ssl/shop.pem"
    assert Scope("table_order", **turned).see(variables["__database_ca"]) == "/etc/ssl/shop.pem"


def log_group(turned: dict[str, Any]) -> None:
    assert "shop-logs" in Scope("cloudwatch_agent", **turned).see("{{ cloudwatch_agent_groups }}")


def namespace(turned: dict[str, Any]) -> None:
    """What the agent sends to another namespace than the role may, AWS drops, and says so in the agent's own log only."""
    policies = described("aws_security", "AWS::IAM::Role", **turned)["Policies"]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    [limited] = [statement["Condition"] for statement in statements if "Condition" in statement]
    assert limited == {"StringEquals": {"cloudwatch:namespace": "Shop"}}
    assert json.loads(agent(**turned))["metrics"]["namespace"] == "Shop"


def addresses(turned: dict[str, Any]) -> None:
    """Another application on the site: nothing of the example's addresses and headers is left."""
    said = nginx(nginx_limits=True, **turned).rsplit("    server {", 1)[1]
    found = {"/v1", "/v1/", "/v1/in", "/v1/events", "/shop", "/shop/", "/static/", "/"}
    assert set(re.findall(r"location (?:= |~ )?(/\S*) \{", said)) >= found
    assert "/api" not in said
    assert "/admin" not in said
    assert re.findall("^        add_header (\\S+)", said, re.MULTILINE) == ["X-Frame-Options"]


def example(turned: dict[str, Any]) -> None:
    assert app("{{ fastapi_app_frontends }}", **turned) == ["shop"]
    assert Scope("db_migrate", **turned).see("{{ db_migrate_after_command }}") == ["seed"]


# The setting, what it is turned to (also as -e gives it, as text), and where that must arrive.
TURNED = {
    "http": ({"nginx_http_port": "8081"}, http),
    "https": ({"nginx_https_port": 8443}, https),
    "backend": ({"fastapi_app_port": "9100"}, backend),
    "database": ({"aws_database_port": 5433}, database),
    "cache": ({"aws_cache_port": "6380"}, cache),
    "traffic": ({"nginx_traffic_address": "127.0.0.1:8009"}, traffic),
    "candidate": ({"fastapi_app_candidate_port": 9200}, candidate),
    "user": ({"fastapi_app_user": "shop"}, user),
    "service": ({"fastapi_app_service": "shop"}, service),
    "home": ({"fastapi_app_home": "/srv/shop"}, home),
    "logs": ({"fastapi_app_log_directory": "/srv/logs"}, logs),
    "log group": ({"nginx_log_group": "shop-logs"}, log_group),
    "namespace": ({"cloudwatch_agent_metrics_namespace": "Shop"}, namespace),
    "addresses": (
        {
            "nginx_backend_paths": ["/v1"],
            "nginx_applications": [{"path": "/shop", "build": "shop"}],
            "nginx_stream_paths": ["/v1/events"],
            "nginx_login_paths": ["/v1/in"],
            "nginx_headers": {"X-Frame-Options": "SAMEORIGIN"},
        },
        addresses,
    ),
    "authorities": ({"fastapi_app_database_ca_path": "/etc/ssl/shop.pem"}, authorities),
    "example": ({"fastapi_app_frontends": ["shop"], "db_migrate_after_command": ["seed"]}, example),
}
PREFLIGHTS = [role for role in ROLES if role.startswith("aws_")] + ["nginx"]


# The example's own, which a role without the site does not have.
EXAMPLE = set(TURNED["addresses"][0] | TURNED["example"][0])
NAMES = ("fastapi_app_user", "fastapi_app_service", "fastapi_app_home")


@pytest.mark.parametrize("case", TURNED)
def test_a_setting_that_is_turned_reaches_all_that_must_agree(case):
    turned, agree = TURNED[case]
    agree(turned)


@pytest.mark.parametrize("case", [*TURNED, "nothing"])
def test_the_preflights_accept_it(case):
    turned, _ = TURNED.get(case, ({}, None))
    assert {role: said for role in PREFLIGHTS if (said := Scope(role, **turned).refusals())} == {}


def application(**turned: Any) -> dict[str, Any]:
    """Return the environment that the site's playbooks give the application."""
    found = {
        "__database": {"host": "db.example", "port": 5432},
        "__cache": {"host": "cache.example", "port": 6379, "tls": False, "password": False},
        "table_order_secrets": {
            "app": {"username": "u", "password": "p"},
            "application": {"secret_key": "k"},
            "environment": {"API_KEY": "of the application", "S3_BUCKET": "another"},
        },
        "table_order_bucket_name": "bucket",
        "table_order_region": "ap-northeast-2",
    }
    scope = Scope("table_order", **text("playbooks/vars/application.yml") | found | turned)
    return scope.see("{{ fastapi_app_environment }}")


def test_the_application_gets_its_own_secrets():
    found = application(table_order_application_environment={"LEVEL": "debug"})
    assert (found["API_KEY"], found["S3_BUCKET"], found["LEVEL"]) == (
        "of the application",
        "another",
        "debug",
    )
    assert found["SECRET_KEY"] == "k"


def test_the_application_gets_the_previous_signing_key_with_its_end():
    assert not [name for name in application() if name.startswith("SECRET_KEY_")]
    until = "2026-12-01T12:00:00Z"
    rotated = {"secret_key": "new", "secret_key_previous": "old", "secret_key_previous_until": until}
    secrets = {"app": {"username": "u", "password": "p"}, "application": rotated, "environment": {}}
    found = application(table_order_secrets=secrets)
    assert [found[name] for name in ("SECRET_KEY", "SECRET_KEY_PREVIOUS", "SECRET_KEY_PREVIOUS_UNTIL")] == [
        "new",
        "old",
        until,
    ]


@pytest.mark.parametrize("user", ["shop_app", "shop_app_clone", "clone_app"])
def test_a_rotation_names_the_log_in_that_the_module_knows_as_the_other_one(user):
    [task] = [
        task
        for task in yaml.safe_load((ROOT / "playbooks/tasks/rotate_application.yml").read_text())
        if task["name"].startswith("Draw")
    ]
    secrets = {"app": {"username": user, "password": "p"}}
    values = task["table_order.infra.secretsmanager_rotation"]["values"]
    seen = Scope("table_order", table_order_secrets=secrets, **task["vars"]).see(values["username"])
    assert seen == other_log_in(user) != user


def test_a_rollback_keeps_every_secret_of_the_application():
    plays = yaml.safe_load((ROOT / "playbooks/rollback.yml").read_text())
    [keeps] = [
        task["vars"]["fastapi_app_rollback_keeps"]
        for play in plays
        for task in play["tasks"]
        if "vars" in task
    ]
    own = {"API_KEY": "shop/api"}
    kept = Scope("table_order", table_order_application_secrets=own).see(keeps)
    rotated = {"secret_key": "#new", "secret_key_previous": "#old", "secret_key_previous_until": "#until"}
    app = {"username": "#user", "password": "#word"}
    secrets = {
        "app": app,
        "application": rotated,
        "cache": {"token": "#token"},
        "environment": {"API_KEY": "#api"},
    }
    found = application(table_order_secrets=secrets)
    assert {name for name, value in found.items() if "#" in str(value)} <= {*kept}
    assert {"REDIS_URL", *own} <= {*kept} <= {*found}


LIBPQ = "sslmode=verify-full&sslrootcert=/etc/ssl/certs/rds-ca.pem"


@pytest.mark.parametrize(
    ("given", "scheme", "end"),
    [
        ({}, "postgresql", f"?{LIBPQ}"),
        ({"db_migrate_url_scheme": "postgresql+psycopg"}, "postgresql+psycopg", f"?{LIBPQ}"),
        ({"db_migrate_url_scheme": "postgresql+asyncpg"}, "postgresql+asyncpg", "?ssl=verify-full"),
        (
            {"db_migrate_url_query": {"ssl": "verify-full", "x": "a&b"}},
            "postgresql",
            "?ssl=verify-full&x=a%26b",
        ),
        ({"db_migrate_url_query": {}}, "postgresql", ""),
    ],
)
def test_the_sites_database_url_has_the_form_of_the_migrations(given, scheme, end):
    assert application(**given)["DATABASE_URL"] == f"{scheme}://u:p@db.example:5432/tableorder{end}"
    query = Scope("db_migrate", **given).see("{{ db_migrate_url_query }}")
    assert "&".join(f"{name}={quote(value)}" for name, value in query.items()) == end.removeprefix("?")


def test_the_preflights_are_really_asked():
    assert "aws_cache_port is 0" in Scope("aws_cache", aws_cache_port=0).refusals()[0]
    assert "aws_database_port is 80." in Scope("aws_database", aws_database_port=80).refusals()[0]
    assert (
        "aws_security_ports.http is 'eighty'" in Scope("aws_security", nginx_http_port="eighty").refusals()[0]
    )
    assert "three different ports" in Scope("aws_security", nginx_http_port="443").refusals()[0]
    ports = {"http": 80, "https": 443, "backend": 8000, "database": 5433, "cache": 6379}
    assert "aws_database_port, 5432" in Scope("aws_security", aws_security_ports=ports).refusals()[0]


def test_every_setting_of_the_shared_file_is_turned_or_follows_one_that_is():
    shared = yaml.safe_load(SITE.read_text())
    turned = {name for settings, _ in TURNED.values() for name in settings}
    assert turned == {name for name in turned if name in shared}
    constant = {name for name, value in shared.items() if "{{" not in str(value)}
    assert constant <= turned


def test_what_all_follow_is_what_each_role_has_without_it():
    """The roles stand alone as well: but for the site's names, the shared file changes none of their defaults."""
    neutral = {name: text("roles/fastapi_app/defaults/main.yml")[name] for name in NAMES}
    for name in yaml.safe_load(SITE.read_text()).keys() - EXAMPLE - set(NAMES):
        role = max((role for role in ROLES if name.startswith(role + "_")), key=len)
        turned = {} if role.startswith("aws_") else neutral
        alone = Scope(role, **turned)
        alone.variables = alone.variables | trusted(text(f"roles/{role}/defaults/main.yml"))
        asked = "{{ " + name + " }}"
        assert Scope(role, **turned).see(asked) == alone.see(asked), name


@pytest.mark.parametrize(
    "directory", ["inventories/local", "inventories/staging", "inventories/production", "tests/inventory"]
)
def test_every_inventory_has_it_below_its_own_settings(directory):
    files = sorted((ROOT / directory / "group_vars/all").iterdir())
    assert files[0].resolve() == SITE
    assert files[0].name < "main.yml"


@pytest.mark.parametrize(
    ("region", "zones", "pair"),
    [
        ("ap-northeast-2", "abcd", "ac"),
        ("us-east-1", "abcdef", "ac"),
        ("ca-central-1", "abd", "ab"),
        ("us-west-1", "bc", "cb"),
        ("eu-north-1", "bd", "bd"),
        ("eu-north-1", "", "ac"),
    ],
)
def test_the_zones_are_of_the_region(region, zones, pair):
    usable = [region + letter for letter in zones] + [f"{region}-lax-1a"]
    turned = {"table_order_region": region, "table_order_zones": usable}
    subnets = Scope("aws_network", **turned).see("{{ aws_network_subnets }}")
    first, second = (region + letter for letter in pair)
    assert [subnet["zone"] for subnet in subnets] == [first, first, second]
    assert Scope("aws_database", **turned).see("{{ aws_database_zone }}") == first
    assert Scope("aws_cache", **turned).see("{{ aws_cache_zones }}") == [first]
    if zones:
        assert {role: said for role in PREFLIGHTS if (said := Scope(role, **turned).refusals())} == {}


def shared_name_problems(role: str, **turned: Any) -> str:
    asked = f"{{{{ query('table_order.infra.setting_problems', '{role}', part='names') | join(' ') }}}}"
    return Scope("table_order", **turned).see(asked)


@pytest.mark.parametrize(
    ("role", "name", "shared"),
    [
        ("aws_cache", "aws_cache_identifier", "table_order_cache_identifier"),
        ("aws_database", "aws_database_name", "table_order_database_name"),
        ("aws_network", "aws_network_vpc_cidr", "table_order_vpc_cidr"),
        ("aws_storage", "aws_storage_bucket_name", "table_order_bucket_name"),
        ("aws_compute", "aws_compute_instance_profile", "table_order_server_role_name"),
    ],
)
def test_a_name_that_only_one_role_would_know_is_refused(role, name, shared):
    said = shared_name_problems(role, **{name: "other"})
    assert f"{name} is 'other', but {shared}, which" in said
    assert f"Set only {shared}." in said
    assert shared_name_problems(role, **{name: "other", shared: "other"}) == ""
    assert shared_name_problems(role, **{shared: "other"}) == ""


def test_tags_may_differ_between_roles():
    assert shared_name_problems("aws_cache", aws_cache_tags={"Team": "x"}) == ""


OF_THE_RUN = {
    "cloudwatch_agent_package": "agent",
    "fastapi_app_database_ca_url": "",
}


@pytest.mark.parametrize(
    ("turned", "named"),
    [
        ({}, ""),
        (
            {"nginx_tls_certificate_file": "/nowhere.pem", "table_order_host_name": "shop.test"},
            "nginx_tls_certificate_file",
        ),
        ({"nginx_tls_key_file": "/nowhere.key", "nginx_tls_remote": True}, ""),
        ({"nginx_tls_key_file": "keys/relative.key"}, ""),
        ({"fastapi_app_source": {"type": "local", "path": "/nowhere"}}, "path in fastapi_app_source"),
        ({"fastapi_app_database_ca_url": "https://example.org/ca.pem"}, ""),
        ({"table_order_authority_file": "/nowhere.pem"}, "table_order_authority_file"),
    ],
)
def test_a_file_that_is_not_there_is_refused_before_anything_is_made(turned, named):
    said = Scope("table_order", **OF_THE_RUN | turned).refusals("files")
    assert len(said) == bool(named)
    assert not named or (
        said[0].startswith(f"{named} is '/nowhere") and "does not exist on this machine" in said[0]
    )


def test_a_tag_that_nothing_has_is_refused():
    [said] = Scope("table_order", **OF_THE_RUN | {"ansible_run_tags": ["ngnix"]}).refusals()
    assert said.startswith("--tags or --skip-tags contains ngnix. No task has this tag")
    assert "nginx" in said.split("Accepted:")[1]


CERTIFICATE = {"nginx_tls_certificate_file": "/c.pem", "table_order_host_name": "shop.example.org"}


@pytest.mark.parametrize(
    ("environment", "turned", "said"),
    [
        ("production", CERTIFICATE, ""),
        ("production", {"table_order_self_signed": True}, ""),
        ("production", {}, "table_order_self_signed: true"),
        (
            "production",
            {"nginx_tls_certificate_file": "/c.pem"},
            "table_order_host_name is ''. Accepted: the host name of",
        ),
        ("production", CERTIFICATE | {"table_order_plain_http": True}, "table_order_plain_http is true"),
        ("production", CERTIFICATE | {"nginx_redirect_http": False}, "nginx_redirect_http is false"),
        ("production", CERTIFICATE | {"nginx_redirect_http": "no"}, "nginx_redirect_http is 'no'"),
        ("production", CERTIFICATE | {"nginx_redirect_http": True}, ""),
        ("staging", {"table_order_plain_http": True}, "server of staging would accept passwords over HTTP"),
        ("staging", {}, ""),
        ("local", {}, ""),
        ("local", {"nginx_redirect_http": False}, ""),
    ],
)
def test_passwords_go_over_https_outside_the_local_cloud(environment, turned, said):
    found = Scope("table_order", table_order_environment=environment, **turned).refusals("https")
    assert said in " ".join(found) if said else found == []


def test_each_run_that_writes_nginx_s_configuration_checks_https():
    tasks = [inner for play in text("playbooks/configure.yml") for inner in play["tasks"]]
    names = [entry.get("ansible.builtin.import_role", {}).get("tasks_from") for entry in tasks]
    assert "https" in names
    assert "tags" not in tasks[names.index("https")], "each part of the playbook"
    assert Scope("table_order", nginx_redirect_http=False, table_order_environment="staging").refusals()
