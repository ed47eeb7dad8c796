"""Plots as SVG: horizontal bars, and ranges on a logarithmic axis."""

import html
import math

WIDTH, LABEL, RIGHT = 880, 300, 110
ROW, BAR = 24, 16
COLOURS = ["#2f6f9f", "#e08e2b", "#5a9e6f", "#a05195", "#8c8c8c"]


def number(value):
    """As people write it: three digits, no more."""
    if value is None:
        return "–"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}"


def text(x, y, words, anchor="start", style=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>'
            f"{html.escape(words)}</text>")


def line(x, top, bottom):
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" class="grid"/>'


def frame(height, parts):
    return (f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13">'
            "<style>.grid{stroke:#ddd}.limit{stroke:#b22;stroke-dasharray:4 3}</style>"
            + "".join(parts) + "</svg>")


def nice_step(top, parts=5):
    step = 10 ** math.floor(math.log10(top / parts))
    return next(step * f for f in (1, 2, 5, 10) if step * f * parts >= top)


def legend(names, y):
    parts, x = [], LABEL
    for index, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" '
                     f'fill="{COLOURS[index % len(COLOURS)]}"/>')
        parts.append(text(x + 17, y, name))
        x += 17 + 8 * len(name) + 24
    return parts


def bars(rows, unit, limit=None):
    """Rows are (label, {segment: value}); the segments of a row stand one behind the other."""
    rows = [(label, {k: v for k, v in segments.items() if v is not None})
            for label, segments in rows]
    names = list(dict.fromkeys(name for _, segments in rows for name in segments))
    top = max([sum(segments.values()) for _, segments in rows] + [limit or 0])
    if not rows or top <= 0:
        return ""
    head = 30 if len(names) > 1 else 8
    bottom = head + ROW * len(rows)
    room = WIDTH - LABEL - RIGHT
    parts = legend(names, 16) if len(names) > 1 else []
    step = nice_step(top)
    for tick in range(int(top / step + 1e-9) + 1):
        x = LABEL + room * tick * step / top
        parts += [line(x, head, bottom), text(x, bottom + 16, number(tick * step), "middle")]
    for index, (label, segments) in enumerate(rows):
        y, x = head + index * ROW, LABEL
        parts.append(text(LABEL - 8, y + 16, label, "end"))
        for name, value in segments.items():
            width = room * value / top
            parts.append(f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{BAR}" '
                         f'fill="{COLOURS[names.index(name) % len(COLOURS)]}"/>')
            x += width
        parts.append(text(x + 6, y + 16, number(sum(segments.values()))))
    if limit:
        x = LABEL + room * limit / top
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{head}" y2="{bottom}" class="limit"/>')
    parts.append(text(WIDTH - 4, bottom + 16, unit, "end"))
    return frame(bottom + 24, parts)


def ranges(rows, unit):
    """Rows are (label, p50, p99, max), on an axis of powers of ten."""
    rows = [row for row in rows if all(row[1:])]
    if not rows:
        return ""
    low = math.floor(math.log10(min(row[1] for row in rows)))
    high = max(math.ceil(math.log10(max(row[3] for row in rows))), low + 1)
    room, bottom = WIDTH - LABEL - RIGHT, 8 + ROW * len(rows)

    def place(value):
        return LABEL + room * (math.log10(value) - low) / (high - low)

    parts = []
    for power in range(low, high + 1):
        x = place(10 ** power)
        parts += [line(x, 8, bottom), text(x, bottom + 16, number(10 ** power), "middle")]
    for index, (label, p50, p99, most) in enumerate(rows):
        y = 8 + index * ROW + ROW / 2
        parts.append(text(LABEL - 8, y + 4, label, "end"))
        parts.append(f'<line x1="{place(p50):.1f}" x2="{place(most):.1f}" y1="{y}" y2="{y}" '
                     'stroke="#999" stroke-width="2"/>')
        parts.append(f'<circle cx="{place(p50):.1f}" cy="{y}" r="5" fill="{COLOURS[0]}"/>')
        for value in (p99, most):
            parts.append(f'<line x1="{place(value):.1f}" x2="{place(value):.1f}" y1="{y - 5}" '
                         f'y2="{y + 5}" stroke="{COLOURS[1]}" stroke-width="2"/>')
        parts.append(text(WIDTH - RIGHT + 8, y + 4, number(p50)))
    parts.append(text(WIDTH - 4, bottom + 16, unit, "end"))
    return frame(bottom + 24, parts)
