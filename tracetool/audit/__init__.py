"""The audit: did the guest write outside the extent of its flash, and how sure is that."""

from tracetool.audit.audit import audit
from tracetool.audit.gate import Ending, Gate
from tracetool.audit.result import Audit, DeviceAudit
from tracetool.audit.verdict import Verdict

__all__ = ["Audit", "DeviceAudit", "Ending", "Gate", "Verdict", "audit"]
