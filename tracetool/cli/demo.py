"""`tracetool demo`: the audit of the padding sample that comes with the package."""

from __future__ import annotations

from tracetool.cli.command import command


@command()
def demo() -> int:
    """Audit the sample that comes in the package: a guest that writes into its padding.

    Ends with exit code 1, as the audit of such a trace does.
    """
    from tracetool.bundled import sample
    from tracetool.cli.audit import run_audit
    from tracetool.cli.common import say

    trace = sample("aavmf-shell-padding/trace.log.zst")
    say(f"the same as: tracetool audit {trace}")
    return run_audit([str(trace)])
