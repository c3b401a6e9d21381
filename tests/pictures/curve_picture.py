"""Draws how reviewed records save passes of the model, from a kept measurement, as an SVG for the README.

python -m tests.pictures.curve_picture
"""

from __future__ import annotations

import json
import math
from pathlib import Path

ROOT = Path(__file__).parents[1]
MEASURED, PICTURE = ROOT / "benchmarks" / "prefill-embedded-cpu.json", ROOT / "pictures" / "drafts.svg"
SVG = "http://www.w3.org/2000/svg"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 260, 52, 20, 34, 44


def main() -> int:
    """Write the picture."""
    points = [(one["n_known"], one["passes_per_note"]) for one in json.loads(MEASURED.read_text())["drafts"]]
    high = math.ceil(max(passes for _, passes in points) / 5) * 5
    # Sizes grow by about three: evenly spaced, the logarithm is the axis.
    step = (WIDTH - LEFT - RIGHT) / (len(points) - 1)
    places = [
        (LEFT + number * step, TOP + (HEIGHT - TOP - BOTTOM) * (1 - passes / high))
        for number, (_, passes) in enumerate(points)
    ]
    parts = [
        f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" fill="#52606d">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20">passes of the model a note, by records known</text>',
    ]
    for share in (0, 0.5, 1):
        down = TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)
        parts.append(f'<path d="M{LEFT} {down:.1f}H{WIDTH - RIGHT}" stroke="#e4e7eb"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{down + 4:.1f}" text-anchor="end">{high * share:g}</text>')
    line = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#0b7285" stroke-width="2.5"/>')
    for (across, down), (n_known, passes) in zip(places, points, strict=True):
        parts.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4" fill="#0b7285"/>')
        parts.append(f'<text x="{across:.1f}" y="{down - 9:.1f}" text-anchor="middle">{passes:.1f}</text>')
        parts.append(f'<text x="{across:.1f}" y="{HEIGHT - 18}" text-anchor="middle">{n_known}</text>')
    PICTURE.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
