"""Settings changed in the app: another extent or policy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from replay.backing import Policy
from tracetool.analysis.options import split_device
from tracetool.errors import UsageError
from tracetool.sizes import format_size, parse_size

if TYPE_CHECKING:
    from tracetool.viewmodel.audit_session import Settings

__all__ = ["changed_settings", "changes_words", "settings_words"]

CHANGES_HELP = "extent 512K, extent DEV=512K, extent none, policy discard"


def changed_settings(settings: Settings, text: str, writable: str | None) -> Settings:
    """Apply a typed change to the settings; `writable` is the device of an extent without one.

    Raises:
        UsageError: the text is no change; the message lists what is.
    """
    word, _, value = text.strip().partition(" ")
    value = value.strip()
    if word == "policy":
        return replace(settings, options=replace(settings.options, policy=_policy(value)))
    if word == "extent" and value:
        return replace(settings, options=replace(settings.options, extents=_extents(settings, value, writable)))
    raise UsageError(f"{text.strip()[:40]!r} is no change: write {CHANGES_HELP}")


def _policy(name: str) -> Policy:
    policies = {policy.label: policy for policy in Policy}
    if name not in policies:
        raise UsageError(f"policy {name[:40]!r}: give one of {', '.join(policies)}")
    return policies[name]


def _extents(settings: Settings, value: str, writable: str | None) -> dict[str, int]:
    device, size = split_device(value)
    device = device or writable or ""
    others = {name: extent for name, extent in settings.options.extents.items() if name not in (device, "")}
    return others if size == "none" else others | {device: parse_size(size)}


def changes_words(given: Settings, shown: Settings) -> str:
    """Extents and policy that differ from those given; empty where none do."""
    if given == shown:
        return ""
    old, new = given.options, shown.options
    words = [
        f"extent {f'{name}=' if name else ''}{format_size(size)}"
        for name, size in new.extents.items()
        if old.extents.get(name) != size
    ]
    words += [f"extent {name}=none" for name in old.extents if name not in new.extents]
    if old.policy != new.policy:
        words.append("the policy of the audit" if new.policy is None else f"policy {new.policy.label}")
    return ", ".join(words)


def settings_words(settings: Settings) -> str:
    """Extents and policy that were set; empty for the defaults."""
    options = settings.options
    words = [f"extent {f'{name}=' if name else ''}{format_size(size)}" for name, size in options.extents.items()]
    if options.policy is not None:
        words.append(f"policy {options.policy.label}")
    return ", ".join(words)
