"""Hold what AWS asks for, USD: the figures of `prices.toml`, by service and Region.

`hintferry prices` renews them from AWS's price list files. No Region stands in for another.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hintferry.core.errors import ConfigurationError
from hintferry_ops.cost.offer_file import HOURS_A_MONTH, OFFERS, SAVINGS, URL, Figure

__all__ = ["HOURS_A_MONTH", "POLLERS_A_UNIT", "PriceBook", "Prices", "price_book", "written"]

OWN_FILE = "prices.toml"
SHIPPED = Path(__file__).with_name(OWN_FILE)

POLLERS_A_UNIT = 10
"""lambda/latest/dg/kafka-scaling-modes.html"""

Sections = dict[str, dict[str, dict[str, Any]]]
"""Prices by service, Region and figure; each Region has `published` too."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of Keyspaces in one Region; `dated` says when AWS published them."""

    region: str
    dated: str
    million_writes: float
    """Write request units, on demand."""

    million_reads: float
    """Read request units at LOCAL_QUORUM, on demand."""

    write_hour: float
    """One unit a second of provisioned capacity, for an hour."""

    read_hour: float
    storage_gib_month: float
    recovery_gib_month: float
    """The part for point-in-time recovery, on top of `storage_gib_month`."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """All that is known; a Region, or a figure of it, may be missing."""

    sections: Sections

    def keyspaces(self, region: str) -> Prices:
        """Return the prices of Keyspaces in a Region. Raises ConfigurationError without them."""
        found = self.sections.get("keyspaces", {}).get(region, {})
        names = [one.name for one in fields(Prices)][2:]
        if not all(name in found for name in names):
            raise ConfigurationError(unknown("AmazonMCS", region))
        return Prices(region, found["published"], *(float(found[name]) for name in names))

    def usd(self, service: str, region: str, name: str, member: str = "") -> float | None:
        """Return one figure, or None where it is not known; `member`: which of several."""
        found = self.sections.get(service, {}).get(region, {}).get(name)
        return found.get(member) if isinstance(found, Mapping) else found

    def dated(self, region: str) -> list[str]:
        """Return the days on which the prices of a Region were published."""
        days = {
            regions[region]["published"]
            for regions in self.sections.values()
            if region in regions and "published" in regions[region]
        }
        return sorted(days)


def unknown(offer: str, region: str) -> str:
    """Return the sentence that says how a price that is not known becomes known."""
    return (
        f"no price is known for {region}: run `hintferry prices OFFER.json...` with the file from"
        f" {URL.format(offer=offer, region=region)}"
    )


def price_book(folder: Path | None = None) -> PriceBook:
    """Return the shipped prices, replaced where the `prices.toml` of that folder has its own.

    Raises ConfigurationError for a file that cannot be read.
    """
    shipped = _read(SHIPPED)
    own = {} if folder is None or not (folder / OWN_FILE).exists() else _read(folder / OWN_FILE)
    return PriceBook(_merged(shipped, own))


def renewed(path: Path, found: Iterable[Figure]) -> Sections:
    """Return the text of a `prices.toml` once these figures are in it."""
    fresh: Sections = {}
    for one in found:
        region = fresh.setdefault(one.service, {}).setdefault(one.region, {})
        region["published"] = one.published
        if one.member:
            region.setdefault(one.name, {})[one.member] = one.usd
        else:
            region[one.name] = one.usd
    return _merged(_read(path) if path.exists() else {}, fresh)


def written(sections: Sections) -> str:
    """Return the text of a `prices.toml`."""
    return "\n".join(_lines(sections)) + "\n"


def _lines(sections: Sections) -> Iterator[str]:
    yield "# USD, from AWS's price list files; `hintferry prices` writes this file."
    for service, regions in sorted(sections.items()):
        for region, figures in sorted(regions.items()):
            yield f"\n[{service}.{region}]"
            yield f'published = "{figures["published"]}"'
            for name, usd in sorted(figures.items()):
                if isinstance(usd, dict):
                    members = (f'"{one}" = {_number(of)}' for one, of in sorted(usd.items()))
                    yield f"{name} = {{ {', '.join(members)} }}"
                elif name != "published":
                    yield f"{name} = {_number(usd)}"


def _number(usd: float) -> str:
    return f"{usd:.10f}".rstrip("0") + ("0" if usd == int(usd) else "")


def _merged(old: Sections, new: Sections) -> Sections:
    """Return both; a figure of `new` counts where both have it."""
    merged: Sections = {service: dict(regions) for service, regions in old.items()}
    for service, regions in new.items():
        for region, figures in regions.items():
            before = merged.setdefault(service, {}).get(region, {})
            merged[service][region] = _both(before, figures)
    return merged


def _both(before: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Any]:
    both = {**before, **figures}
    for name, members in figures.items():
        if isinstance(members, dict) and isinstance(before.get(name), dict):
            both[name] = {**before[name], **members}
    return both


def _read(path: Path) -> Sections:
    try:
        tree = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}; move it away") from error
    strangers = [name for name in tree if name not in SERVICES]
    if strangers:
        raise ConfigurationError(f"{path} has {', '.join(strangers)}, which is no service; fix it")
    return tree


SERVICES = {kind.service for kinds in OFFERS.values() for kind in kinds} | {SAVINGS}
