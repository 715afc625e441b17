"""The tables of docs/how-to/tuning.md are what the kept figures come to."""

from __future__ import annotations

from dataclasses import replace

from bench import scale


def test_the_page_is_what_the_kept_figures_come_to() -> None:
    assert scale.page() in scale.PAGE.read_text(), "run python -m bench.scale"


def test_twice_the_changes_need_twice_the_units_and_money() -> None:
    found = scale.measured()
    one, two = (scale.need(found, rate) for rate in (10_000, 20_000))
    assert two.units_per_s == 2 * one.units_per_s
    assert two.keyspaces_usd == 2 * one.keyspaces_usd
    assert two.pollers >= one.pollers


def test_a_reader_of_every_copy_reaches_each_limit_of_the_target_sooner() -> None:
    found = scale.measured()
    every = replace(found, reads=3.0)
    of_found, of_every = ({what: at for at, what, _ in scale.limits(one)} for one in (found, every))
    assert all(of_every[limit] <= of_found[limit] for limit in of_found)
