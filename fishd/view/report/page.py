"""summary.html: a recorded console exported by rich, in a page with a light and a dark theme.

Rich writes colours as numbers. Ours are placeholders, which are replaced in the style sheet (never in the
text) by CSS variables; the page has a set of those for each theme.
"""

from __future__ import annotations

import html
import re

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme

_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_NUMBERED = [(0xFA, 0xCE, n) for n in range(18)]
_THEME = TerminalTheme(_NUMBERED[16], _NUMBERED[17], _NUMBERED[:8], _NUMBERED[8:16])
_NAMES = (*_COLOURS, *("bright-" + name for name in _COLOURS), "back", "text")
_PLACEHOLDER = re.compile("#face([01][0-9a-f])")
# Characters that a monospaced font lacks: the browser takes them from another font, with other widths.
_OTHER_FONTS = re.compile(
    "[\u0590-\u1dff\u200c\u200d\u2600-\u2712\u2718-\u27bf\u2b00-\u2bff\u2e80-\ufffd\U00010000-\U0010fffd]+"
)
_CUT = "\0"  # occurs in no text on the page

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{
  --back: #ffffff; --text: #1f2328; --outer: #eef1f4; --edge: #d5dae0;
  --black: #ffffff; --red: #c62828; --green: #1a7f37; --yellow: #8a5a00; --blue: #0b5fc0;
  --magenta: #8e3fb8; --cyan: #0b6e84; --white: #424a53; --bright-black: #6b7480;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --back: #14181d; --text: #dfe5ec; --outer: #0b0e11; --edge: #2a313a;
    --black: #14181d; --red: #ff7b72; --green: #56d364; --yellow: #e3b341; --blue: #79b8ff;
    --magenta: #d2a8ff; --cyan: #67d4e8; --white: #c3ccd6; --bright-black: #8b95a1;
  }}
}}
body {{ margin: 0; padding: 4vh 1rem; background: var(--outer); color: var(--text); }}
main {{
  box-sizing: border-box; width: fit-content; max-width: 100%; margin: 0 auto; padding: 1.75rem 2rem;
  overflow-x: auto; background: var(--back); border: 1px solid var(--edge); border-radius: 12px;
  box-shadow: 0 2px 14px rgba(0, 0, 0, .08);
}}
pre {{
  margin: 0; font: 15px/1.2 "Cascadia Mono", "JetBrains Mono", Menlo, "DejaVu Sans Mono", Consolas,
    "Liberation Mono", monospace; font-variant-ligatures: none;
}}
pre span {{ unicode-bidi: isolate; }}
.wide {{ display: inline-block; height: 1.2em; line-height: 1.2em; vertical-align: bottom; }}
@media print {{ body, main {{ padding: 0; border: 0; box-shadow: none; background: none; }} }}
{stylesheet}
</style>
</head>
<body>
<main><pre>{code}</pre></main>
</body>
</html>
"""


def page(console: Console, title: str) -> str:
    """The console's record as a self-contained page."""
    exported = console.export_html(theme=_THEME, code_format=f"{{stylesheet}}{_CUT}{{code}}")
    stylesheet, code = exported.split(_CUT)
    return _PAGE.format(
        title=html.escape(title),
        stylesheet=_PLACEHOLDER.sub(_variable, stylesheet),
        code=_OTHER_FONTS.sub(_measured, code).rstrip(),
    )


def _variable(match: re.Match[str]) -> str:
    return f"var(--{_NAMES[int(match[1], 16)]})"


def _measured(match: re.Match[str]) -> str:
    """The characters in a box of their width in terminal cells, so that the columns stay aligned."""
    return f'<span class="wide" style="width:{cell_len(match[0])}ch">{match[0]}</span>'
