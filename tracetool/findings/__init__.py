"""Findings: what is wrong in a trace, one rule for each kind, in a registry."""

from tracetool.findings.registry import RULES, WEAR_LIMIT, Finding, Need, Rule, Severity, find

__all__ = ["RULES", "WEAR_LIMIT", "Finding", "Need", "Rule", "Severity", "find"]
