"""The worlds that are claimed to converge, and the one in which only less is claimed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """How wrong clocks may be, and whether a stall may outlast every time limit.

    `is_bounded`: the two bounds of the design hold, so that convergence is claimed as it stands.
    Where they do not, nothing may be lost, and reading every key once more must mend it.
    """

    name: str
    clock_error_us: int
    is_bounded: bool


NEAR = Profile("near", clock_error_us=1_000, is_bounded=True)
FAR = Profile("far", clock_error_us=5_000_000, is_bounded=False)
BROKER_BEHIND_US = 900_000
"""As far as the brokers' clocks are behind the true time, at most: less than what a skip allows."""

PROFILES = {profile.name: profile for profile in (NEAR, FAR)}
