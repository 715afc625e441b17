"""The verb `prices`: its options, and the run from AWS's files to `prices.toml`."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated, Any

import typer

from hintferry.core.errors import ConfigurationError
from hintferry_cli.exits import Status, statuses
from hintferry_cli.failures import GlobalOptions, told_plainly
from hintferry_cli.next_steps import conclude, next_steps
from hintferry_cli.options import Json
from hintferry_ops.cost.offer_file import OFFERS, URL, Figure, figures
from hintferry_ops.cost.prices import OWN_FILE, renewed, written

HELP = "\n\n".join(
    (
        "Read AWS's price list files into prices.toml, for `hintferry cost` and the passes.",
        f"Download the JSON files of {', '.join(OFFERS)} from"
        f" {URL.format(offer='OFFER', region='REGION')} (put the offer's name for OFFER). A file of"
        " a Savings Plan is read too. A figure that a file"
        " does not have stays as it is. `hintferry cost` reads the prices.toml beside the"
        " configuration, and for what it does not have the figures that Hintferry was released"
        " with.",
        "Examples",
        "  hintferry prices AmazonMCS.json AmazonMSK.json AWSLambda.json",
        "  hintferry prices AmazonMCS.json --out prices.toml --json",
        statuses("the prices are in the file", unavailable=""),
    )
)


def prices(
    context: typer.Context,
    offers: Annotated[list[Path], typer.Argument(metavar="OFFER.json...", help="AWS's files.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write.")] = Path(OWN_FILE),
    json: Json = False,
) -> None:
    with told_plainly(context.find_object(GlobalOptions) or GlobalOptions(debug=False)):
        found = [figure for path in offers for figure in figures(_tree(path), str(path))]
        text = written(renewed(out, found))
        try:
            out.write_text(text)
        except OSError as error:
            raise ConfigurationError(
                f"{out} cannot be written: {error.strerror}; give another place with --out"
            ) from error
    steps = next_steps("prices", Status.DONE)
    if json:
        conclude({"file": str(out), "figures": [_as_tree(one) for one in found]}, steps)
        return
    regions = sorted({one.region for one in found})
    services = sorted({one.service for one in found})
    typer.echo(
        f"{out}: {len(found):,} figures of {', '.join(services)} in {len(regions)}"
        f" Region{'' if len(regions) == 1 else 's'}."
    )
    conclude(None, steps)


def _as_tree(one: Figure) -> dict[str, Any]:
    member = {"of": one.member} if one.member else {}
    where = {"service": one.service, "region": one.region, "figure": one.name, **member}
    return {**where, "usd": one.usd, "published": one.published}


def _tree(path: Path) -> dict[str, Any]:
    try:
        tree = json_text.loads(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; fix it") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}; download it again") from error
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{path} is no price list of AWS; download it again")
    return tree
