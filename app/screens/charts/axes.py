"""Two axes and what can be drawn between them: where a value stands, and the figures that say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

TOP, BOTTOM = 12, 24

Pairs = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """A horizontal and a vertical scale in a drawing.

    Attributes:
        x: the ends of the horizontal scale.
        y: the ends of the vertical one.
        size: width and height of the drawing, in pixels.
        left: room for the figures of the vertical scale, in pixels.
        right: room behind the horizontal scale, in pixels.
        figure: how a value of the vertical scale is written.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    size: tuple[int, int] = (640, 180)
    left: int = 46
    right: int = 14
    figure: Callable[[float], str] = "{:.2f}".format

    @property
    def end(self) -> int:
        """Where the horizontal scale ends, in pixels."""
        return self.size[0] - self.right

    def place_x(self, x: float) -> float:
        """How far from the left a value stands, in pixels."""
        low, high = self.x
        return round(self.left + (x - low) / ((high - low) or 1) * (self.end - self.left), 1)

    def place_y(self, y: float) -> float:
        """How far from the top a value stands, in pixels."""
        low, high = self.y
        bottom = self.size[1] - BOTTOM
        return round(bottom - (y - low) / ((high - low) or 1) * (bottom - TOP), 1)

    def path(self, points: Iterable[tuple[float, float]]) -> str:
        """Points as SVG takes them."""
        return " ".join(f"{self.place_x(x)},{self.place_y(y)}" for x, y in points)

    @property
    def rows(self) -> list[tuple[float, float, str]]:
        """Begin, middle and end of the vertical scale: the share of it, where it stands, and its figure."""
        low, high = self.y
        ends = ((share, low + share * ((high - low) or 1)) for share in (0.0, 0.5, 1.0))
        return [(share, self.place_y(y), self.figure(y)) for share, y in ends]


@dataclass(frozen=True)
class Line:
    """A line in a plot.

    Attributes:
        dots: of its points: x, y, radius in pixels, and what is said of it.
        band: the outline of what lies around it.
    """

    points: Pairs
    dots: Sequence[tuple[float, float, float, str]] = ()
    band: Pairs = ()
