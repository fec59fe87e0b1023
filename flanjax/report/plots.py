"""Small plots as inline SVG strings.

Heights are pixels and horizontal positions are percentages, so that a plot fills whatever width the page has and its
text never shrinks. Curves live in a nested svg that stretches (`preserveAspectRatio="none"`) under strokes that do not.
Colours are classes (`c1`..`c6`, `soft`) that the page's style sheet defines for light and dark.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

WIDE = 1000


class Line(NamedTuple):
    """One curve; `label` is written at its end. `low` and `high` draw a band."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str = "c1"
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dashed: bool = False
    dots: bool = False
    across: str = "step"  # what x counts


class Dot(NamedTuple):
    """One value with its interval on a strip; `hollow` for a reference such as the untuned model."""

    value: float
    low: float | None = None
    high: float | None = None
    colour: str = "c1"
    hollow: bool = False
    title: str = ""


class Mark(NamedTuple):
    """A reference value on a strip, such as chance: a thin upright line."""

    value: float
    title: str
    colour: str = "soft"


class Scale(NamedTuple):
    """A range of values, and its round ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def percent(self, value: float) -> str:
        return f"{100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))):.2f}%"

    def pixel(self, value: float, height: float) -> float:
        return round(height * (1 - (value - self.low) / (self.high - self.low)), 2)


def scale_for(values: Sequence[float], ticks: int = 5, low: float | None = None, high: float | None = None) -> Scale:
    """Returns a scale with round ends around all finite `values`; `low` and `high` fix an end.

    >>> scale_for([3.0, 47.0]).ticks
    (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)
    """
    finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    bottom = min(finite) if low is None else low
    top = max(finite) if high is None else high
    top = top if top > bottom else bottom + 1
    rough = (top - bottom) / ticks
    unit = 10 ** math.floor(math.log10(rough))
    step = unit * min((m for m in (1, 2, 5, 10)), key=lambda m: abs(m * unit - rough))
    first, last = math.floor(bottom / step + 1e-9), math.ceil(top / step - 1e-9)
    marks = tuple(float(round(i * step, 10)) for i in range(first, last + 1))
    bottom, top = marks[0] if low is None else low, marks[-1] if high is None else high
    return Scale(bottom, top, tuple(m for m in marks if bottom <= m <= top))


def tick_text(value: float) -> str:
    """Returns a tick's text without needless digits: `0.5`, `20`, `1,200`, `20k`."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:,.10g}"


def strip(dots: Sequence[Dot], scale: Scale, marks: Sequence[Mark] = (), height: int = 22) -> Markup:
    """Returns dots with intervals on one horizontal line, over faint ticks."""
    middle = height / 2
    parts = [f'<line class="grid" x1="{scale.percent(t)}" x2="{scale.percent(t)}" y1="0" y2="{height}"/>' for t in scale.ticks]
    parts += [_mark(m, scale, height) for m in marks]
    parts += [_dot(dot, scale, middle) for dot in dots]
    return _svg("".join(parts), height, "strip")


def strip_axis(scale: Scale) -> Markup:
    """The tick labels that belong under a column of strips."""
    texts = (
        f'<text x="{scale.percent(t)}" y="12" text-anchor="{_anchor(t, scale)}">{tick_text(t)}</text>'
        for t in scale.ticks
        if scale.low <= t <= scale.high
    )
    return _svg("".join(texts), 16, "strip axis")


def bars(values: Sequence[tuple[float, str, str]], top: float, thickness: int = 7) -> Markup:
    """Returns thin horizontal bars from zero, one below the other; `values` are (value, colour class, title)."""
    parts = (
        f'<rect class="fill {colour}" x="0" y="{1 + i * (thickness + 2)}" height="{thickness}" rx="2" '
        f'width="{100 * min(1.0, value / top if top else 0.0):.2f}%"><title>{escape(title)}</title></rect>'
        for i, (value, colour, title) in enumerate(values)
    )
    return _svg("".join(parts), len(values) * (thickness + 2) + 2, "bars")


def gauge(share: float, colour: str = "c1") -> Markup:
    """A share 0..1 as a filled part of a rounded track."""
    track = '<rect class="track" x="0" y="1" width="100%" height="10" rx="5"/>'
    filled = f'<rect class="fill {colour}" x="0" y="1" width="{100 * min(1.0, max(0.0, share)):.2f}%" height="10" rx="5"/>'
    return _svg(track + filled, 12, "gauge")


def line_plot(lines: Sequence[Line], *, height: int = 230, scale: Scale | None = None, ends: bool = True) -> Markup:
    """Returns curves over a shared x axis, with ticks to the left and below; each curve is named at its right end."""
    xs = [x for line in lines for x in line.x]
    ys = [v for line in lines for values in (line.y, line.low or (), line.high or ()) for v in values]
    first, last = min(xs), max(xs)
    one = Scale(first - 1, first + 1, (first,))
    x_scale = Scale(first, last, scale_for(xs, 5 if ends else 2).ticks) if last > first else one
    y_scale = scale or scale_for(ys, max(2, height // 55))
    curves = "".join(_curve(line, x_scale, y_scale, height) for line in lines)
    stretched = (
        f'<svg x="0" y="8" width="100%" height="{height}" viewBox="0 0 {WIDE} {height}" preserveAspectRatio="none" '
        f'overflow="visible">{curves}</svg>'
    )
    grid = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{8 + y_scale.pixel(t, height)}" y2="{8 + y_scale.pixel(t, height)}"/>'
        for t in y_scale.ticks
    )
    points = "".join(_points(line, x_scale, y_scale, height) for line in lines if line.dots or len(line.x) == 1)
    plot = _svg(grid + stretched + points + _x_ticks(x_scale, height), height + 30, "plot")
    right = _end_labels(lines, y_scale, height) if ends else Markup("")
    return Markup('<div class="lines">{}{}{}</div>').format(_y_ticks(y_scale, height), plot, right)


def thin(x: Sequence[float], y: Sequence[float | None], most: int = 200) -> tuple[list[float], list[float]]:
    """Returns about `most` points at most: the means of equally many neighbours, and the last point."""
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if b is not None and math.isfinite(b)]
    width = max(1, math.ceil(len(pairs) / most))
    runs = [pairs[i : i + width] for i in range(0, len(pairs), width)]
    return [run[-1][0] for run in runs], [sum(b for _, b in run) / len(run) for run in runs]


def _svg(inner: str, height: float, name: str) -> Markup:
    return Markup(f'<svg class="{name}" width="100%" height="{height:g}" role="img">{inner}</svg>')


def _mark(mark: Mark, scale: Scale, height: int) -> str:
    x, title = scale.percent(mark.value), f"<title>{escape(mark.title)}</title>"
    return f'<line class="mark {mark.colour}" x1="{x}" x2="{x}" y1="1" y2="{height - 1}">{title}</line>'


def _dot(dot: Dot, scale: Scale, y: float) -> str:
    title = f"<title>{escape(dot.title)}</title>" if dot.title else ""
    whisker = ""
    if dot.low is not None and dot.high is not None:
        ends = f'x1="{scale.percent(dot.low)}" x2="{scale.percent(dot.high)}"'
        whisker = f'<line class="whisker {dot.colour}" {ends} y1="{y}" y2="{y}"/>'
    shape = "hollow" if dot.hollow else "dot"
    return f'<g>{title}{whisker}<circle class="{shape} {dot.colour}" cx="{scale.percent(dot.value)}" cy="{y}" r="4.5"/></g>'


def _curve(line: Line, x_scale: Scale, y_scale: Scale, height: int) -> str:
    def points(values: Sequence[float]) -> list[str]:
        across = (WIDE * (x - x_scale.low) / (x_scale.high - x_scale.low) for x in line.x)
        return [f"{a:.1f},{y_scale.pixel(v, height)}" for a, v in zip(across, values, strict=True)]

    band = ""
    if line.low is not None and line.high is not None:
        band = f'<polygon class="band {line.colour}" points="{" ".join(points(line.low) + points(line.high)[::-1])}"/>'
    dashed = " dashed" if line.dashed else ""
    return f'{band}<polyline class="curve {line.colour}{dashed}" points="{" ".join(points(line.y))}"/>'


def _points(line: Line, x_scale: Scale, y_scale: Scale, height: int) -> str:
    return "".join(
        f'<circle class="dot {line.colour}" cx="{x_scale.percent(x)}" cy="{8 + y_scale.pixel(y, height)}" r="3.5">'
        f"<title>{escape(line.label)}, {escape(line.across)} {x:,.10g}: {y:.2f}</title></circle>"
        for x, y in zip(line.x, line.y, strict=True)
    )


def _anchor(tick: float, scale: Scale) -> str:
    place = (tick - scale.low) / (scale.high - scale.low)
    return "start" if place < 0.03 else "end" if place > 0.97 else "middle"


def _x_ticks(scale: Scale, height: int) -> str:
    inside = [t for t in scale.ticks if scale.low <= t <= scale.high]
    y, spare = height + 26, range(1, len(inside), 2) if len(inside) > 3 else ()
    return "".join(
        f'<text class="{"odd" if i in spare else "even"}" x="{scale.percent(t)}" y="{y}" text-anchor="{_anchor(t, scale)}">'
        f"{tick_text(t)}</text>"
        for i, t in enumerate(inside)
    )


def _y_ticks(scale: Scale, height: int) -> Markup:
    texts = (f'<text x="36" y="{12 + scale.pixel(t, height)}" text-anchor="end">{tick_text(t)}</text>' for t in scale.ticks)
    return Markup(f'<svg class="left" width="44" height="{height + 30}" aria-hidden="true">{"".join(texts)}</svg>')


def _end_labels(lines: Sequence[Line], scale: Scale, height: int) -> Markup:
    """Returns the curves' names at their last values, moved apart if they would overlap."""
    wanted = sorted((8 + scale.pixel(line.y[-1], height), i) for i, line in enumerate(lines))
    placed: list[float] = []
    for y, _ in wanted:
        placed.append(max(y, placed[-1] + 16 if placed else y))
    overflow = max(0.0, placed[-1] - (height + 12)) if placed else 0.0
    texts = (
        f'<text class="end {lines[i].colour}" x="8" y="{y - overflow + 4:.1f}">{escape(lines[i].label)} '
        f'<tspan class="value">{lines[i].y[-1]:.3g}</tspan></text>'
        for y, (_, i) in zip(placed, wanted, strict=True)
    )
    return Markup(f'<svg class="ends" height="{height + 30}" aria-hidden="true">{"".join(texts)}</svg>')


def forest(
    rows: Sequence[Sequence[Dot]], scale: Scale, marks: Sequence[Mark], band: tuple[float, float] | None, row: int
) -> Markup:
    """Returns rows of dots with intervals, `row` pixels apart, over reference lines and a shaded band."""
    height = row * len(rows)
    parts = [f'<line class="grid" x1="{scale.percent(t)}" x2="{scale.percent(t)}" y1="0" y2="{height}"/>' for t in scale.ticks]
    if band:
        left, right = (float(scale.percent(end)[:-1]) for end in band)
        parts.append(f'<rect class="band c1" x="{left}%" width="{right - left:.2f}%" y="0" height="{height}"/>')
    parts += [_mark(m, scale, height) for m in marks]
    for i, dots in enumerate(rows):
        apart = row / (len(dots) + 1)
        parts += [_dot(dot, scale, row * i + apart * (j + 1)) for j, dot in enumerate(dots)]
    return _svg("".join(parts), height, "strip")
