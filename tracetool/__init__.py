"""What QEMU guests write to their flash, from QEMU's trace events: the library behind `tracetool`.

```python
import tracetool as tt

trace = tt.open("trace.log.zst", image={"virt.flash1": "before.fd"})
trace.events  # polars frames
trace.operations(where="offset >= 768K")
trace.audit(policy="discard").findings
trace.explain(4370)
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import replay  # noqa: F401  decides in which form the kernels run

if TYPE_CHECKING:
    from tracetool.analysis.blame import BLAME_SCHEMA
    from tracetool.analysis.variables import CHANGES_SCHEMA
    from tracetool.audit import Audit, Verdict
    from tracetool.audit.modules import WHO_SCHEMA
    from tracetool.audit.wear import WearForecast
    from tracetool.bundled import sample
    from tracetool.difference import Difference
    from tracetool.errors import EmulatorError, InputError, MissingDependencyError, TracetoolError, UsageError
    from tracetool.events import EVENTS_SCHEMA
    from tracetool.explain import Explanation
    from tracetool.findings import RULES, Finding, Severity
    from tracetool.fleet.table import FLEET_SCHEMA, fleet_table
    from tracetool.ingest.uefi_vars import REQUESTS_SCHEMA
    from tracetool.library.diff import diff
    from tracetool.library.fleet import audit_run, audit_runs
    from tracetool.library.images import variables_in
    from tracetool.library.scan import scan
    from tracetool.library.trace import Trace, open  # noqa: A004  as `gzip.open`
    from tracetool.report.tables import FINDINGS_SCHEMA
    from tracetool.timeline.accesses import ACCESSES_SCHEMA
    from tracetool.timeline.blocks import BLOCKS_SCHEMA
    from tracetool.timeline.operations import OPERATIONS_SCHEMA
    from tracetool.uboot import ENVIRONMENT_SCHEMA, SAVES_SCHEMA
    from tracetool.uefi.varstore import VARIABLES_SCHEMA

    __version__: str

__all__ = [
    "ACCESSES_SCHEMA",
    "BLAME_SCHEMA",
    "BLOCKS_SCHEMA",
    "CHANGES_SCHEMA",
    "ENVIRONMENT_SCHEMA",
    "EVENTS_SCHEMA",
    "FINDINGS_SCHEMA",
    "FLEET_SCHEMA",
    "OPERATIONS_SCHEMA",
    "REQUESTS_SCHEMA",
    "RULES",
    "SAVES_SCHEMA",
    "VARIABLES_SCHEMA",
    "WHO_SCHEMA",
    "Audit",
    "Difference",
    "EmulatorError",
    "Explanation",
    "Finding",
    "InputError",
    "MissingDependencyError",
    "Severity",
    "Trace",
    "TracetoolError",
    "UsageError",
    "Verdict",
    "WearForecast",
    "__version__",
    "audit_run",
    "audit_runs",
    "diff",
    "fleet_table",
    "open",
    "sample",
    "scan",
    "variables_in",
]

# Imported when it is first used: the command line and the process of libbabeltrace2 import this package.
_MODULES = {
    "analysis.blame": ("BLAME_SCHEMA",),
    "analysis.variables": ("CHANGES_SCHEMA",),
    "audit": ("Audit", "Verdict"),
    "audit.modules": ("WHO_SCHEMA",),
    "audit.wear": ("WearForecast",),
    "bundled": ("sample",),
    "difference": ("Difference",),
    "errors": ("EmulatorError", "InputError", "MissingDependencyError", "TracetoolError", "UsageError"),
    "events": ("EVENTS_SCHEMA",),
    "explain": ("Explanation",),
    "findings": ("RULES", "Finding", "Severity"),
    "fleet.table": ("FLEET_SCHEMA", "fleet_table"),
    "ingest.uefi_vars": ("REQUESTS_SCHEMA",),
    "library.diff": ("diff",),
    "library.fleet": ("audit_run", "audit_runs"),
    "library.scan": ("scan",),
    "library.images": ("variables_in",),
    "library.trace": ("Trace", "open"),
    "report.tables": ("FINDINGS_SCHEMA",),
    "timeline.accesses": ("ACCESSES_SCHEMA",),
    "timeline.blocks": ("BLOCKS_SCHEMA",),
    "timeline.operations": ("OPERATIONS_SCHEMA",),
    "uboot": ("ENVIRONMENT_SCHEMA", "SAVES_SCHEMA"),
    "uefi.varstore": ("VARIABLES_SCHEMA",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  takes longer than the rest of this module

        return version("pflash-tracetool")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
