"""Read `[tags]`, which everything that the stacks make has, as all services take them."""

from __future__ import annotations

import re

from hintferry.adapters.config.toml_section import Section
from hintferry.core.errors import ConfigurationError

PIPELINE_TAG = "hintferry:pipeline"
"""The tag that each resource has of its pipeline's name."""

MOST_TAGS = 50
"""The most tags of a resource, this one included."""

_LONGEST_KEY, _LONGEST_VALUE = 128, 256
_TAKEN = re.compile(r"[\w .:/=+@-]+")


def tags_of(section: Section) -> dict[str, str]:
    """Take all of them. Raises ConfigurationError for what a service would refuse."""
    tags: dict[str, str] = {}
    folded = {PIPELINE_TAG}
    for key in section.names():
        value = section.take(key, str)
        section.refuse_if(
            key.lower().startswith("aws:"), key, "begins with aws:, which AWS keeps; rename it"
        )
        # IAM takes two keys for one that differ in case alone.
        section.refuse_if(key.casefold() in folded, key, "is there already; take it out")
        for what, text, longest in (("key", key, _LONGEST_KEY), ("value", value, _LONGEST_VALUE)):
            section.refuse_if(
                not 1 <= len(text) <= longest,
                key,
                f"has a {what} of {len(text)} characters; write 1 to {longest}",
            )
            section.refuse_if(
                not _TAKEN.fullmatch(text),
                key,
                f'has the {what} "{text}"; write letters, digits, spaces and _ . : / = + - @',
            )
        tags[key] = value
        folded.add(key.casefold())
    if len(tags) >= MOST_TAGS:
        raise ConfigurationError(
            f"{section.where} has {len(tags)} tags, and AWS takes {MOST_TAGS} of a resource, one of"
            f" them Hintferry's own; take {len(tags) - MOST_TAGS + 1} out"
        )
    return tags
