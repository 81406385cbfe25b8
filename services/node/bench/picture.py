"""A picture of what was measured against what is asked: one bar each, on one scale, so that nothing hides."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from services.node.bench.plan import Bar

_WIDTH: Final = 960
_LABEL: Final = 400
_ROW: Final = 30
_TOP: Final = 64
_AXIS_MAX: Final = 2.0
"""Times what is asked at the right end; what is more ends there, and its number says how much."""
_PER_ONE: Final = (_WIDTH - _LABEL - 130) / _AXIS_MAX
_ENOUGH, _SHORT = "#2c7a4b", "#b4543f"
_NOTE: Final = f"超过 {_AXIS_MAX:g} 倍者止于右端 · more than {_AXIS_MAX:g} times ends at the right"
_FONT: Final = "'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif"


def draw(bars: Sequence[Bar]) -> str:
    """Return an SVG of bars: each is a number divided by what is asked of it; the line stands at one."""
    bottom = _TOP + _ROW * len(bars)
    height, line = bottom + 34, _LABEL + _PER_ONE
    drawn = "".join(_bar(bar, _TOP + _ROW * place) for place, bar in enumerate(bars))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img"
     aria-labelledby="title" font-family="{_FONT}">
  <title id="title">实测与要求之比 · what was measured, divided by what is asked</title>
  <rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>
  <text x="16" y="30" font-size="16" font-weight="bold" fill="#1f3347">实测 ÷ 要求 · measured ÷ asked</text>
  <text x="{line:g}" y="52" font-size="12" fill="#33506b" text-anchor="middle">要求 · asked</text>
{drawn}\
  <line x1="{line:g}" x2="{line:g}" y1="{_TOP - 6}" y2="{bottom}" stroke="#33506b" stroke-dasharray="4 3"/>
  <text x="16" y="{height - 12}" font-size="12" fill="#55697c">{_NOTE}</text>
</svg>
"""


def _bar(bar: Bar, top: int) -> str:
    width = _PER_ONE * min(bar.value / bar.asked, _AXIS_MAX)
    colour = _ENOUGH if bar.value >= bar.asked else _SHORT
    label, number = f'x="{_LABEL - 10}" y="{top + 16}"', f'x="{_LABEL + width + 8:.1f}" y="{top + 16}"'
    return f"""\
  <text {label} font-size="12.5" fill="#1f3347" text-anchor="end">{escape(bar.what)}</text>
  <rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="22" rx="3" fill="{colour}"/>
  <text {number} font-size="12.5" fill="{colour}">{_text(bar.value)} / {_text(bar.asked)}</text>
"""


def _text(number: float) -> str:
    return f"{number:,.0f}" if number >= 1_000 else f"{number:,.3g}"
