"""Nothing moves by itself while the app is tested."""

from __future__ import annotations

import os

os.environ["TEXTUAL_ANIMATIONS"] = "none"  # before textual is imported
