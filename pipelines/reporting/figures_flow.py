"""The flow of a cohort as SVG text: who stays runs down, who leaves stands to the side, the arms at the bottom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from textwrap import wrap
from typing import Any

import altair as alt

from pipelines.reporting.figures import INK, RULE, SOFT, to_svg

WIDTH = 700
STAY_WIDTH, LEAVE_LEFT = 190, 226
LINE, PADDING, GAP = 16, 9, 14
PIXELS_PER_LETTER = 6.0  # of the widest font that the page asks for, at 11 pixels
PIXELS_PER_BOLD_LETTER = 7.6
STAY_FILL, LEAVE_FILL, ARM_FILL = "#e8eff2", "#ffffff", "#f4f1ea"


Line = tuple[float, float, float, float]


@dataclass(frozen=True)
class Stage:
    """People who left between two totals that may be shown, and the total after them.

    Attributes
    ----------
    left : tuple of str
        Lines of the box to the side; none at the start.
    remained : tuple of str
        Lines of the box of those who stay, the number first.
    """

    left: tuple[str, ...]
    remained: tuple[str, ...]


@dataclass(frozen=True)
class Box:
    """A box on the page: its corner and size, its bold lines, the others."""

    x: float
    y: float
    width: float
    height: float
    head: tuple[str, ...]
    rest: tuple[str, ...]
    fill: str
    centered: bool


def flow_diagram(stages: Sequence[Stage], arms: Sequence[tuple[str, ...]], *, title: str) -> str:
    """Draw the flow of a cohort.

    Parameters
    ----------
    stages : sequence of Stage
        The first is the start.
    arms : sequence of tuple of str
        Lines of the box of each arm, the label first.
    title : str
        What the picture shows, for those who have it read to them.
    """
    boxes = [written(0, 0, STAY_WIDTH, stages[0].remained, STAY_FILL, centered=True)]
    spine, y = STAY_WIDTH / 2, boxes[0].height + GAP / 2
    lines: list[Line] = []
    for stage in stages[1:]:
        leaving = written(LEAVE_LEFT, y, WIDTH - LEAVE_LEFT, stage.left, LEAVE_FILL, centered=False)
        middle = y + leaving.height / 2
        lines.append((spine, middle, LEAVE_LEFT, middle))
        # Those who stay stand on the height of the gap between two boxes of those who leave.
        staying = written(0, 0, STAY_WIDTH, stage.remained, STAY_FILL, centered=True)
        top = y + leaving.height + (GAP - staying.height) / 2
        boxes += [leaving, replace(staying, y=top)]
        y += leaving.height + GAP
    members = [box for box in boxes if box.x == 0][-1]
    y = max(y, members.y + members.height)
    lines.append((spine, 0.0, spine, members.y))
    if arms:
        y += 2 * GAP
        width = (WIDTH - GAP * (len(arms) - 1)) / len(arms)
        row = [
            written(n * (width + GAP), y, width, arm, ARM_FILL, centered=True) for n, arm in enumerate(arms)
        ]
        boxes += same_height(row)
        fork = y - GAP
        tops = [box.x + width / 2 for box in row]
        lines += [(spine, members.y, spine, fork), (min(spine, *tops), fork, max(tops), fork)]
        lines += [(top, fork, top, y) for top in tops]
    return drawn(boxes, lines, height=max(box.y + box.height for box in boxes) + 2, title=title)


def written(x: float, y: float, width: float, lines: Sequence[str], fill: str, *, centered: bool) -> Box:
    """A box that is as high as its text, wrapped to its width."""
    room = width - 2 * PADDING
    head = wrap(lines[0], int(room / PIXELS_PER_BOLD_LETTER))
    rest = [part for line in lines[1:] for part in wrap(line, int(room / PIXELS_PER_LETTER))]
    height = (len(head) + len(rest)) * LINE + 2 * PADDING
    return Box(x, y, width, height, tuple(head), tuple(rest), fill, centered)


def same_height(boxes: Sequence[Box]) -> list[Box]:
    """Boxes side by side."""
    height = max(box.height for box in boxes)
    return [replace(box, height=height) for box in boxes]


def drawn(boxes: Sequence[Box], lines: Sequence[Line], *, height: float, title: str) -> str:
    """The boxes over the lines, as SVG."""
    x_scale = alt.Scale(domain=[0, WIDTH], nice=False, zero=False)
    y_scale = alt.Scale(domain=[0, height], reverse=True, nice=False, zero=False)
    x = alt.X("x:Q", scale=x_scale, axis=None)
    y = alt.Y("y:Q", scale=y_scale, axis=None)
    rules = (
        alt.Chart(alt.Data(values=[dict(zip(("x", "y", "x2", "y2"), line, strict=True)) for line in lines]))
        .mark_rule(color=SOFT)
        .encode(x=x, y=y, x2="x2:Q", y2="y2:Q")
    )
    corners = [
        {"x": box.x, "y": box.y, "x2": box.x + box.width, "y2": box.y + box.height, "fill": box.fill}
        for box in boxes
    ]
    rectangles = (
        alt.Chart(alt.Data(values=corners))
        .mark_rect(stroke=RULE, cornerRadius=3)
        .encode(x=x, y=y, x2="x2:Q", y2="y2:Q", fill=alt.Fill("fill:N", scale=None))
    )
    texts = [text for centered in (True, False) for text in text_layers(boxes, x, y, centered=centered)]
    chart = alt.layer(rules, rectangles, *texts).properties(width=WIDTH, height=height)
    svg = to_svg(chart)
    inside = svg.index(">") + 1  # Vega leaves a chart's description out of the SVG
    return f"{svg[:inside]}<title>{escape(title)}</title>{svg[inside:]}"


def text_layers(boxes: Sequence[Box], x: alt.X, y: alt.Y, *, centered: bool) -> list[alt.Chart]:
    """The words of the boxes: the head of each bold."""
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for box in boxes:
        if box.centered is not centered:
            continue
        for number, line in enumerate((*box.head, *box.rest)):
            rows[number < len(box.head)].append(
                {
                    "x": box.x + (box.width / 2 if centered else PADDING),
                    "y": box.y + PADDING + (number + 0.5) * LINE,
                    "text": line,
                }
            )
    return [
        alt.Chart(alt.Data(values=found))
        .mark_text(
            align="center" if centered else "left",
            fontSize=12 if bold else 11,
            fontWeight="bold" if bold else "normal",
            color=INK,
        )
        .encode(x=x, y=y, text="text:N")
        for bold, found in rows.items()
        if found
    ]
