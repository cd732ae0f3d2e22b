"""What each role refuses and accepts of its settings.

REFUSED: a setting or its part, words of the sentence, and refused values. TOGETHER: settings that do not fit together, and words of
the sentence. ACCEPTED: settings that are accepted together. Each with the role's defaults and its GIVEN.
"""

# fmt: off
from pathlib import Path
from typing import Any

HERE = Path(__file__)
ZONES = ["ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c", "ap-northeast-2d"]
SUBNETS = [
    {"name": "public", "cidr": "10.0.1.0/24", "zone": "ap-northeast-2a", "public": True},
    {"name": "private", "cidr": "10.0.2.0/24", "zone": "ap-northeast-2a", "public": False},
    {"name": "private-b", "cidr": "10.0.3.0/24", "zone": "ap-northeast-2c", "public": False},
]
LOG = {"path": "/srv/a.log", "group": "g", "stream": "s"}
GIT = {"type": "git", "url": "https://git.example/shop.git", "version": "v1"}
DATABASE = {"host": "db.example", "port": 5432, "name": "shop", "admin_user": "boss", "admin_password": "pass word ü"}
NOTHING: dict[str, Any] = {
    "cloudwatch_agent_log_files": [], "cloudwatch_agent_journals": [], "cloudwatch_agent_metrics": {},
}
DISCOVERED = {
    "__aws_network_existing": {"vpcs": [{"vpc_id": "vpc-1", "cidr_block": "10.0.0.0/16"}]},
    "__aws_network_existing_subnets": {"subnets": [
        {"id": "subnet-1", "cidr_block": "10.0.1.0/24", "tags": {"Name": "public"}},
        {"id": "subnet-2", "cidr_block": "10.0.200.0/24"},
    ]},
}


def subnet(place: int, **values: Any) -> dict[str, Any]:
    """Return the subnets, one of them with other values."""
    return {"aws_network_subnets": [one | (values if index == place else {}) for index, one in enumerate(SUBNETS)]}


def applications(*pairs: tuple[str, str]) -> dict[str, Any]:
    """Return applications of a path and a build."""
    return {"nginx_applications": [{"path": path, "build": build} for path, build in pairs]}


GIVEN: dict[str, dict[str, Any]] = {
    "aws_network": {"aws_network_subnets": SUBNETS},
    "aws_security": {"aws_security_ssh_cidrs": ["203.0.113.7/32"]},
    "aws_compute": {"aws_compute_public_key_file": str(HERE)},
    "cloudwatch_agent": {"cloudwatch_agent_log_files": [LOG], "cloudwatch_agent_journals": [{"group": "g", "stream": "s"}]},
    "db_migrate": {
        "db_migrate_database": DATABASE,
        "db_migrate_owner": {"user": "shop_owner", "password": "owner-password"},
        "db_migrate_app": {"user": "shop_app", "password": "app-password"},
        # The defaults are templates.
        "db_migrate_url_query": {"sslmode": "verify-full"}, "db_migrate_environment": {},
    },
    "fastapi_app": {
        "fastapi_app_source": GIT, "fastapi_app_database_ca_url": "", "ansible_check_mode": False, "fastapi_app_run": ["python"],
        "__fastapi_app_path": "/opt/fastapi-app/releases/x", "__fastapi_app_releases": "/opt/fastapi-app/releases",
    },
}

REFUSED: dict[str, list[tuple[str, str, list[Any]]]] = {
    "aws_network": [
        ("aws_network_vpc_cidr", "a network of /16 to /28 without host bits", ["10.0.0.0/8", "10.0.0.1/16", "nonsense", None]),
        ("aws_network_subnets[1]", "a dictionary with name, cidr, zone and public", [{}, {"name": "x"}]),
    ],
    "aws_security": [
        ("aws_security_ssh_cidrs", "a list", ["", None, "203.0.113.7/32", []]),
        ("aws_security_ssh_cidrs[0]", "a network without host bits", ["203.0.113.5/24", "[Your IP]/32", "203.0.113.7"]),
        ("aws_security_ssh_cidrs[0]", "/24 at the widest; 16,777,216 addresses", ["10.0.0.0/8"]),
        ("aws_security_ssh_cidrs[0]", "/24 at the widest; 4,294,967,296 addresses", ["0.0.0.0/0"]),
        ("aws_security_ports", "a port for each of http, https, backend, database, cache", [{}, {"http": 80}]),
        ("aws_security_ports.http", "1 to 65535", ["eighty", 0, 65536, None]),
        ("aws_security_database_master_user", "a lower-case letter followed by",
         ["admin", "rdsadmin", "pg_monitor", "1st", "Admin", "a" * 17, "", None, "x;drop", "한글"]),
        ("aws_security_managed_policies[0]", "the ARN of a managed policy", ["AmazonSSM", "arn:aws:iam::1:policy/x"]),
        ("aws_security_permissions_boundary", "scripts/policy local boundary", ["arn:aws:iam::1:policy/x", "boundary"]),
    ],
    "aws_storage": [
        ("aws_storage_bucket_name", "3 to 63 lower-case letters", [
            "", None, "ab", "a" * 64, "Table", "a_b", "a.b.c", "-ab", "ab-", "xn--a", "ab-s3alias", "../etc", "a b", "a\n", "주문",
            "a$(id)"]),
    ],
    "aws_database": [
        ("aws_database_name", "a letter followed by letters", ["db", "User", "", "9lives", "table-order", "x" * 64]),
        ("aws_database_port", "a number from 1150 to 65535", [80, 65536, "x"]),
        ("aws_database_restore_from", "the name of a snapshot", ["yesterday!", "2026-11-28", "2026-11-28T12:00:00", "a--b"]),
        ("aws_database_engine_version", "a major version", ["15.4", "", "latest"]),
        ("aws_database_allocated_storage_gib", "20 to 65536, without quotes", [19, 65537, "20", True]),
        ("aws_database_backup_retention_days", "1 to 35, without quotes", [0, 36, "7"]),
        ("aws_database_migration_snapshots_kept", "from 1", [0, "7"]),
        ("aws_database_migration_snapshots_kept", "less than aws_database_snapshot_quota, 100", [100]),
        ("aws_database_parameters.work_mem", "4 MB is 4096", ["4MB", "4096", 1.5, True]),
        ("aws_database_backup_window", "at least 30 minutes", ["3-4", "25:00-26:00", "03:00-03:20", "03:00-03:00"]),
        ("aws_database_maintenance_window", "30 minutes to 24 hours",
         ["Monday 04:00", "Mon:04:00-Mon:04:10", "Mon:04:00-Wed:04:00", "04:00-05:00"]),
    ],
    "aws_cache": [
        ("aws_cache_nodes", "1 to 6", [0, 7, True]),
        ("aws_cache_port", "1 to 65535", [0, 65536, "redis; reboot", None]),
        ("aws_cache_snapshot_retention_days", "0 to 35", [36, -1]),
        ("aws_cache_zones", "available to this account, ap-northeast-2a, ", [["us-east-1a"]]),
        ("aws_cache_zones", "a list", ["ap-northeast-2a", None]),
    ],
    "aws_compute": [
        ("aws_compute_image", "amazon_linux_2023 or debian_12", ["windows", None]),
        ("aws_compute_cpu_credits", "standard or unlimited", ["some"]),
        ("aws_compute_market", "on_demand or spot", ["reserved", None]),
        ("aws_compute_root_volume_gib", "8 to 16384", [7, 16385, "big"]),
        ("aws_compute_image_keep", "1 to 100", [0, 101, "all"]),
        ("aws_compute_public_key_file", "ssh-keygen -t ed25519", ["", "/nowhere.pub"]),
    ],
    "aws_monitoring": [
        ("aws_monitoring_log_retention_days", "one of CloudWatch Logs' 1, 3, 5, 7,", [6, 0, "7", None]),
        ("aws_monitoring_notification_email", "one e-mail address", ["oncall@example", "a b@example.com", "oncall"]),
    ],
    "table_order": [
        ("table_order_host_name", "one lower-case host name",
         ["shop", "Shop.example.org", "shop..org", "a" * 60 + ".test", "주문.org", "a.org\n"]),
        ("table_order_allow_replace", "names of resources", ["table-order-db, x", "a b", None]),
        ("table_order_lock_lease", "1800 to 86400", [1799, 86401, "1h", None]),
        ("table_order_patch_release", "by its name, such as 2023.12.20260817", ["latest", "2023", "2023.6", "2023.6.20250115 "]),
        ("table_order_patch_return", "the id of an image", ["newest", "ami-", "i-0123456789abcdef0"]),
        ("table_order_application_secrets", "a dictionary", [["A=b"], "A"]),
        ("A name in table_order_application_secrets", "and not RELEASE_ID, which the role sets", ["A-B", "1A", "RELEASE_ID"]),
        ("table_order_application_secrets.A", "NAME or NAME:KEY of a secret below app/",
         ["", "/x", "a b", "x:", "x:a\nb", "arn:aws:secretsmanager:eu-west-1:1:secret:x", 5, None, ["x"]]),
        ("table_order_self_signed", "true or false", ["perhaps", 2, None]),
        ("table_order_confirm", "text", [None, ["table-order"], {"a": 1}]),
        ("table_order_cost_assumptions", "a dictionary", [[], "transfer_out_gb=200", None]),
        ("table_order_status_limits", "a dictionary", [[], "disk_percent=80", None]),
    ],
    "nginx": [
        ("nginx_state", "present", ["gone", None]),
        ("nginx_site", "a name of at most 20 lower-case letters", ["", "Shop", "my-shop", "2nd", "a" * 21, "a;", "a\n", None]),
        *((name, "true or false", ["perhaps", None])
          for name in ("nginx_redirect_http", "nginx_proxy_protocol", "nginx_replace_application", "nginx_default_server")),
        *((name, "a path that begins with /", ["", "srv/www", "/", "/srv/../etc", "/a//b", "/srv; } location /x { root /",
                                               "/srv/'a", "/srv/%s", "/var/log/$(id)", "/run/$host", "/run/x\n", ["/srv"], None])
          for name in ("nginx_frontend_root", "nginx_log_directory", "nginx_candidate_flag")),
        ("nginx_log_directory", "whose files the package nginx rotates", ["/var/log/nginx", "/var/log/nginx/"]),
        *((name, "or empty to disable it", ["/srv/../etc", "assets", "/", "/srv; } location /x {", ["/srv/a"]])
          for name in ("nginx_asset_archive", "nginx_acme_root")),
        ("nginx_backend_address", "host:port", ["", "127.0.0.1:70000", "user:a/tiger@b@host:8000", "http://user:a/tiger@b@host:8000"]),
        ("nginx_backend_address", "nginx itself listens", ["localhost:80", "127.0.0.1:443"]),
        ("nginx_candidate_address", "such as 127.0.0.1:8001, with a port from 1 to 65535",
         ["http://x:1", "127.0.0.1:65536", "127.0.0.1:0", "127.0.0.1", "127.0.0.1:8001; } server { listen 81", "127.0.0.1:8001\n"]),
        ("nginx_candidate_address", "nginx itself listens", ["127.0.0.1:443"]),
        ("nginx_traffic_address", "a loopback address", ["0.0.0.0:8008", "localhost:8008"]),
        ("nginx_traffic_address", "nginx itself listens", ["127.0.0.1:443"]),
        ("nginx_traffic_address", "nginx_candidate_address ('127.0.0.1:8001') has the same port", ["127.0.0.1:8001"]),
        ("nginx_server_name", "host names", ["", ["a"], "a; } server { listen 81", "a.example.org\n", "$host", "주문.org", None]),
        ("nginx_client_max_body_size", "a size", ["1m; } #", 10]),
        ("nginx_header_size", "from 4k to 999k", ["32", "1m", "3k", "32k;", 32, None]),
        ("nginx_stream_timeout", "a time, such as 90s", ["1h;}"]),
        ("nginx_proxy_timeout", "a time, such as 90s", [60]),
        ("nginx_log_group", "a group of the host", ["adm\nsu root", "adm;id"]),
        ("nginx_tls_self_signed_name", "at most 64 characters", ["a/O=b", "a" * 65]),
        *((name, "1 to 65535", [0, -80, 65536, "eighty", None]) for name in ("nginx_http_port", "nginx_https_port")),
        ("nginx_tls_self_signed_days", "from 1 to", [0]),
        ("nginx_log_keep_days", "from 0 to", [-1]),
        ("nginx_limit_address_rate", "from 1 to", [0]),
        ("nginx_limit_login_burst", "from 1 to", [0]),
        ("nginx_applications", "a list", [None, "/shop"]),
        ("nginx_applications[0]", "a dictionary", ["/shop"]),
        ("nginx_applications[0].path", "URL path", [None]),
        ("nginx_applications[0].path", "a path that begins with /", ["/a {} location /b", "shop", "/a//b"]),
        ("nginx_applications[0].build", "below nginx_frontend_root", ["../../etc", "/etc", "", None]),
        ("nginx_applications[0].root", "path, build", ["/etc"]),
        *((f"{name}[0]", "a path that begins with /", ["events", "/api//x", "/api/../x", "/api/a{}", "/a b", "/a;", None])
          for name in ("nginx_backend_paths", "nginx_login_paths")),
        ("nginx_stream_paths[0]", "such as in /orders/{id}/events", [
            "events", "/a/{}", "/a/{id", "/a/x{id}", "/a/{id:int}", "/a/../x", "/a/{id};", "/a//b", None]),
        ("nginx_stream_paths", "a list", ["/api/events"]),
        ("nginx_backend_paths", "a list, such as the default", ["/api"]),
        ("nginx_backend_paths", "each entry once", [["/a", "/a"]]),
        ("nginx_stream_paths", "each entry once", [["/api/e", "/api/e"]]),
        ("A name in nginx_headers", "have settings of their own", [
            "Strict-Transport-Security", "strict-transport-security", "Access-Control-Allow-Origin", "Content-Length",
            "X_A", "X A", ""]),
        ("nginx_headers.Server", "ASCII without", ["$host", "a\\", "a\nX-B: b", "값", None]),
        ("nginx_hsts_seconds", "from 0 to", [-1]),
        ("nginx_cors_origins[0]", "an origin in lower case", [
            "*", "null", "shop.example.org", "https://a.example/", "https://a;", None]),
        ("nginx_trusted_proxies[0]", "host bits), but not all clients", ["lb.local; }", "10.0.1.7/24", "0.0.0.0/0", "::/0"]),
    ],
    "cloudwatch_agent": [
        ("cloudwatch_agent_state", "present or absent", ["gone", None]),
        ("cloudwatch_agent_package", "a package of the system's repository", [
            "", ["a", "b"], "--nogpgcheck", "a; reboot", "agent\n", "me:a/tiger@example.org/agent.deb", "https://example.org/",
            "ftp://example.org/agent.deb", "agent.deb", "/srv/../etc/x.deb", None,
            # Root installs it, and no signature of a file is checked.
            "http://example.org/agent.deb"]),
        ("cloudwatch_agent_package", "Download the file to the controller", ["https://me:a/tiger@b@example.org/agent.deb"]),
        ("cloudwatch_agent_package", "a file name of letters", ["https://example.org/$(id).deb"]),
        ("cloudwatch_agent_package", "a readable file on the controller", ["/nowhere/x.deb"]),
        ("cloudwatch_agent_region", "such as ap-northeast-2", ["Seoul", "ap-northeast-2a", None]),
        ("cloudwatch_agent_user", "at most 32 small letters", ["-o", "김치"]),
        ("cloudwatch_agent_groups", "a list, such as the default", ["adm", None]),
        ("cloudwatch_agent_groups[0]", "at most 32 small letters", ["adm,root"]),
        ("cloudwatch_agent_log_group_prefix", "not aws/ at the beginning", ["/aws/ec2/table order", "aws/ec2"]),
        ("cloudwatch_agent_log_directory", "an absolute path", ["logs", "/opt/../etc", "/srv/" + "x" * 4096]),
        ("cloudwatch_agent_log_files", "a list", ["/srv/a.log", None]),
        ("cloudwatch_agent_log_files", "each entry once", [[LOG, LOG]]),
        ("cloudwatch_agent_log_files[0]", "a dictionary", ["/srv/a.log"]),
        ("cloudwatch_agent_log_files[0].stream", "Log stream", [None]),
        ("cloudwatch_agent_log_files[0].strem", "Did you mean stream?", ["s"]),
        ("cloudwatch_agent_log_files[0].retention_in_days", "path, group, stream.", [7]),
        ("cloudwatch_agent_log_files[0].path", "absolute", ["a.log", "/srv/../etc/shadow", "/srv/a\nb.log", 7, "/srv/logs/"]),
        ("cloudwatch_agent_log_files[0].group", "1 to 512 letters", ['a"b', "g" * 513]),
        ("cloudwatch_agent_log_files[0].stream", "neither : nor *", ["", "a:b", "a\n"]),
        ("cloudwatch_agent_journals[0].priority", "or warning or", ["loud"]),
        ("cloudwatch_agent_journals[0].units", "a list", ["ssh"]),
        ("cloudwatch_agent_journals[0].units", "each entry once", [["ssh.service", "ssh.service"]]),
        ("cloudwatch_agent_journals[0].units[0]", "a unit of systemd", ["--system"]),
        ("cloudwatch_agent_journals[0].unit", "Did you mean units?", [["ssh"]]),
        ("cloudwatch_agent_metrics_namespace", "with neither AWS/ nor :", ["AWS/EC2"]),
        ("cloudwatch_agent_metrics_interval", "1 to 172800", [0, 259200, "1m", True, None]),
        ("cloudwatch_agent_metrics", "a dictionary", [["cpu"], None]),
        ("cloudwatch_agent_metrics.cpu", "{measurement: [mem_used_percent]}", [True]),
    ],
    "db_migrate": [
        ("db_migrate_state", "present or absent", ["gone", None]),
        ("db_migrate_database", "a dictionary", [None, "postgresql://u:tiger@h/db"]),
        ("db_migrate_database.hots", "Did you mean host?", ["tiger"]),
        ("db_migrate_database.host", "the name in the certificate", [
            "postgresql://boss:tiger@h:5432/db", "boss:tiger@h", "db.example:5432", "$(reboot)", "db\nx", "데이터베이스", ""]),
        ("db_migrate_database.port", "1 to 65535", [0, 65536, "postgresql"]),
        ("db_migrate_database.name", "a letter, then letters", ['shop"; DROP', "rdsadmin", "Template1"]),
        ("db_migrate_database.admin_password", "without a line break", ["tiger\nb", 1]),
        ("db_migrate_app.user", "such as tableorder_app", [
            "pg_app", "rdsadmin", "current_user", "public", "App", "a" * 57, "a" * 57 + "_clone",
            'a"; DROP ROLE boss; --', "앱", "shop_app\n", ""]),
        ("db_migrate_app.password", "8 to 128 printable ASCII", [
            "tiger67", "tiger" * 26, "비밀번호비밀번호", "tiger pass", "password-tiger\n", 9876543210, ["tiger"]]),
        *((name, "a path in the release", ["../../etc/x", "/etc/x", "--help", None, "a\nb", "db/../.."])
          for name in ("db_migrate_alembic_ini", "db_migrate_alembic_folder", "db_migrate_venv")),
        *((name, "a path in the release", [""]) for name in ("db_migrate_alembic_folder", "db_migrate_venv")),
        *((name, "an absolute path", ["backend", "/opt/../etc", "/opt/a\nb", None]) for name in (
            "db_migrate_release_path", "db_migrate_ca_cert", "db_migrate_keep_fresh")),
        ("db_migrate_user", "a system user", ["x; reboot"]),
        ("db_migrate_environment", "a dictionary", ["tiger", None]),
        ("A name in db_migrate_environment", "a variable's name", ["A B", "A=B", "1A"]),
        ("db_migrate_environment.A", "text without a zero byte", [None, ["tiger"], "tiger\0"]),
        ("db_migrate_url_variable", "and not HOME, LC_ALL, PATH", ["A-B", "PATH"]),
        ("db_migrate_connection_variables.hots", "Did you mean host?", ["DB_HOST"]),
        ("db_migrate_connection_variables.host", "and not HOME", ["PATH", "A-B"]),
        ("db_migrate_url_scheme", "postgresql or postgres", ["mysql", "postgresql://x"]),
        ("A name in db_migrate_url_query", "a variable's name", ["ssl mode"]),
        ("db_migrate_url_query.ssl", "text without a zero byte", [["tiger"]]),
        ("db_migrate_after_command", "a list", ["python -m app; reboot"]),
        ("db_migrate_owner_command[0]", "a word of the command", ["", 1]),
        ("db_migrate_after_command[0]", "a word of the command", [None, "", "tiger\0"]),
        ("db_migrate_unchanged_lines", "a list", ["unchanged"]),
        ("db_migrate_unchanged_lines[0]", "a line of text without spaces around it", ["", " unchanged", "a\nb", 1]),
        ("db_migrate_serving", "a list", ["0001"]),
        ("db_migrate_serving[0]", "a revision ID", ["", None]),
        ("db_migrate_applied[0]", "id, title and contract", [{"id": "1"}]),
        ("db_migrate_connect_tries", "1 to 1000", [0]),
        ("db_migrate_lock_wait", "1 to 86400", [-1, "long"]),
        ("db_migrate_lock_timeout", "1 to 86400", [0, 86401, "5s", 0.5]),
        ("db_migrate_statement_timeout", "0 to 86400", [-1, "long"]),
        ("db_migrate_collation", "PostgreSQL's spelling", ["", None]),
    ],
    "fastapi_app": [
        ("fastapi_app_state", "present or absent", ["absnet"]),
        ("fastapi_app_update_system", "true or false", ["yes", 1]),
        ("fastapi_app_remove_data", "true also removes releases", ["yes"]),
        *((name, "not a system directory", [
            "opt/x", "/opt/../etc", "/usr", "/var/log", "/opt/%h", "/opt/x\nUser=root", "/opt/x\n", "/opt/주문", "/opt/x/"])
          for name in ("fastapi_app_home", "fastapi_app_log_directory", "fastapi_app_asset_archive")),
        ("fastapi_app_candidate_flag", "in a separate directory", [
            "/run/live", "/run/x/{live}", "run/x/live", "/run/x/live\n", "/var/lib/live"]),
        ("fastapi_app_service", "without \".service\"", ["../x", "x;reboot"]),
        *((name, "not root", ["root", "x$(id)", "x;y", "a" * 32]) for name in (
            "fastapi_app_user", "fastapi_app_build_user", "fastapi_app_migration_user")),
        *((name, "1024 to 65535", [80, 65536, "http", True, 8000.5]) for name in (
            "fastapi_app_port", "fastapi_app_candidate_port")),
        ("fastapi_app_asgi", "MODULE:ATTRIBUTE", ["app.main:app --reload", "app/main.py", "app.main:create(1)"]),
        ("fastapi_app_arguments", "a list", ["--reload --x"]),
        *((f"{name}[0]", "a single word", ["--reload\nUser=root", "--root-path=%h", "$(id)"]) for name in (
            "fastapi_app_arguments", "fastapi_app_install_arguments")),
        ("fastapi_app_host", "an address to listen on", ["localhost; reboot"]),
        ("fastapi_app_system_packages", "a list", ["gcc"]),
        ("fastapi_app_system_packages[0]", "a package name", ["--allow-unauthenticated"]),
        ("fastapi_app_python", "python3.11 or newer", ["python3.9", "/usr/bin/python3.11"]),
        ("fastapi_app_python_source", "platform or uv", ["conda"]),
        ("fastapi_app_amazon_release", "a release of Amazon Linux", ["2023;x"]),
        ("fastapi_app_keep_releases", "2 to 99", [1]),
        ("fastapi_app_disk_reserve", "0 to 1048576 MiB", [-1, 1048577, "1G"]),
        ("fastapi_app_workers", "1 to 64", [0, 65, "auto"]),
        ("fastapi_app_server", "uvicorn or gunicorn or hypercorn", ["daphne"]),
        ("fastapi_app_memory_max", "a limit of memory", ["1GB", "lots", "0", "-1G"]),
        ("fastapi_app_processes", "each name once", [[{"name": "a", "command": "x"}, {"name": "a", "command": "y"}]]),
        ("fastapi_app_processes[0].name", "lower-case letters", ["../x", "Worker", "fastapi", "deployments", "nginx-error"]),
        ("fastapi_app_processes[0].command", "a program of the virtual", ["/bin/sh", "x $HOME", "x 'a'", "x\ny", "x  y"]),
        ("fastapi_app_processes[0].schedule", "an OnCalendar expression", ["daily\nUser=root"]),
        ("fastapi_app_processes[0].stop_seconds", "1 to 240", [0, 241]),
        ("fastapi_app_processes[0].memory_max", "a limit of memory", ["1GB"]),
        ("fastapi_app_writable_paths[0]", "an absolute path", ["/srv/../etc"]),
        ("fastapi_app_writable_paths[0]", "lies in a release: root owns it", [
            "/opt/fastapi-app/backend/uploads", "/opt/fastapi-app/releases", "/opt/fastapi-app/candidate"]),
        ("fastapi_app_shared_directories", "each entry once", [["uploads", "uploads"]]),
        ("fastapi_app_shared_directories[0]", "a directory of the backend", [
            "/srv/uploads", "../uploads", ".", "", "a/./b", "a b", "venv", "venv/lib", ".env", "uploads/", "업로드"]),
        ("fastapi_app_working_path", "a path inside the source", ["../x"]),
        ("fastapi_app_backend_path", "a path inside the source", ["/etc", "a/../../b"]),
        ("fastapi_app_project_path", "a path inside the source", ["../x", ""]),
        ("fastapi_app_frontends[0]", "a path inside the source", ["../x"]),
        ("fastapi_app_frontend_output", "a path inside the source", ["../x", "/dist", "."]),
        ("fastapi_app_requirements", "a path inside the source", ["r.txt --pre"]),
        ("fastapi_app_dependencies", "auto or requirements or uv or poetry", ["conda"]),
        *((name, "true or false", ["please", 1]) for name in (
            "fastapi_app_force", "fastapi_app_check_lifespan", "fastapi_app_lock_break", "fastapi_app_health_names_release")),
        ("fastapi_app_database_ca_url", "an https URL", ["https://me:a/tiger@b@x/ca.pem", "me:tiger@x/ca.pem"]),
        ("fastapi_app_database_ca_url", "your user on the controller cannot read", ["/" + "x" * 5000, "/nowhere/ca.pem"]),
        ("fastapi_app_database_ca_url", "Use https://", ["http://pki.example.org/ca.pem", "http://127.0.0.1.example.org/ca.pem"]),
        ("fastapi_app_source", '"type" is one of local', [{}, {"url": "https://x"}]),
        ("fastapi_app_source.branch", "type, path, url", ["x"]),
        ("fastapi_app_source.strip", "0 to 9", [-1]),
        ("fastapi_app_source.submodules", "true or false", ["yes"]),
        ("fastapi_app_source", "an existing directory on the", [{"type": "local", "path": "/nowhere"}, {"type": "local"}]),
        ("fastapi_app_source", "is a file on the controller", [
            {"type": "archive", "path": "/nowhere.zip"}, {"type": "archive", "path": "/etc"}]),
        ("fastapi_app_source", 'without "@" and "?", with its "sha256"', [
            {"type": "archive", "url": "https://x/a.zip"}, {"type": "archive", "url": "https://x/a.zip?sig=1", "sha256": "0" * 64},
            {"type": "archive", "url": "https://tiger@x/a.zip", "sha256": "0" * 64},
            {"type": "archive", "url": "https://me:tiger@x/a.zip", "sha256": "0" * 64}]),
        ("fastapi_app_source", 'a git source needs "url", with no password, token or name before an "@", and no "?"', [
            GIT | {"url": url} for url in (
                "https://me:tiger@git.example/shop.git", "https://tiger@git.example/shop.git", "https://me:a/tiger@b@git.example/x.git",
                "https://git.example/shop.git?token=x", "me:tiger@git.example:shop.git", "ssh://-oProxyCommand=id/x", "-oProxy@x:y",
                "ssh://me:tiger@git.example/shop.git", "ext::sh -c id")]),
        ("fastapi_app_source", '"version", a branch', [{"type": "git", "url": GIT["url"]}, GIT | {"version": ""}]),
        ("fastapi_app_source.version", "Put a number into quotes: YAML reads 1.10 as 1.1", [
            1.1, 20260101, True,
            "--upload-pack=id", "-v1", "a b", "a..b", "v1.lock", "a/.b", "@", "a@{1}", "main~1", "a:b", "it's", "$HOME"]),
        ("fastapi_app_source", "an attacker on the network could replace the program", [
            GIT | {"url": "http://git.example/shop.git"}, GIT | {"url": "git://git.example/shop.git", "version": "3f2a9c1"}]),
        ("fastapi_app_environment", "a dictionary", [["A=tiger"]]),
        ("fastapi_app_environment.A", "without a line break", [
            "tiger\nB=x", "tiger\rB", "tiger\0", "tiger\x1b", "tiger\x7f", "tiger\ufdd0", None, ["tiger"]]),
        ("A name in fastapi_app_environment", "and not RELEASE_ID, which the role sets", ["A-B", "A B", "1A", "RELEASE_ID"]),
        ("fastapi_app_build_environment.A", "without a line break", ["tiger\nB=x", ["tiger"]]),
        ("A name in fastapi_app_build_environment", "and not HOME, VIRTUAL_ENV, UV_PROJECT_ENVIRONMENT", ["A-B", "HOME"]),
        ("fastapi_app_health_url", "an http(s) URL without a password", ["http://me:tiger@x/", "file:///etc/passwd"]),
        ("fastapi_app_traffic_url", "an http(s) URL without a password", ["http://me:tiger@127.0.0.1:8008/"]),
        ("fastapi_app_health_host", "a host name", ["x\r\nX-A: b"]),
        ("fastapi_app_health_status", "a list of HTTP statuses", [[]]),
        ("fastapi_app_health_status[0]", "100 to 599", ["ok", 99]),
        ("fastapi_app_health_body", "a regular expression", ["(", 7]),
        ("fastapi_app_health_times", "1 to 100", [0, 101]),
        ("fastapi_app_health_tries", "1 to 3600", [0]),
        ("fastapi_app_drain_seconds", "0 to 3600", [-1, 3601]),
        ("fastapi_app_migrate", "true or false", ["yes", 1]),
        ("fastapi_app_release", "a release ID", ["../x", "--force", "/opt/fastapi-app/releases/x", 7]),
        ("fastapi_app_rollback_keeps", "a list", ["DATABASE_URL"]),
        ("fastapi_app_rollback_keeps[0]", "letters, digits and _", ["DATABASE-URL", "RELEASE_ID", 7]),
        ("fastapi_app_release_path", "an absolute path", ["/opt/../etc"]),
        ("fastapi_app_revisions[0]", "id, title and contract", [{"id": "1"}]),
        ("fastapi_app_before_switch", "a list", ["python -m app.seed"]),
        *((f"fastapi_app_{name}_switch[0]", "a program of the virtual environment", ["/bin/sh", "x $HOME", "x  y", "", 7])
          for name in ("before", "after")),
        ("fastapi_app_run", "a program of the virtual environment", [["/bin/sh"], ["../x"], [""]]),
        ("fastapi_app_run", "a list", ["python -m app.report"]),
        ("fastapi_app_run[1]", "a word of the command", ["x\0", None]),
        ("fastapi_app_why", "at most 200", ["a\nb", "x" * 201, ["a"], "a\n"]),
        ("fastapi_app_lock_wait", "0 to 86400", [-1, 86401, "10m"]),
        ("fastapi_app_lock_lease", "60 to 86400", [5, 86401]),
    ],
}

TOGETHER: list[tuple[str, dict[str, Any], str]] = [
    ("aws_network", subnet(1, cidr="10.1.2.0/24"), "'private' has cidr '10.1.2.0/24'. Accepted: a network of /16 to /28"),
    ("aws_network", subnet(1, cidr="10.0.2.5/24"), "inside the VPC's range 10.0.0.0/16, such as 10.0.0.0/24."),
    ("aws_network", subnet(1, cidr="10.0.1.128/25"), "'private' (10.0.1.128/25) overlaps 'public' (10.0.1.0/24)."),
    ("aws_network", subnet(1, zone="us-east-1a"), "'private' has zone 'us-east-1a'. Accepted: a zone that this account can use"),
    ("aws_network", subnet(1, zone="ap-northeast-2z"), "or another region in 00-cloud.yml."),
    ("aws_network", {"aws_network_subnets": SUBNETS[:2]}, "are in ap-northeast-2a. RDS needs a subnet group over two zones."),
    ("aws_network", subnet(0, public=False), "aws_network_subnets has no subnet with public: true."),
    ("aws_network", DISCOVERED | {"aws_network_vpc_cidr": "10.0.0.0/17"},
     "aws_network_vpc_cidr is '10.0.0.0/17', and vpc-1 has 10.0.0.0/16. AWS cannot change a range"),
    ("aws_network", DISCOVERED | subnet(0, cidr="10.0.9.0/24"),
     "'public' has cidr '10.0.9.0/24', and subnet-1 has 10.0.1.0/24. AWS cannot change a range"),
    ("aws_security", {"aws_security_ports": {"http": "443", "https": 443, "backend": 1, "database": 1, "cache": 1}},
     "to the ports 443, 443, 1. Set three different ports."),
    ("aws_security", {"aws_database_port": 5433}, "aws_security_ports.database is 5432. Accepted: aws_database_port, 5433."),
    ("aws_security", {"aws_cache_port": "6380"}, "aws_security_ports.cache is 6379. Accepted: aws_cache_port, 6380. Set only the"),
    ("aws_security", {"aws_security_database_app_user": "tableorder_owner"}, "set three different names."),
    *(("aws_database", {"aws_database_backup_window": backup, "aws_database_maintenance_window": maintenance}, "overlap. RDS")
      for backup, maintenance in (
          ("03:00-04:30", "Mon:04:00-Mon:05:00"), ("23:30-00:30", "Sun:00:00-Sun:01:00"), ("00:00-01:00", "Sat:23:30-Sun:00:30"))),
    ("aws_cache", {"aws_cache_nodes": 2}, "Set one zone for each node, the primary's first"),
    ("table_order", {"table_order_environment": "my-test"}, "table_order_environment (environment in 00-cloud.yml of the"),
    ("table_order", {"nginx_tls_certificate_file": "/shop.pem"}, "table_order_host_name is ''. Accepted: the host name of"),
    ("aws_compute", {"aws_compute_market": "spot", "table_order_environment": "production"}, "Accepted: on_demand in production"),
    ("table_order", {"table_order_environment": "production"}, "would use a self-signed certificate. Set nginx_tls"),
    ("table_order", {"table_order_environment": "staging", "table_order_plain_http": "yes"}, "plain_http is 'yes', so the server"),
    ("table_order", {"table_order_application_secrets": {"A": "x"}, "table_order_application_environment": {"A": "1"}},
     "A is in table_order_application_secrets and in table_order_application_environment. Remove it from one of them."),
    ("table_order", {"ansible_skip_tags": ["ngnix"]}, "contains ngnix. No task has this tag, so the run would do nothing. Acc"),
    ("table_order", {"table_order_cost_assumptions": {"transfer_gb": 5}}, "assumptions.transfer_gb is an unknown key. Accepted"),
    ("table_order", {"table_order_cost_assumptions": {"transfer_gb": 5}}, "Did you mean transfer_out_gb?"),
    *(("table_order", {"table_order_cost_assumptions": {"hours": hours}}, "a number from 0 to 730: the hours that the server and")
      for hours in (-1, 731, "24h", None, True, "nan", [730], {"from": 0})),
    ("table_order", {"table_order_status_limits": {"disk": 80}}, "limits.disk is an unknown key. Accepted: disk_percent, mem"),
    *(("table_order", {"table_order_status_limits": {"support_days": days}}, "a whole number from 0 to 10000: how long Postgre")
      for days in (-1, 10001, "180", None, True, 1.5, [])),
    ("nginx", applications(("/shop", "x")) | {"nginx_backend_paths": ["/"], "nginx_login_paths": ["/shop"]},
     "'/shop' needs the location = /shop, which nginx_login_paths has"),
    ("nginx", applications(("/shop", "x")) | {"nginx_backend_paths": ["/"], "nginx_stream_paths": ["/shop/"]},
     "needs the location /shop/, which nginx_stream_paths has"),
    ("fastapi_app", {"fastapi_app_shared_directories": ["var", "var/cache"]}, "[1] is 'var/cache'. Accepted: a directory"),
    ("fastapi_app", {"fastapi_app_server": "gunicorn"}, "are those of uvicorn. Set the arguments of gunicorn"),
    ("fastapi_app", {"fastapi_app_asgi": "src:make()"}, "fastapi_app_asgi is 'src:make()'. Accepted: MODULE:ATTRIBUTE for uvicorn"),
    ("fastapi_app", {"fastapi_app_server": "hypercorn", "fastapi_app_asgi": "src:make", "fastapi_app_arguments": ["--factory"]},
     "only uvicorn knows. Remove it, and call the factory: fastapi_app_asgi: src:make()"),
    ("nginx", {"nginx_http_port": "443"}, "nginx_http_port and nginx_https_port are both 443. Set two different ports"),
    *(("nginx", applications((one, "x"), (other, "y")) | {"nginx_backend_paths": []},
       f"{one!r} and {other!r} both need the location {location}. Set a diff")
      for one, other, location in (
          ("/a", "/a", "/a/"), ("/a", "/a/", "/a/"), ("/", "/assets", "/assets/"))),
    *(("nginx", applications((path, "x")) | {"nginx_backend_paths": ["/api/", "/docs"]},
       f"{path!r} collides with {reserved}, which is for")
      for path, reserved in (("/api", "/api/"), ("/api/", "/api/"), ("/api/docs", "/api/"), ("/docs", "/docs"),
                             ("/docs/a", "/docs"),
                             ("/static", "/static/"))),
    ("nginx", applications(("/", "x")) | {"nginx_backend_paths": ["/"]},
     "'/' collides with /, which is for nginx_backend_paths. Set"),
    ("nginx", {"nginx_backend_paths": ["/api/", "/api"]}, "holds '/api/' and '/api', which includes it. Remove '/api/'."),
    *(("nginx", {"nginx_backend_paths": ["/api/", "/v1"], name: ["/v2/a"]},
       f"{name} holds '/v2/a', which is not below nginx_backend_p")
      for name in ("nginx_login_paths", "nginx_stream_paths")),
    ("nginx", {"nginx_login_paths": ["/a"], "nginx_stream_paths": ["/a"]}, "nginx_login_paths and nginx_stream_paths both hold"),
    ("nginx", {"nginx_headers": {"X-A": "a", "x-a": "b"}}, "nginx_headers has X-A twice, in different case"),
    ("nginx", {"nginx_cors_origins": ["http://a.example"], "nginx_cors_credentials": "yes"}, "'http://a.example'. Use https://"),
    ("nginx", {"nginx_proxy_protocol": "yes"},
     "nginx_trusted_proxies is empty. Set the addresses of the load balancers that send"),
    ("nginx", {"nginx_tls_certificate_file": "/a.pem"}, "nginx_tls_key_file is ''. Set both, or leave both empty"),
    ("nginx", {"nginx_tls_remote": "yes", "nginx_tls_certificate_file": "a.crt", "nginx_tls_key_file": "/a.key"},
     "nginx_tls_certificate_file is 'a.crt'. Accepted: with nginx_tls_remote a path on the host"),
    ("nginx", {"nginx_tls_remote": True, "nginx_tls_certificate_file": "/a.crt", "nginx_tls_key_file": "/k;}"}, "is '/k;}'."),
    ("cloudwatch_agent", NOTHING, "cloudwatch_agent_metrics are all empty. Set at least one"),
    ("cloudwatch_agent", {"cloudwatch_agent_metrics": {"mem": {}}}, "cloudwatch_agent_metrics.mem has no list measurement."),
    ("cloudwatch_agent", {"cloudwatch_agent_metrics": {"CPU usage": {}}}, "A name in cloudwatch_agent_metrics is 'CPU usage'. Acc"),
    ("cloudwatch_agent", {"cloudwatch_agent_log_files": [LOG | {"stream": "{instance-id}/x"}]},
     "_log_files sends to the stream '{instance-id}/x'. The agent does not know {instance-id}. Did you mean {instance_id}?"),
    ("cloudwatch_agent", {"cloudwatch_agent_journals": [{"group": "g", "stream": "{xyzzy}"}]},
     "cloudwatch_agent_journals sends to the stream '{xyzzy}'. The agent does not know {xyzzy}. Accepted: {instance_id}, "),
    ("db_migrate", {"db_migrate_database": {}}, "db_migrate_database lacks host, port, name, admin_user, admin_password. Acc"),
    ("db_migrate", {"db_migrate_app": {"user": "x", "password": None}}, "db_migrate_app lacks password."),
    ("db_migrate", {"db_migrate_state": "absent", "db_migrate_remove_data": "on", "db_migrate_database": {}}, "_database lacks"),
    *(("db_migrate", {"db_migrate_app": {"user": user, "password": "app-password"}}, "three different names, none")
      for user in ("shop_owner", "boss")),
    ("db_migrate", {"db_migrate_owner": {"user": "shop_app_rights", "password": "owner-password"}}, "'_clone' or '_rights' at its"),
    ("db_migrate", {"db_migrate_connection_variables": {"host": "DB", "name": "DB"}},
     "db_migrate_connection_variables.host and db_migrate_connection_variables.name are both 'DB'. Set different variables."),
    ("fastapi_app", {"fastapi_app_build_user": "fastapi-app"},
     "fastapi_app_build_user is 'fastapi-app', the same as fastapi_app_user. A shared user could read all passwords"),
    ("fastapi_app", {"fastapi_app_migration_user": "fastapi-app-build"}, "the same as fastapi_app_build_user."),
    ("fastapi_app", {"fastapi_app_port": "9000", "fastapi_app_candidate_port": 9000},
     "fastapi_app_candidate_port is 9000, the same as fastapi_app_port. The candidate runs next to the service"),
    ("fastapi_app", {"fastapi_app_port": 65535}, "fastapi_app_candidate_port is 65536. Accepted: a number from 1024"),
    *(("fastapi_app", settings, f"the role clears this directory, which overlaps with {other}. Set a separate directory.")
      for settings, other in (
          ({"fastapi_app_candidate_flag": "/opt/fastapi-app/live"}, "/opt/fastapi-app/releases"),
          ({"fastapi_app_log_directory": "/srv/logs", "fastapi_app_candidate_flag": "/srv/logs/live"}, "/srv/logs"),
          ({"fastapi_app_candidate_flag": "/var/lib/fastapi-app/live"}, "/var/lib/fastapi-app"),
          ({"fastapi_app_asset_archive": "/opt/fastapi-app"}, "/opt/fastapi-app/releases"),
          ({"fastapi_app_home": "/srv/shop/app", "fastapi_app_asset_archive": "/srv/shop"}, "/srv/shop/app/releases"),
          ({"fastapi_app_asset_archive": "/opt/fastapi-app/releases/assets"}, "/opt/fastapi-app/releases"),
          ({"fastapi_app_log_directory": "/srv/x/logs", "fastapi_app_asset_archive": "/srv/x"}, "/srv/x/logs"))),
]

# Texts instead of numbers and booleans come from the command line.
ACCEPTED: dict[str, list[dict[str, Any]]] = {
    "aws_network": [DISCOVERED],
    "aws_security": [
        {"aws_security_ssh_cidrs": ["203.0.113.0/24", "198.51.100.9/32"]},
        *({"aws_security_database_master_user": name} for name in ("tableorder", "postgres", "a")),
        {"aws_security_managed_policies": ["arn:aws:iam::aws:policy/service-role/x", "arn:aws-cn:iam::123456789012:policy/a+b"]},
        *({"aws_security_permissions_boundary": arn} for arn in ("", "arn:aws:iam::123456789012:policy/x")),
    ],
    "aws_storage": [{"aws_storage_bucket_name": "a1b"}],
    "aws_database": [
        *({"aws_database_restore_from": to} for to in (
            "latest", "2026-11-28T12:00:00Z", "table-order-db-final-20261128120000", "rds:table-order-db-2026-11-28-03-10")),
        {"aws_database_port": "5433", "aws_database_engine_version": 16, "aws_database_allocated_storage_gib": 65536},
        *({"aws_database_backup_window": backup, "aws_database_maintenance_window": maintenance} for backup, maintenance in (
            ("03:00-04:00", "Mon:04:00-Mon:05:00"), ("23:30-00:30", "sun:02:00-sun:03:00"),
            ("05:00-06:00", "mon:04:00-mon:05:00"))),
    ],
    "aws_cache": [
        {"aws_cache_nodes": "1", "aws_cache_port": "6380"}, {"aws_cache_nodes": 2, "aws_cache_zones": []},
        {"aws_cache_nodes": 2, "aws_cache_zones": [ZONES[0], ZONES[2]], "aws_cache_snapshot_retention_days": 35},
    ],
    "aws_compute": [
        {"aws_compute_public_key_file": "/nowhere/yet.pub", "aws_compute_generate_key": True},
        {"aws_compute_market": "spot", "table_order_environment": "dev"}, {"table_order_environment": "production"},
    ],
    "aws_monitoring": [{"aws_monitoring_log_retention_days": 3653, "aws_monitoring_notification_email": "oncall@example.com"}],
    "table_order": [
        {"table_order_host_name": "shop.test", "nginx_tls_certificate_file": "/shop.pem", "table_order_environment": "production"},
        {"table_order_application_secrets": {"A": "stripe", "B": "team/mail.relay:pass word", "C": "x:a:b"},
         "table_order_application_environment": {"D": 1}},
        {"table_order_environment": "production", "table_order_self_signed": "true"}, {"ansible_run_tags": ["nginx", "always"]},
        {"table_order_patch_release": "2023.6.20250115", "table_order_patch_return": "ami-0123456789abcdef0"},
        {"table_order_cost_assumptions": {"hours": 730, "log_gb": 0.5, "transfer_out_gb": "200", "backup_gb": 0}},
    ],
    "nginx": [
        {"nginx_limit_address_rate": 7, "nginx_limit_session_burst": "9", "nginx_trusted_proxies": ["10.0.1.0/24", "2001:db8::1"]},
        applications(("/a", "x"), ("/a/b", "y")), applications(("/apis", "x")) | {"nginx_backend_paths": ["/api"]},
        applications(("/", "x"), ("/admin", "y")) | {"nginx_backend_paths": ["/api/v1", "/docs", "/openapi.json", "/admin/api/"]},
        applications(("/static", "x")) | {"nginx_backend_paths": ["/"]},
        {"nginx_backend_paths": ["/"], "nginx_stream_paths": ["/", "/a/{id}/events", "/f/{name:path}/", "/b"],
         "nginx_login_paths": ["/c"]},
        {"nginx_applications": [], "nginx_stream_paths": [], "nginx_backend_paths": []},
        {"nginx_http_port": "8080", "nginx_https_port": "443", "nginx_redirect_http": "no", "nginx_frontend_root": "/srv/~shop/"},
        {"nginx_candidate_address": "", "nginx_asset_archive": "", "nginx_traffic_address": "", "nginx_acme_root": ""},
        {"nginx_candidate_address": "app.internal:9001", "nginx_traffic_address": "127.0.0.2:9"},
        {"nginx_server_name": "a.example.org *.b.example.org", "nginx_client_max_body_size": "0"},
        {"nginx_proxy_protocol": True, "nginx_trusted_proxies": ["10.0.1.0/24"]}, {"nginx_proxy_protocol": "no"},
        {"nginx_headers": {"Content-Security-Policy": "default-src 'self'", "X-A": 'camera=(self "https://a.test")', "X-B": ""}},
        {"nginx_cors_origins": ["https://a.example", "http://localhost:5173"], "nginx_cors_credentials": True},
        {"nginx_header_size": "4k"}, {"nginx_header_size": "999k"}, {"nginx_site": "a" * 20}, {"nginx_default_server": "no"},
        {"nginx_tls_remote": True, "nginx_tls_certificate_file": "/etc/a.crt", "nginx_tls_key_file": "/etc/a.key"},
    ],
    "cloudwatch_agent": [
        {"cloudwatch_agent_log_files": [LOG | {"path": "/srv/김치 찌개/$HOME $(id) `id` 'a' \"b\" #;%n\\.log"}]},
        {"cloudwatch_agent_log_files": [LOG | {"stream": "{instance_id} 주방 $HOME % \"b\" # {hostname}", "path": "/srv/*.log"}]},
        {"cloudwatch_agent_metrics_interval": "30", "cloudwatch_agent_user": "root", "cloudwatch_agent_groups": []},
        {"cloudwatch_agent_package": "https://example.org/ubuntu/amd64/latest/agent.deb"},
        {"cloudwatch_agent_journals": [
            {"group": "g", "stream": "s", "units": ["getty@tty1.service", "dev-disk-by\\x2dlabel.swap"]},
            {"group": "g", "stream": "s", "units": [], "priority": "err"}]},
        # The agent's releases add kinds of metrics.
        {"cloudwatch_agent_metrics": {"ethtool": {"interface_include": ["*"]}}}, NOTHING | {"cloudwatch_agent_state": "absent"},
    ],
    "db_migrate": [
        {"db_migrate_database": DATABASE | {"name": "a" * 63},
         "db_migrate_app": {"user": "a" * 56 + "_clone", "password": "x" * 128},
         "db_migrate_owner": {"user": "a" * 63, "password": "x" * 128}},
        {"db_migrate_app": {"user": "x", "password": "".join(map(chr, range(0x21, 0x7F)))}},
        {"db_migrate_database": DATABASE | {"name": "table-order", "host": "10.0.2.15", "port": "5432"}},
        {"db_migrate_environment": {"A": "$HOME `id` 100% \"'\\ #\n김치", "B": 1, "C": True, "D": "", "E": 0.5}},
        {"db_migrate_alembic_ini": "내 db/alembic.ini", "db_migrate_alembic_folder": ".", "db_migrate_keep_fresh": ""},
        {"db_migrate_after_command": ["echo", "$(reboot); `id`"], "db_migrate_serving": ["0001"]}, {"db_migrate_after_command": []},
        {"db_migrate_unchanged_lines": []}, {"db_migrate_unchanged_lines": ["x", "변경 없음 (0)"]},
        {"db_migrate_alembic_ini": "", "db_migrate_owner_command": ["python", "-c", "x"]},
        {"db_migrate_url_variable": "", "db_migrate_connection_variables": {"host": "H", "password": "P", "port": None}},
        {"db_migrate_url_scheme": "postgresql+asyncpg", "db_migrate_url_query": {"ssl": "verify-full"}},
        {"db_migrate_lock_timeout": "1", "db_migrate_statement_timeout": "86400"}, {"db_migrate_statement_timeout": 0},
        {"db_migrate_lock_wait": "30", "db_migrate_no_log": "false", "db_migrate_remove_data": "false"},
        {"db_migrate_result": {"revisions": []}, "db_migrate_applied": [{"id": "1", "title": "x", "contract": False}]},
        {"db_migrate_state": "absent", "db_migrate_database": {}, "db_migrate_owner": {}, "db_migrate_app": {}},
    ],
    "fastapi_app": [
        {"fastapi_app_processes": [
            {"name": name, "command": "x", "schedule": f"*-*-* 03:30:00 {zone}"}
            for name, zone in (("a", "America/New_York"), ("b", "Etc/GMT+9"), ("c", "Asia/Seoul"))]},
        {"fastapi_app_shared_directories": ["uploads", "var/cache", "var/cached", ".cache", "venvs"],
         "fastapi_app_writable_paths": ["/srv/uploads", "/opt/fastapi-app/backend-data"]},
        {"fastapi_app_port": "8080", "fastapi_app_log_days": "7", "fastapi_app_keep_releases": "9", "fastapi_app_workers": "64"},
        {"fastapi_app_arguments": ["--forwarded-allow-ips=::1,10.0.0.2"], "fastapi_app_install_arguments": ["--extra=postgres"]},
        {"fastapi_app_server": "gunicorn", "fastapi_app_arguments": [], "fastapi_app_memory_max": "40%",
         "fastapi_app_asgi": "src:make()"},
        {"fastapi_app_processes": [
            {"name": "worker-2", "command": "celery --app=app worker --queues=a,b", "stop_seconds": 240, "memory_max": "512M"},
            {"name": "report", "command": "python -m app.report", "schedule": "Mon..Fri *-*-1/2 03:30:00"}]},
        {"fastapi_app_asgi": "src:app", "fastapi_app_backend_path": ".", "fastapi_app_project_path": "services/shop",
         "fastapi_app_frontends": [], "fastapi_app_frontend_output": "dist/menu/browser", "fastapi_app_force": "true"},
        {"fastapi_app_build_environment": {"UV_INDEX_SHOP_PASSWORD": "a $b", "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_SHOP": 1.5}},
        *({"fastapi_app_source": GIT | {"version": version}} for version in (
            "1.10", "v1.0.0+build.5", "feature/#12-menu", "release@2", "메뉴", "_x", "a&b;c|d(e)", "{x}", "@v1", "3f2a9c1",
            "x.lock.y")),
        *({"fastapi_app_source": source} for source in (
            GIT | {"url": "http://git.example/shop.git", "version": "3f2a" * 10}, GIT | {"url": "http://127.0.0.1:3000/shop.git"},
            GIT | {"url": "git@github.com:me/shop.git", "submodules": True}, GIT | {"url": "ssh://git@git.example/shop.git"},
            {"type": "archive", "url": "https://x/a.zip", "sha256": "0" * 64, "strip": 1},
            {"type": "archive", "path": str(HERE)}, {"type": "local", "path": str(HERE.parent)})),
        *({"fastapi_app_database_ca_url": url} for url in (
            str(HERE), "https://pki.example.org/ca.pem", "http://127.0.0.1:5000/local-cloud/database-ca.pem")),
        {"fastapi_app_database_ca_url": "/nowhere", "fastapi_app_state": "absent"},
        {"fastapi_app_why": '급한 수정: {{ 7 }} 100% "now"', "fastapi_app_lock_wait": "600", "fastapi_app_lock_lease": "60"},
        {"fastapi_app_release": "3f2a9c1b7d10-a1b2c3-20261123T053000Z", "fastapi_app_health_names_release": "true"},
        {"fastapi_app_rollback_keeps": ["DATABASE_URL", "secret_key_2"]},
        {"fastapi_app_health_times": "1", "fastapi_app_drain_seconds": "0", "fastapi_app_lock_break": "false"},
        {"fastapi_app_run": ["python", "-c", "print('$HOME %n', \"a\nb\")", ""]},
        {"fastapi_app_before_switch": ["python -m app.seed --all"], "fastapi_app_after_switch": ["clear", "x [a,b]"]},
        {"fastapi_app_migrate": "false", "fastapi_app_remove_data": "true"},
        {"fastapi_app_port": "9000", "fastapi_app_candidate_port": "8999", "fastapi_app_candidate_flag": "/run/shop/next/live",
         "fastapi_app_asset_archive": "/srv/assets", "fastapi_app_migration_user": ""},
        {"fastapi_app_log_directory": "/srv/shop/logs", "fastapi_app_asset_archive": "/srv/shop/logs-and-assets"},
        {"fastapi_app_environment": {"A": "김치\t$HOME %h \"x\" 'y' # z", "B": True, "C": 0.5},
         "fastapi_app_health_body": "안녕|^ok$"},
    ],
}
