"""Plots of how something grows, as SVG files that stand alone, light and dark. Both axes are logarithmic."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, BETWEEN = 320, 200, 62, 34, 70
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 }
.grid { stroke: #ddd }
.even { stroke: #999; stroke-dasharray: 4 4 }
.curve { fill: none; stroke: #1f6feb; stroke-width: 2 }
.dot { fill: #1f6feb }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd }
  .grid { stroke: #444 }
  .curve { stroke: #6cb0ff }
  .dot { fill: #6cb0ff }
}
"""


class Panel(NamedTuple):
    """One pair of axes: curves over the same x, named at their ends if there are several.

    Attributes:
      title: what y is, with its unit.
      across: what x is.
    """

    title: str
    across: str
    x: Sequence[float]
    curves: dict[str, Sequence[float]]


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Writes the panels beside each other. A dashed line shows growth in proportion to x, from the first point."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width = len(panels) * (LEFT + WIDTH + BETWEEN)
    inner = "".join(
        f'<g transform="translate({number * (LEFT + WIDTH + BETWEEN) + LEFT},{TOP})">{_panel(panel)}</g>'
        for number, panel in enumerate(panels)
    )
    box = f'width="{width}" height="{TOP + HEIGHT + 48}" viewBox="0 0 {width} {TOP + HEIGHT + 48}"'
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {box}><style>{STYLE}</style>{inner}</svg>\n')


def ticks(low: float, high: float) -> list[float]:
    """Returns 1, 2 and 5 times powers of ten within a range, or powers of ten alone where it is wide.

    >>> ticks(0.3, 4)
    [0.5, 1.0, 2.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = (1,) if high / low > 300 else (1, 2, 5)
    return [m * 10.0**p for p in powers for m in every if low <= m * 10.0**p <= high]


def _panel(panel: Panel) -> str:
    values = [y for curve in panel.curves.values() for y in curve]
    low, high = min(values) / 1.25, max(values) * 1.25

    def across(x: float) -> float:
        return WIDTH * math.log(x / panel.x[0]) / math.log(panel.x[-1] / panel.x[0])

    def down(y: float) -> float:
        return HEIGHT * (1 - math.log(y / low) / math.log(high / low))

    parts = [f'<text class="title" x="0" y="-14">{escape(panel.title)}</text>']
    for y in ticks(low, high):
        parts.append(f'<line class="grid" x1="0" x2="{WIDTH}" y1="{down(y):.1f}" y2="{down(y):.1f}"/>')
        parts.append(f'<text x="-8" y="{down(y) + 4:.1f}" text-anchor="end">{y:,.4g}</text>')
    for x in panel.x:
        parts.append(f'<text x="{across(x):.1f}" y="{HEIGHT + 20}" text-anchor="middle">{_short(x)}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT + 40}" text-anchor="middle">{escape(panel.across)}</text>')
    first = next(iter(panel.curves.values()))[0]
    last = min(panel.x[-1], panel.x[0] * high / first)  # where the line leaves the panel
    ends = f'x2="{across(last):.1f}" y2="{down(first * last / panel.x[0]):.1f}"'
    parts.append(f'<line class="even" x1="0" y1="{down(first):.1f}" {ends}/>')
    for name, curve in panel.curves.items():
        points = [(across(x), down(y)) for x, y in zip(panel.x, curve, strict=True)]
        parts.append(f'<polyline class="curve" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>')
        parts += [f'<circle class="dot" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in points]
        if len(panel.curves) > 1:
            parts.append(f'<text x="{WIDTH + 8}" y="{points[-1][1] + 4:.1f}">{escape(name)}</text>')
    return "".join(parts)


def _short(x: float) -> str:
    return f"{x / 1e6:,.3g}M" if x >= 1e6 else f"{x:,.0f}"
