"""Configuration files of the parts, from the templates in `sandbox/parts/conf`."""

from pathlib import Path
from string import Template

CONF = Path(__file__).with_name("conf")


def write(template: str, target: Path, **values: object) -> Path:
    """Fill in `template` (`$name`) and write it to `target`; KeyError when a value is missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(Template((CONF / template).read_text()).substitute(values))
    return target
