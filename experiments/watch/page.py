"""Writes the replay page: one HTML file that opens from disk, with all data, styles and scripts inside it.

The 3-D view is a small WebGL2 renderer of ours and not three.js. A trace holds six kinds of primitive shapes, so
some 300 lines draw it, shadows and anti-aliasing included; a page without the library is a fifth of the size; and
no release of a third party's wrapper (the only way to get three.js r130 through a Python dependency, itself years
behind) can break or outdate a page. Where a browser has no WebGL2 the page draws the world from above on a canvas.

Nothing here needs a display, a GPU or a network; the page's own policy forbids it to fetch anything.
"""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from typing import Any

from experiments.watch.encode import encode
from experiments.watch.trace import Trace

PAGE = Path(__file__).parent / "page"
SCRIPTS = (
    "data", "maths", "dom", "shapes", "shaders", "renderer", "camera", "lines", "ghosts", "world", "plan", "view",
    "retina", "graph_layout", "graph", "population", "meters", "strips", "timeline", "log", "transport", "main",
)  # fmt: skip
"""In this order: they share one scope, and constants come before their use."""


def write_page(trace: Trace, path: str | Path) -> Path:
    """Writes `trace` as a page to `path` and returns the path; the file appears whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(render(trace), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def render(trace: Trace) -> str:
    """The page's text."""
    scripts = "\n".join(f"// {name}.js\n{_source(f'{name}.js')}" for name in SCRIPTS)
    parts = {
        "TITLE": html.escape(f"{trace.meta.title} · Scrubjay"),
        "STYLE": _source("style.css"),
        "SCRIPTS": f'(() => {{\n"use strict";\n{scripts}\n}})();',
        "TRACE": _json(encode(trace)),
    }
    page = _source("template.html")
    for name, text in parts.items():
        before, mark, after = page.partition(f"<!--{name}-->")
        page = before + text + after if mark else page
    return page


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")


def _source(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")
