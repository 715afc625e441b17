"""Read the statements that the source's nodes hold prepared."""

from __future__ import annotations

from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest, Unauthorized
from cassandra.query import SimpleStatement

from hintferry.adapters.driver.errors import translate
from hintferry.adapters.driver.session import DRIVER_ERRORS, CqlSession
from hintferry.core.errors import ConfigurationError
from hintferry_ops.statements.collection import Collection

NODE_S = 30.0
_PAGE = 500
PREPARED = "SELECT logged_keyspace, query_string FROM system.prepared_statements"
GRANT = "GRANT SELECT ON system.prepared_statements TO its role"


def read_prepared(session: CqlSession, into: Collection) -> int:
    """Take what every node of the datacenter holds prepared; give the number of nodes asked.

    A node that does not answer is remarked, and the others count. A statement counts once a node,
    whatever its calls. Raises SideFault, and ConfigurationError without the permission.
    """
    try:
        driver = session.current()
        ((_, here, _),) = driver.execute(
            "SELECT cluster_name, data_center, partitioner FROM system.local"
        ).all()
        hosts = [
            one
            for one in driver.cluster.metadata.all_hosts()
            if one.datacenter == bytes(here).decode()
        ]
    except Exception as error:
        session.doubt(error)
        raise translate(session, error) from error
    asked = 0
    for host in sorted(hosts, key=lambda one: str(one.address)):
        asked += _read_node(driver, host, into)
    return asked


def _read_node(driver: Any, host: Any, into: Collection) -> bool:
    address = str(host.address)
    statement = SimpleStatement(PREPARED, consistency_level=ConsistencyLevel.ONE, fetch_size=_PAGE)
    try:
        for keyspace, text in driver.execute(statement, timeout=NODE_S, host=host):
            into.add(
                bytes(text).decode("utf-8", "replace"),
                f"prepared on {address}",
                bytes(keyspace or b"").decode(),
            )
    except Unauthorized as error:
        raise ConfigurationError(
            f"the login lacks a permission on the source ({error}); run there: {GRANT}"
        ) from error
    except InvalidRequest as error:
        raise ConfigurationError(
            f"{address} has no system.prepared_statements ({error}): Cassandra has it from 3.10 on;"
            " give a file of statements, or a full-query log"
        ) from error
    except DRIVER_ERRORS as error:
        into.remarks.append(f"{address} did not answer ({error}), so its statements are missing")
        return False
    return True
