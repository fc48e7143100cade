"""The exceptions of the program, each with its exit code.

```
TracetoolError            exit code 3
├── UsageError            exit code 2: the command line contradicts itself or the trace
├── InputError            exit code 3: a file that cannot be read as what it should be
├── MissingDependencyError exit code 3: a library or program this machine lacks
└── EmulatorError         exit code 3: a QEMU that did not start, ended by itself or fell silent
```

Every message is one line that names the file, the place and the remedy; the command line prints it
after `tracetool: ` and nothing else.
"""

from __future__ import annotations

__all__ = ["EmulatorError", "InputError", "MissingDependencyError", "TracetoolError", "UsageError"]


class TracetoolError(Exception):
    """Root of the errors this program raises on purpose; `exit_code` is what the process ends with."""

    exit_code = 3

    @property
    def picture(self) -> str:
        """Lines that show the place, below the message; empty for most."""
        return ""


class UsageError(TracetoolError):
    """The options contradict each other or the trace."""

    exit_code = 2


class InputError(TracetoolError):
    """A trace or an image cannot be read as one."""


class MissingDependencyError(TracetoolError):
    """A library or program is not installed; the message says how to install it."""


class EmulatorError(TracetoolError):
    """A QEMU did not start, ended by itself or fell silent; the message has what it said."""
