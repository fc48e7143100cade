"""The wear forecast of a variable store, as text and as a JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.text import Text

from tracetool.audit.wear import of_boots
from tracetool.findings.phrases import count_of
from tracetool.report.layout import print_grid, print_table, print_words
from tracetool.sanitize import sanitize
from tracetool.sizes import about, format_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from tracetool.audit.reclaims import ReclaimCost
    from tracetool.audit.wear import Boots, Forecast, Spread, WearForecast

__all__ = ["SCHEMA", "print_wear", "wear_document"]

SCHEMA = "tracetool.wear/1"

_MOST_VARIABLES = 12
_NEVER = "never"


def wear_document(found: WearForecast, backends: pl.DataFrame | None = None) -> dict[str, Any]:
    """Build the document as plain data; what is not known is None. `backends` is a frame of `BACKENDS_SCHEMA`."""
    driver, forecast = found.driver, found.forecast
    return {
        "schema": SCHEMA,
        "device": found.device,
        "firmware": driver and driver.firmware,
        "reclaims_below_bytes": driver and driver.reclaims_below,
        "boots": found.wear.boots.to_dicts(),
        "variables": found.wear.variables.to_dicts(),
        "modules": found.wear.modules.to_dicts(),
        "forecast": forecast and _forecast_document(forecast),
        "why_not": list(found.why_not),
        "reclaim": found.cost and asdict(found.cost),
        "endurance": {"erases": found.endurance, "source": found.endurance_source},
        "blocks": found.blocks.to_dicts(),
        "backends": [] if backends is None else backends.to_dicts(),
    }


def _forecast_document(forecast: Forecast) -> dict[str, Any]:
    spreads = ("added_bytes", "live_growth_bytes", "erases", "reclaimed_in", "reclaimed_every", "full_in")
    named = {name: getattr(forecast, name)._asdict() for name in spreads}
    boots = [{"trace": trace, "boot": boot} for trace, boot in forecast.boots]
    return asdict(forecast) | named | {"boots": boots}


# --- text --------------------------------------------------------------------------------------------------------


def print_wear(found: WearForecast, console: Console, backends: pl.DataFrame | None = None) -> None:
    """Print the report; the console decides about colour and width. `backends` is a frame of `BACKENDS_SCHEMA`."""
    room, driver = found.wear.rooms[-1], found.driver
    layout = f"the layout of {driver.firmware}" if driver else "no firmware's known layout"
    size = f"room for {room.capacity:,} B" if room else "no store any more"
    print_words(console, Text.assemble((sanitize(found.device), "bold"), f"  UEFI variables: {size}, {layout}"))
    print_table(console, "boots", "what each did, in bytes; those with * count", _boot_rows(found))
    print_table(console, "variables", *_variable_rows(found))
    if not found.wear.modules.is_empty():
        print_table(console, "modules", *_module_rows(found))
    console.print()
    if found.forecast is None:
        console.print(Text("no forecast", style="bold yellow"))
        rows = [("because" * (not number), why) for number, why in enumerate(found.why_not)]
    else:
        counted = count_of(len(found.forecast.boots), "counted boot")
        console.print(Text("forecast", style="bold"), Text(f"by {counted}", style="dim"))
        rows = list(_forecast_rows(found, found.forecast))
    if found.cost is not None:
        rows.append(("one reclaim", _cost_words(found.cost)))
    print_grid(console, rows, first_style="dim")
    limit = f"against {found.endurance:,} erases a block ({found.endurance_source})"
    print_table(console, "blocks", limit, _block_rows(found))
    if backends is not None:
        print_table(console, "backends", "the variables of one boot, in a flash and without", _backend_rows(backends))


def _boot_rows(found: WearForecast) -> list[tuple[str, ...]]:
    counted = set(found.forecast.boots) if found.forecast else set()
    rows = [
        (
            f"{row['trace']}:{row['boot']}",
            f"{row['added_bytes']:,}",
            "-" if row["free_bytes"] is None else f"{row['free_bytes']:,}",
            *(f"{row[name]:,}" for name in ("programmed_bytes", "erases", "rewrites", "reclaims")),
            "*" if (row["trace"], row["boot"]) in counted else "",
        )
        for row in found.wear.boots.iter_rows(named=True)
    ]
    return [("boot", "added", "free after", "programmed", "erases", "rewrites", "reclaims", ""), *rows]


def _variable_rows(found: WearForecast) -> tuple[str, list[tuple[str, ...]]]:
    """What the table is about, and its rows."""
    written, boots, note = found.wear.variables, 1, "bytes added to the store in these boots"
    if found.forecast is not None:
        boots, note = len(found.forecast.boots), "bytes that a counted boot adds to the store"
        written = of_boots(written, found.forecast.boots)
    summed = written.group_by("variable", "guid", maintain_order=True).agg(
        pl.col("bytes", "copies", "rewrites").sum() / boots
    )
    total = summed["bytes"].sum() or 1
    ordered = summed.sort("bytes", "rewrites", descending=True, maintain_order=True)
    rows = [
        (
            *map(_average, (size, copies, rewrites)),
            f"{size / total:.0%}",
            sanitize(name or "?"),
        )
        for name, _, size, copies, rewrites in ordered.head(_MOST_VARIABLES).rows()
    ]
    if ordered.height > len(rows):
        rows.append(("", "", "", "", f"and {ordered.height - len(rows):,} more, all in --format json"))
    return note, [("bytes", "copies", "rewrites", "share", "variable"), *rows]


def _module_rows(found: WearForecast) -> tuple[str, list[tuple[str, ...]]]:
    """What the table is about, and its rows."""
    asked, boots, note = found.wear.modules, 1, "by which code of the guest, in these boots"
    if found.forecast is not None:
        boots, note = len(found.forecast.boots), "by which code of the guest, in a counted boot"
        asked = of_boots(asked, found.forecast.boots)
    summed = asked.group_by("module", maintain_order=True).agg(
        pl.col("added_bytes", "programmed_bytes", "programs", "erases", "rewrites").sum() / boots
    )
    ordered = summed.sort("programmed_bytes", "erases", descending=True, maintain_order=True)
    rows = [(*map(_average, numbers), sanitize(module or "?")) for module, *numbers in ordered.iter_rows()]
    return note, [("added", "programmed", "programs", "erases", "rewrites", "module"), *rows]


def _average(value: float) -> str:
    return f"{value:,.1f}" if value % 1 else f"{value:,.0f}"


def _forecast_rows(found: WearForecast, forecast: Forecast) -> Iterator[tuple[str, str]]:
    free = f"leaves {forecast.next_free_bytes:,} B free"
    doing = "reclaims the store and " if forecast.next_reclaims else ""
    yield "next boot", f"adds {forecast.next_added_bytes:,} B, {doing}{free}"
    yield "each boot", f"adds {_spread(forecast.added_bytes, ' B')}; erases {_spread(forecast.erases, '')}"
    if found.driver is None:
        limit = "when a variable no longer fits; at which room this firmware does it earlier is not known"
    else:
        limit = f"when fewer than {about(found.driver.reclaims_below)} are free at ReadyToBoot"
    yield "reclaimed", f"{_in_boots(forecast.reclaimed_in)}, {limit}; then {_every(forecast.reclaimed_every)}"
    full = _in_boots(forecast.full_in)
    yield "full", "never: its live variables do not grow" if full == _NEVER else f"{full}, if they grow on as they do"


def _spread(spread: Spread, unit: str) -> str:
    if spread.least == spread.most:
        return f"{spread.most:,.0f}{unit}"
    return f"{spread.least:,.0f} to {spread.most:,.0f}{unit} ({_average(spread.mean)} on average)"


def _range(boots: Boots) -> str:
    first, last = boots
    if first == last:
        return f"{first:,}"
    return f"{first:,} or later" if last is None else f"{first:,} to {last:,}"


def _in_boots(boots: Boots) -> str:
    return _NEVER if boots.earliest is None else f"in boot {_range(boots)} from now"


def _every(boots: Boots) -> str:
    if boots.earliest is None:
        return _NEVER
    return "at every boot" if boots.latest == 1 else f"every {_range(boots)} boots"


def _cost_words(cost: ReclaimCost) -> str:
    work = [count_of(cost.erases, "erase"), count_of(cost.programs, "program")]
    if cost.seconds is not None:
        work.append(_seconds(cost.seconds))
    about = "about, by the layout of the store and the pace of these traces"
    return f"{', '.join(work)} ({'as in these traces' if cost.measured else about})"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds:.2g} s"


def _block_rows(found: WearForecast) -> list[tuple[str, ...]]:
    """One row for each run of blocks that are alike."""
    alike = pl.struct("part", "erases", "erases_a_boot", "boots_left").rle_id()
    runs = found.blocks.group_by(alike.alias("run"), maintain_order=True).agg(
        pl.all().first(), pl.len().alias("blocks")
    )
    rows = [
        (
            format_offset(row["offset"]),
            f"{row['blocks']:,}",
            f"{row['erases']:,}",
            "?" if row["erases_a_boot"] is None else _rate(row["erases_a_boot"]),
            "?" if found.forecast is None else "no end" if row["boots_left"] is None else f"{row['boots_left']:,}",
            row["part"],
        )
        for row in runs.iter_rows(named=True)
    ]
    return [("offset", "blocks", "erases", "a boot", "boots left", "part"), *rows]


def _rate(value: float) -> str:
    return f"{value:.3g}" if value < 1 else f"{value:,.1f}"


def _backend_rows(backends: pl.DataFrame) -> list[tuple[str, ...]]:
    numbers = ("requests", "writes", "accesses", "written_bytes", "erases")
    rows = [
        (
            f"{row['trace']}:{row['boot']}",
            *("-" if row[name] is None else f"{row[name]:,}" for name in numbers),
            "?" if row["duration_ns"] is None else _seconds(row["duration_ns"] / 1e9),
            row["backend"],
        )
        for row in backends.iter_rows(named=True)
    ]
    return [("boot", "requests", "writes", "accesses", "bytes", "erases", "time", "backend"), *rows]
