"""The variable under the cursor in full, below the tables where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tracetool.tui.drawing import Drawn, hanging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.viewmodel.variables import VariableDetail

__all__ = ["Detail"]

_LABEL = 12
_LINE = 16
"""Bytes of a line; twice as many in a width of `_WIDE` columns."""
_WIDE = 150


class Detail(Drawn):
    """Name, place, state, attributes, the value in words, and the bytes."""

    DEFAULT_CSS = "Detail { padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._detail: VariableDetail | None = None

    def show(self, detail: VariableDetail | None) -> None:
        """Show a variable; None clears the widget."""
        self._detail = detail
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """Title, labelled paragraphs, bytes."""
        detail = self._detail
        if detail is None:
            return
        yield Content.styled(detail.title, "bold").truncate(width, ellipsis=True)
        for label, words in detail.parts:
            yield from hanging(Content.styled(label, "$foreground-muted"), words, width, _LABEL)
        step = _LINE * 2 if width >= _WIDE else _LINE
        for start in range(0, len(detail.data), step):
            part = detail.data[start : start + step]
            text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in part)  # noqa: PLR2004  ASCII
            line = Content.assemble(
                (f"{start:04x}".ljust(_LABEL), "$foreground-muted"), f"{part.hex(' '):{step * 3}} {text}"
            )
            yield line.truncate(width, ellipsis=True)
        if detail.more:
            yield Content.styled(f"{detail.more:,} more bytes are in the image", "$foreground-muted")
