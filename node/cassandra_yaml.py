"""Read cassandra.yaml with nothing but the standard library of Python 3.6."""

import re
from typing import Dict

MIB = 1024 * 1024


def read_yaml(path: str) -> Dict[str, str]:
    """Return the top level of cassandra.yaml; a list or a map is an empty text."""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            match = re.match(r"^([a-z][a-z0-9_]*):(?:\s+(.*?))?\s*(?:\s#.*)?$", line)
            if match:
                value = match.group(2) or ""
                found[match.group(1)] = "" if value.startswith("#") else value.strip("'\"")
    return found


def size(yaml: Dict[str, str], name: str, old_name: str, default_mib: int) -> int:
    """Return a size in bytes: `32MiB` since Cassandra 4.1, a number of MiB before."""
    if yaml.get(name):
        match = re.match(r"^(\d+)\s*(B|KiB|MiB|GiB)$", yaml[name])
        if not match:
            raise ValueError(f"cassandra.yaml: {name}: {yaml[name]} is not a size; write 32MiB")
        power = ["B", "KiB", "MiB", "GiB"].index(match.group(2))
        return int(int(match.group(1)) * 1024**power)
    return int(yaml.get(old_name) or default_mib) * MIB
