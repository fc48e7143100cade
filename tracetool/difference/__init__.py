"""What differs between two runs: operations, figures, verdicts, findings, final contents and variables."""

from tracetool.difference.result import Difference, Side, compare

__all__ = ["Difference", "Side", "compare"]
