"""Templates to text, with what every page shares."""

from functools import cache
from typing import Any

import jinja2

from pipelines.disclosure import format_count
from pipelines.settings import Settings


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines.reporting"),
        autoescape=jinja2.select_autoescape(["html.j2"], default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["small"] = lambda count: format_count(count, Settings().min_cell)
    return environment


def render(template: str, *, banner: str = "", failed_since: str = "", **values: Any) -> str:
    """Render a page; a value that a template asks for and nobody gave is an error, never a blank."""
    shared = {"min_cell": Settings().min_cell, "banner": banner, "failed_since": failed_since}
    return _environment().get_template(template).render(**shared, **values)
