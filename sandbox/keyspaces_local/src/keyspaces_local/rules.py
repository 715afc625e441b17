"""The table of rules: what Keyspaces refuses, with which error and text, and where that is known.

Owns no logic: `policy`, `ddl` and `sigv4` decide, and raise a `Refusal` that names its rule.
`Known.ASSUMED` marks words, and error classes, that nobody outside the service has published. Those
classes follow the developer guide (DG), which reports `InvalidRequest` for what it refuses.
"""

from dataclasses import dataclass
from enum import Enum

from keyspaces_local.protocol import ErrorCode


class Known(Enum):
    SEEN = "seen"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Rule:
    """One refusal; `text` is a format string, `source` says where the rule is known from.

    `known` is said of the text, `known_class` of the error's class.
    """

    name: str
    code: ErrorCode
    text: str
    known: Known
    source: str
    known_class: Known = Known.ASSUMED

    @property
    def assumed(self) -> bool:
        """Return whether its words or its class are."""
        return Known.ASSUMED in (self.known, self.known_class)


class Refusal(Exception):
    """A request that the service would refuse; str() is the text for the client."""

    def __init__(self, rule: Rule, **values: object) -> None:
        super().__init__(rule.text.format(**values))
        self.rule = rule

    @property
    def code(self) -> ErrorCode:
        return self.rule.code


def _invalid(
    name: str,
    text: str,
    source: str,
    known: Known = Known.ASSUMED,
    known_class: Known = Known.ASSUMED,
) -> Rule:
    return Rule(name, ErrorCode.INVALID, text, known, source, known_class)


def _credentials(name: str, text: str, source: str) -> Rule:
    return Rule(name, ErrorCode.BAD_CREDENTIALS, text, Known.ASSUMED, source)


CONSISTENCY = _invalid(
    "consistency",
    "Consistency level {level} is not supported for this operation. "
    "Supported consistency levels are: {levels}",
    "DG: Supported consistency levels; text seen in public client code for writes",
    Known.SEEN,
    Known.SEEN,
)
TTL_SWITCH = _invalid(
    "ttl-switch",
    "TTL is not yet supported.",
    "DG: Troubleshooting DDL errors",
    Known.SEEN,
    Known.SEEN,
)
TIMESTAMP_SWITCH = _invalid(
    "timestamp-switch",
    "Client-side timestamps are not enabled for table {table}.",
    "DG: Functional differences",
)
WRITETIME_SWITCH = _invalid(
    "writetime-switch",
    "WRITETIME is not supported: client-side timestamps are not enabled for table {table}.",
    "DG: Functional differences",
)
TIMESTAMP_WINDOW = _invalid(
    "timestamp-window",
    "The timestamp {timestamp} is outside the allowed range: from 2 days before to 5 minutes "
    "after the current time.",
    "DG: INSERT; UPDATE; Use client-side timestamps in queries",
)
AGGREGATE = _invalid(
    "aggregate",
    "{function} is not yet supported.",
    "DG: Supported Cassandra APIs; countRows seen in public client code",
    Known.SEEN,
)
STATEMENT_KIND = _invalid(
    "statement-kind", "{statement} is not yet supported.", "DG: Supported Cassandra APIs"
)
PREPARED_DDL = _invalid(
    "prepared-ddl",
    "Prepared statements are supported for DML only, not for {statement}.",
    "DG: Functional differences, Prepared statements",
)
MODIFY_IN = _invalid(
    "in-on-modification",
    "The IN operator is not supported for {statement} statements.",
    "DG: Functional differences",
)
UNLOGGED_LIMIT = _invalid(
    "unlogged-batch-limit",
    "Batches with more than 30 statements are not supported.",
    "DG: Use batch statements; text seen in issues of akka-persistence-cassandra, hmda-platform",
    Known.SEEN,
)
LOGGED_LIMIT = _invalid(
    "logged-batch-limit",
    "Batches with more than 100 statements are not supported.",
    "DG: Use batch statements",
)
UNLOGGED_CONDITION = _invalid(
    "condition-in-unlogged-batch",
    "Conditional statements are not supported in an UNLOGGED batch.",
    "DG: Use batch statements; the AWS compatibility checker flags them",
)
UNCONFIGURED_TABLE = _invalid(
    "unconfigured-table",
    "unconfigured table {keyspace}.{table}",
    "DG: Troubleshooting DDL errors",
    Known.SEEN,
    Known.SEEN,
)
NO_KEYSPACE = _invalid(
    "no-keyspace",
    "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename",
    "the words are Apache Cassandra 3.11's",
)
UNKNOWN_KEYSPACE = _invalid(
    "unknown-keyspace",
    "unconfigured keyspace {keyspace}",
    "DG: Troubleshooting DDL errors",
    Known.SEEN,
    Known.SEEN,
)
SYSTEM_READ_ONLY = Rule(
    "system-read-only",
    ErrorCode.UNAUTHORIZED,
    "{keyspace} keyspace is not user-modifiable.",
    Known.ASSUMED,
    "DG: System keyspaces (read-only); the words are Apache Cassandra 3.11's",
)
REPLICATION = _invalid(
    "replication",
    "Unsupported replication strategy {strategy}: use SingleRegionStrategy.",
    "DG: CREATE KEYSPACE; this endpoint serves one Region",
)
PROPERTY_UNKNOWN = _invalid(
    "custom-property", "Unknown custom property {name}.", "DG: CREATE TABLE"
)
PROPERTY_VALUE = _invalid(
    "custom-property-value", "Invalid value for custom property {name}: {problem}.", "DG: Tables"
)
PROPERTY_ONE = _invalid(
    "one-property-per-alter",
    "ALTER TABLE supports the change of one custom property at a time, found {names}.",
    "DG: Troubleshooting DDL errors",
)
PROPERTY_ONE_WAY = _invalid(
    "one-way-property",
    "{name} cannot be disabled once it is enabled.",
    "DG: Client-side timestamps; TTL",
)
TABLE_OPTION = _invalid(
    "table-option",
    "{option} is not imitated by this endpoint.",
    "DG: CREATE TABLE (the service has it, keyspaces-local does not)",
)
ALTER_ACTION = _invalid(
    "alter-table-action",
    "ALTER TABLE {action} is not yet supported.",
    "DG: ALTER TABLE syntax (ADD, tags and options only)",
)
ROW_SIZE = _invalid(
    "row-size",
    "The encoded size of the row is {size} bytes; the limit is {limit}.",
    "DG: Quotas; Estimate row size (of what the statement writes)",
)
STATIC_SIZE = _invalid(
    "static-size",
    "The encoded size of the static data is {size} bytes; the limit is {limit}.",
    "DG: Quotas; Calculate the static column size per logical partition",
)
PARTITION_KEY_SIZE = _invalid(
    "partition-key-size",
    "The size of the partition key is {size} bytes; the limit is {limit}.",
    "DG: Quotas; Estimate row size",
)
CLUSTERING_KEY_SIZE = _invalid(
    "clustering-key-size",
    "The size of the clustering columns is {size} bytes; the limit is {limit}.",
    "DG: Quotas; Estimate row size",
)
COLUMN_COUNT = _invalid(
    "column-count",
    "The statement writes {count} regular columns; the limit is {limit}.",
    "DG: Quotas (225, or 166 with TTL on; static columns are not counted: assumed)",
)
VARINT_DIGITS = _invalid(
    "varint-digits",
    "The varint {column} has {digits} digits; the limit is {limit}.",
    "DG: CQL elements; Estimate row size",
)
JSON_VALUE = _invalid(
    "json-value",
    "Could not decode JSON string as a map: {problem}.",
    "the words are Apache Cassandra 3.11's",
)
SUBQUERIES = _invalid(
    "in-subqueries",
    "The IN restrictions make {count} subqueries; the limit is {limit}.",
    "DG: Functional differences; Quotas",
)
IN_WITH_SLICE = _invalid(
    "in-with-slice",
    "The IN operator is not supported together with {other}.",
    "DG: Functional differences (no slices and no TOKEN with IN)",
)
FROZEN_INEQUALITY = _invalid(
    "frozen-inequality",
    "The frozen value of {column} can be compared by equality only.",
    "DG: Functional differences",
)
FROZEN_NESTING = _invalid(
    "frozen-nesting",
    "The type nests {levels} levels of frozen collections; the limit is {limit}.",
    "DG: Functional differences (8 levels; an older copy says 5)",
)
RANGE_DELETE = _invalid(
    "range-delete",
    "Range delete requests are limited by the amount of items that can be deleted in a single "
    "range.",
    "DG: Troubleshooting DDL errors; class seen in public client code",
    Known.SEEN,
    Known.SEEN,
)
COLUMN_TYPE = _invalid(
    "column-type",
    "The type {type} is not yet supported.",
    "DG: Supported data types",
)
TABLE_BUSY = _invalid(
    "table-busy",
    "The table {table} is {status}: wait until it is ACTIVE.",
    "DG: Tables (asynchronous DDL)",
)
DDL_LIMIT = _invalid(
    "ddl-limit",
    "At most {limit} DDL statements can be under way at a time.",
    "DG: Quotas",
)
SYNTAX = Rule(
    "syntax", ErrorCode.SYNTAX_ERROR, "{problem}", Known.ASSUMED, "nothing unread is let through"
)
PASSWORD = _credentials(
    "password",
    "Provided username {user} and/or password are incorrect",
    "DG: service-specific credentials; the words are Apache Cassandra's",
)
SIGV4_MECHANISM = _credentials(
    "sigv4-mechanism",
    "The client offered neither SigV4 nor a user name and password.",
    "AWS SigV4 plug-ins; DG: service-specific credentials",
)
SIGV4_FORMAT = _credentials(
    "sigv4-format", "Malformed SigV4 response: {problem}.", "AWS SigV4 plug-ins"
)
SIGV4_KEY = _credentials(
    "sigv4-access-key",
    "The security token included in the request is invalid: access key {key} is not known.",
    "AWS SigV4 plug-ins",
)
SIGV4_TOKEN = _credentials(
    "sigv4-session-token",
    "The security token included in the request is invalid.",
    "AWS SigV4 plug-ins",
)
SIGV4_DATE = _credentials(
    "sigv4-date",
    "Signature not valid at this time: {date} is more than 15 minutes away from {now}.",
    "AWS SigV4: X-Amz-Expires=900",
)
SIGV4_SIGNATURE = _credentials(
    "sigv4-signature",
    "The request signature does not match the one calculated here. Check the secret access key "
    "and the Region ({region} at this endpoint).",
    "AWS SigV4 plug-ins",
)

RULES: tuple[Rule, ...] = tuple(item for item in list(globals().values()) if isinstance(item, Rule))
