"""The user's own keys: `tracetool/keys.toml` in the configuration directory.

```toml
[keys]
"finding.next" = "ctrl+n"
"quit" = "q,ctrl+x"
```
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from platformdirs import user_config_path

from tracetool.paths import user_folder
from tracetool.sanitize import sanitize
from tracetool.tui.actions import DIFFERENCE_ACTIONS
from tracetool.tui.views import ACTIONS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["keys_path", "read_keys"]

_SHOWN = 3


def keys_path() -> Path | None:
    """Path of the file; None for a user without a home."""
    folder = user_folder(user_config_path, "tracetool")
    return None if folder is None else folder / "keys.toml"


def read_keys(path: Path | None) -> tuple[dict[str, str], str | None]:
    """Keys by the id of their action, and an error in one line or None.

    Wrong entries are left out, the others are used.
    """
    if path is None:
        return {}, None
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text).get("keys", {})
    except FileNotFoundError:
        return {}, None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, f"{path.name} is not used: {sanitize(' '.join(str(error).split()))}"
    if not isinstance(table, dict):
        return {}, f"{path.name} is not used: [keys] is no table"
    known = {action.id for action in (*ACTIONS, *DIFFERENCE_ACTIONS)}
    good = {name: value for name, value in table.items() if name in known and isinstance(value, str) and value.strip()}
    wrong = [name for name in table if name not in good]
    if not wrong:
        return good, None
    names = ", ".join(sanitize(name, 40) for name in wrong[:_SHOWN])
    return good, f"{path.name}: not understood: {names}{' …' if len(wrong) > _SHOWN else ''}"
