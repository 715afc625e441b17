"""Describe how the source is reached, as `[source]` of `migration.toml` says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hintferry.adapters.config.toml_section import Section

_SECRET_ARN = re.compile(r"arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:\S+-\w{6}")
"""The ARN of a secret with the six characters that Secrets Manager adds, as a policy must name it.
"""

_HOST_AND_PORT = re.compile(r"[^:]+:\d*")
"""No IPv6 address, which has more colons."""


class Auth(Enum):
    """The ways to log in to the source; the secret has what each of them needs."""

    NONE = "none"
    PASSWORD = "password"
    MTLS = "mtls"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """The settings of the Cassandra cluster: some of its nodes, and the datacenter to read.

    `ca_file` None means the certificates that the layer ships. Without `host_names` a node may have
    a certificate for any name.
    """

    contact_points: tuple[str, ...]
    port: int
    datacenter: str
    tls: bool = False
    ca_file: Path | None = None
    host_names: bool = True
    auth: Auth = Auth.NONE
    secret_arn: str = ""


def source_settings(given: Mapping[str, Any], path: Path) -> SourceSettings:
    """Return the settings that a command was given instead of the file at `path`.

    Raises ConfigurationError.
    """
    return source_of(Section("source", given), path)


def _points(section: Section) -> tuple[str, ...]:
    points = tuple(section.texts("contact_points"))
    section.refuse_if(
        any(map(_HOST_AND_PORT.fullmatch, points)),
        "contact_points",
        "has a port; write the host alone, and its port as source.port",
    )
    return points


def source_of(section: Section, path: Path) -> SourceSettings:
    """Raises ConfigurationError for options that do not go together too."""
    ca_file = section.take("ca_file", str, "")
    settings = SourceSettings(
        _points(section),
        section.take("port", int, 9042),
        section.take("datacenter", str),
        section.take("tls", bool, False),
        path.parent / ca_file if ca_file else None,
        section.take("host_names", bool, True),
        section.choice("auth", Auth, Auth.NONE),
        section.take("secret_arn", str, ""),
    )
    section.refuse_if(
        "/" in ca_file, "ca_file", "is a path; write the name of a file beside migration.toml"
    )
    section.refuse_if(
        settings.ca_file is not None and not settings.ca_file.is_file(),
        "ca_file",
        "names no file; put the PEM file of the source's CA beside migration.toml",
    )
    needs_tls = settings.ca_file is not None or settings.auth is Auth.MTLS
    section.refuse_if(
        needs_tls and not settings.tls, "tls", 'is false; ca_file and auth = "mtls" need it true'
    )
    section.refuse_if(
        not settings.host_names and settings.ca_file is None,
        "host_names",
        "is false; it takes a ca_file, or anybody with a certificate could be the source",
    )
    section.refuse_if(
        settings.auth is not Auth.NONE and not _SECRET_ARN.fullmatch(settings.secret_arn),
        "secret_arn",
        "is not the whole ARN of a secret; print it with: aws secretsmanager describe-secret",
    )
    section.refuse_if(
        settings.auth is Auth.NONE and bool(settings.secret_arn),
        "auth",
        'is "none"; write "password" or "mtls" where there is a secret_arn',
    )
    return settings
