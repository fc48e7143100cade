"""What can be done in the map and in the image."""

from __future__ import annotations

from tracetool.tui.action import Action

__all__ = ["FLASH_ACTIONS"]

_MAP = (
    ("map.open", "enter", "open", "Show operations", "Filter the timeline to the range.", "operations"),
    (
        "map.metric",
        "v",
        "ask('metric', 1)",
        "Count something else",
        "Erases, programs, changed bytes, refused operations, or what was touched last.",
        "count",
    ),
    ("map.metric.back", "V", "ask('metric', -1)", "Count what was before", "The same, backwards.", ""),
    ("map.closer", "plus,equals_sign", "ask('zoom', 1)", "Closer", "Cells of fewer bytes, down to 128.", "closer"),
    ("map.farther", "minus", "ask('zoom', -1)", "Farther", "Cells of more bytes, up to a block.", "farther"),
    ("map.device", "D", "ask('device', 1)", "Next flash in the map", "Show the map of another flash.", "device"),
    (
        "map.look",
        "s",
        "ask('look', 1)",
        "Halves or shades",
        "Cells as coloured halves of characters, or fewer as shades, which need no colours.",
        "",
    ),
    ("map.left", "left,h", "cell(-1)", "Cell before", "One to the left.", ""),
    ("map.right", "right,l", "cell(1)", "Cell after", "One to the right.", ""),
    ("map.up", "up,k", "row(-1)", "Cells above", "The row above.", ""),
    ("map.down", "down,j", "row(1)", "Cells below", "The row below.", ""),
    ("map.page.up", "pageup,ctrl+u", "page(-1)", "Page of cells up", "As many rows up as are seen.", ""),
    ("map.page.down", "pagedown,ctrl+d", "page(1)", "Page of cells down", "As many rows down as are seen.", ""),
    ("map.first", "g,home", "edge(False)", "First cell", "The beginning of the flash.", ""),
    ("map.last", "G,end", "edge(True)", "Last cell", "The end of the flash.", ""),
    ("map.range.left", "shift+left,H", "cell(-1, True)", "Select to the left", "This cell and the one before.", ""),
    ("map.range.right", "shift+right,L", "cell(1, True)", "Select to the right", "This cell and the next.", ""),
    ("map.range.up", "shift+up,K", "row(-1, True)", "Select a row up", "Up to the row above.", ""),
    ("map.range.down", "shift+down,J", "row(1, True)", "Select a row down", "Down to the row below.", ""),
)
_IMAGE = (
    ("image.back", "left_square_bracket", "ask('step', -1)", "Change before", "Take the last change away.", "back"),
    ("image.on", "right_square_bracket", "ask('step', 1)", "Next change", "Make the next change.", "on"),
    ("image.begin", "left_curly_bracket", "ask('ends', -1)", "Before all changes", "As the flash was at first.", ""),
    ("image.end", "right_curly_bracket", "ask('ends', 1)", "After all changes", "As it was at the end.", ""),
    (
        "image.compare",
        "d",
        "ask('compare')",
        "Compare",
        "Mark what differs from the moment before, the beginning, the end, or the marked moment.",
        "compare",
    ),
    ("image.mark", "M", "ask('mark')", "Mark this moment", "Compare with this moment from now on.", ""),
    ("image.play", "space", "ask('play')", "Play", "Let the trace run in time; again: stop.", "play"),
    ("image.faster", "plus,equals_sign", "ask('speed', 1)", "Faster", "Up to as fast as it can be drawn.", ""),
    ("image.slower", "minus", "ask('speed', -1)", "Slower", "Down to a thousandth of real time.", ""),
    (
        "image.goto",
        "colon",
        "ask('go_to')",
        "Go to an offset",
        "Type an offset, or block:3, or #1234 for the moment after an event.",
        "go to",
    ),
    (
        "image.find",
        "slash",
        "ask('find')",
        "Find bytes",
        "Type bytes, 40 00 40 00, or a text, which is found as UTF-16 too.",
        "find",
    ),
    ("image.find.next", "n", "ask('found', 1)", "Next place found", "The next place that has it.", ""),
    ("image.find.previous", "N", "ask('found', -1)", "Place found before", "The place before that has it.", ""),
    ("image.changed.next", "full_stop", "ask('changed', 1)", "Next that differs", "Go to the next bytes marked.", ""),
    ("image.changed.previous", "comma", "ask('changed', -1)", "Previous that differs", "The same, backwards.", ""),
    ("image.device", "D", "ask('device')", "Next flash", "Show another flash.", "device"),
    ("image.left", "left,h", "byte(-1)", "Byte before", "One to the left.", ""),
    ("image.right", "right,l", "byte(1)", "Byte after", "One to the right.", ""),
    ("image.up", "up,k", "line(-1)", "Line up", "The line above.", ""),
    ("image.down", "down,j", "line(1)", "Line down", "The line below.", ""),
    ("image.page.up", "pageup,ctrl+u", "page(-1)", "Page of bytes up", "As many lines up as are seen.", ""),
    ("image.page.down", "pagedown,ctrl+d", "page(1)", "Page of bytes down", "As many lines down as are seen.", ""),
    ("image.first", "g,home", "edge(False)", "First line", "The beginning of the flash.", ""),
    ("image.last", "G,end", "edge(True)", "Last line", "The end of the flash.", ""),
)

FLASH_ACTIONS = tuple(
    Action(name, keys, call, title, words, where, footer=footer)
    for where, actions in (("map", _MAP), ("image", _IMAGE))
    for name, keys, call, title, words, footer in actions
)
"""In the order of the help."""
