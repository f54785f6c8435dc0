"""A curve as text, for terminals and logs."""

from __future__ import annotations

import numpy as np

BLOCKS = " ▁▂▃▄▅▆▇█"


def chart(x: np.ndarray, y: np.ndarray, title: str, height: int = 8) -> str:
    """Columns of blocks under the curve, from the lowest value (or 0) to the highest."""
    low, high = min(0.0, float(y.min())), max(float(y.max()), 1e-9)
    levels = (y - low) / (high - low) * height * 8
    lines = [title]
    for row in reversed(range(height)):
        cells = "".join(BLOCKS[int(np.clip(level - 8 * row, 0, 8))] for level in levels)
        mark = high if row == height - 1 else low if row == 0 else None
        lines.append(f"{'' if mark is None else f'{mark:.2f}':>7} │{cells}")
    right = f"{x[-1] / 1e6:.2f} M decisions"
    lines.append(f"{'':>7} └{'─' * len(y)}")
    lines.append(f"{'':>9}0{right:>{max(len(y) - 1, len(right) + 1)}}")
    return "\n".join(lines)
