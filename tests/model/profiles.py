"""The worlds that are claimed to converge, and the one in which only less is claimed."""

from __future__ import annotations

from dataclasses import dataclass

BROKER_BEHIND_US = 900_000
"""As far as the brokers' clocks are behind the true time, at most: less than what a skip allows."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Errors that clocks may have, and whether a stall may outlast every time limit.

    `blur_us`: within which read starts of two workers keep no order. `is_measured`: whether workers
    compare their clocks with the target's; `is_behind`: whether clocks are never ahead.

    `is_bounded`: the two bounds of the design hold, so that convergence is claimed as it stands.
    Where they do not, nothing may be lost, and reading every key once more must repair it.
    """

    name: str
    clock_error_us: int
    blur_us: int
    is_measured: bool
    is_bounded: bool
    is_behind: bool = False
    broker_behind_us: int = BROKER_BEHIND_US

    def __str__(self) -> str:
        return self.name


NEAR = Profile("near", 70_000, blur_us=6_000, is_measured=True, is_bounded=True)
FAR = Profile("far", 5_000_000, blur_us=10_000_200, is_measured=False, is_bounded=False)
BEHIND = Profile(
    "behind",
    1_000_000,
    2_000_200,
    is_measured=False,
    is_bounded=True,
    is_behind=True,
    broker_behind_us=0,
)
"""The target does not tell its time; clocks may be behind all the same: the stamps of records see
to it."""
PROFILES = {profile.name: profile for profile in (NEAR, FAR, BEHIND)}
