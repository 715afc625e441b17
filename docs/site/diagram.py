"""Show a block of Mermaid in mkdocs as the theme wants it, and hide it from the search."""

from typing import Any

from pymdownx.superfences import fence_code_format

_OPENED = '<pre class="mermaid"'


def shown(*block: Any, **named: Any) -> str:
    """Return the HTML of a block."""
    html: str = fence_code_format(*block, **named)
    assert html.startswith(_OPENED), html
    return html.replace(_OPENED, f"{_OPENED} data-search-exclude", 1)
