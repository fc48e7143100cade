"""Everything that can be done in the app: one list for key bindings, palette, help, footer and the documentation."""

from __future__ import annotations

from textual.binding import Binding

from tracetool.tui.action import Action, shown_key
from tracetool.tui.flash_actions import FLASH_ACTIONS

__all__ = ["ACTIONS", "PLACES", "Action", "bindings_of", "shown_key"]

PLACES = {
    "anywhere": "Anywhere",
    "timeline": "In the timeline",
    "table": "In tables of rows",
    "map": "In the map",
    "image": "In the image",
}
"""Where actions work, in the order of the help, with the heading there."""


ACTIONS: tuple[Action, ...] = (
    Action("view.overview", "1", "view('overview')", "Overview", "Show the verdict, the devices and what was found."),
    Action("view.timeline", "2", "view('timeline')", "Timeline", "Show the table of operations."),
    Action("view.map", "3", "view('map')", "Map", "Show the flash as a map of what was done where."),
    Action("view.findings", "4", "view('findings')", "Findings", "Show every finding: why it matters, what to do."),
    Action("view.image", "5", "view('image')", "Image", "Show the bytes of the flash at any moment."),
    Action(
        "finding.next",
        "e",
        "jump('FINDING', True)",
        "Next finding",
        "Go to the next operation with a finding: with an error, where there is any, else with a warning or a note.",
        footer="finding",
    ),
    Action("finding.previous", "E", "jump('FINDING', False)", "Previous finding", "The same, backwards."),
    Action("erase.next", "b", "jump('ERASE', True)", "Next erase", "Go to the next erase of a block."),
    Action("erase.previous", "B", "jump('ERASE', False)", "Previous erase", "The same, backwards."),
    Action(
        "outside.next",
        "o",
        "jump('OUTSIDE', True)",
        "Next access outside",
        "Go to the next operation that reaches beyond the extent.",
    ),
    Action("outside.previous", "O", "jump('OUTSIDE', False)", "Previous access outside", "The same, backwards."),
    Action(
        "goto",
        "colon",
        "go_to",
        "Go to",
        "Type a place: 0x40000, +64K from here, block:3, #1234 (an event), t=1.25s, 12% of the rows.",
        footer="go to",
    ),
    Action(
        "filter",
        "f",
        "filter",
        "Filter",
        "Type a query and hide the rows that it does not select: offset >= 768K and op == program. Empty shows all.",
        footer="filter",
    ),
    Action("filter.toggle", "F", "toggle_filter", "Filter off or on", "Show what the filter hides; again: hide it."),
    Action(
        "search",
        "slash",
        "search",
        "Search",
        "Type words, an offset or a query, and go to the next row that has it; nothing is hidden.",
        footer="search",
    ),
    Action("search.next", "n", "found(True)", "Next match", "Go to the next row that the search found."),
    Action("search.previous", "N", "found(False)", "Previous match", "Go to the row that it found before this one."),
    Action(
        "level",
        "z",
        "level",
        "Operations, accesses or events",
        "Look more closely: a row for each operation, each access of the guest, or each event.",
        footer="level",
    ),
    Action(
        "time",
        "t",
        "time",
        "Way of showing times",
        "Since the first event, since the row above, since the mark, or as recorded.",
    ),
    Action("time.mark", "T", "mark", "Count times from here", "Show the time since this row."),
    Action("what-if", "P", "what_if", "What if", "Audit again with another extent or policy: extent 512K."),
    Action("copy.row", "y", "copy(False)", "Copy the row", "Put the row into the clipboard, cells separated by tabs."),
    Action("copy.range", "Y", "copy(True)", "Copy the selection", "Put the selected rows into the clipboard."),
    Action("copy.command", "C", "copy_command", "Copy as command", "Put the command that gives what is shown there."),
    Action(
        "export",
        "x",
        "export",
        "Export",
        "Write exactly the rows that the filter leaves to a file: .csv, .jsonl or .parquet.",
        footer="export",
    ),
    Action(
        "bookmark",
        "m",
        "bookmark",
        "Bookmark",
        "Keep this event, with a note; it is there again whenever the same trace is shown.",
    ),
    Action(
        "bookmarks", "apostrophe", "bookmarks", "Bookmarks", "List the bookmarks: Enter goes there, Delete drops one."
    ),
    Action("theme", "ctrl+t", "theme", "Light or dark", "Change between the light and the dark theme."),
    Action("palette", "ctrl+p", "command_palette", "All commands", "Find a command by its name."),
    Action("help", "question_mark", "help", "Help", "Show all keys.", footer="help"),
    Action("quit", "q", "leave", "Quit", "Leave, with exit code 0 whatever was found.", footer="quit"),
    Action("cancel", "escape", "cancel", "Stop", "Stop auditing again, or drop the selection."),
    Action(
        "open",
        "enter,right,l",
        "open",
        "Open",
        "Show the accesses of an operation, or the events that QEMU logged within an access.",
        "timeline",
        footer="open",
    ),
    Action("close", "left,h", "close", "Close", "Hide them again.", "timeline"),
    Action(
        "place.next",
        "full_stop",
        "app.jump('PLACE', True)",
        "Next on the same place",
        "Go to the next operation that touches the same bytes.",
        "timeline",
    ),
    Action("place.previous", "comma", "app.jump('PLACE', False)", "Previous there", "The same, backwards.", "timeline"),
    Action("row.up", "up,k", "move(-1)", "Up", "The row above.", "table"),
    Action("row.down", "down,j", "move(1)", "Down", "The row below.", "table"),
    Action("page.up", "pageup,ctrl+b", "move_pages(-2)", "Page up", "As many rows up as are seen.", "table"),
    Action("page.down", "pagedown,ctrl+f", "move_pages(2)", "Page down", "As many rows down as are seen.", "table"),
    Action("half.up", "ctrl+u", "move_pages(-1)", "Half a page up", "Half as many rows up.", "table"),
    Action("half.down", "ctrl+d", "move_pages(1)", "Half a page down", "Half as many rows down.", "table"),
    Action("first", "g,home", "edge(False)", "First row", "The first row; also gg.", "table"),
    Action("last", "G,end", "edge(True)", "Last row", "The last row.", "table"),
    Action("range.up", "shift+up,K", "extend(-1)", "Select upwards", "Select this row and the one above.", "table"),
    Action("range.down", "shift+down,J", "extend(1)", "Select downwards", "Select this row and the next.", "table"),
    Action(
        "scroll.left", "ctrl+left,less_than_sign", "sideways(-8)", "Scroll left", "See columns on the left.", "table"
    ),
    Action(
        "scroll.right",
        "ctrl+right,greater_than_sign",
        "sideways(8)",
        "Scroll right",
        "See columns on the right.",
        "table",
    ),
    *FLASH_ACTIONS,
)
"""All of them; ids are those of the file of keys."""


def bindings_of(where: str) -> list[Binding]:
    """The bindings of a widget in which these actions work."""
    return [
        Binding(action.keys, action.call, action.footer or action.title, show=bool(action.footer), id=action.id)
        for action in ACTIONS
        if action.where == where
    ]
