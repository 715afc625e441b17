"""Render the nodes' configuration from `migration.toml`: `python -m node.render --help`.

What differs from node to node (its address, its directories) stays as `@NAME@`, and
`node/install/install.py` fills it in on the node. One folder serves all nodes.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path
from string import Template

from hintferry.adapters.config.settings import Migration, migration_from
from hintferry.core.errors import ConfigurationError
from hintferry.core.schema import TableId
from hintferry_ops.deployed import BOOTSTRAP_VARIABLE

TEMPLATES = Path(__file__).with_name("templates")
IAM = """\
kafka.producer.security.protocol=SASL_SSL
kafka.producer.sasl.mechanism=AWS_MSK_IAM
kafka.producer.sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required;
kafka.producer.sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler"""
LOGINS = {"iam": IAM, "none": "kafka.producer.security.protocol=PLAINTEXT"}
RENDERED = ("capture.properties", "driver.conf", "cdcguard.ini")
COPIED = ("logback.xml", "jvm.options")


def render(migration: Migration, bootstrap_servers: str, login: str, target: Path) -> None:
    """Write the five files of `/etc/hintferry` to `target`. `login` is `iam` or `none`."""
    target.mkdir(parents=True, exist_ok=True)
    values = {
        "pipeline": migration.deployment.pipeline.name,
        "topic_prefix": migration.topic_prefix,
        "consumer_group": migration.consumer_group(TableId("{keyspace}", "{table}")),
        "bootstrap_servers": bootstrap_servers,
        "kafka_login": LOGINS[login],
        "port": str(migration.source.port),
        "datacenter": migration.source.datacenter,
        "tables": " ".join(f"{table.id.keyspace}.{table.id.name}" for table in migration.tables),
    }
    for name in RENDERED:
        (target / name).write_text(Template((TEMPLATES / name).read_text()).substitute(values))
    for name in COPIED:
        shutil.copyfile(TEMPLATES / name, target / name)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="node.render", description=__doc__)
    parser.add_argument("--migration", type=Path, default=Path("migration.toml"))
    servers = os.environ.get(BOOTSTRAP_VARIABLE)
    parser.add_argument(
        "--bootstrap-servers",
        default=servers,
        required=not servers,
        help=f"brokers, as host:9098,host:9098; default: {BOOTSTRAP_VARIABLE} of `hintferry env`",
    )
    parser.add_argument(
        "--login", choices=sorted(LOGINS), default="iam", help="login to the brokers"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    asked = parser.parse_args(arguments)
    try:
        migration = migration_from(asked.migration)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    render(migration, asked.bootstrap_servers, asked.login, asked.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
