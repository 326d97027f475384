"""How much torture there is."""

from __future__ import annotations

import os
from typing import Final

FULL: Final = os.environ.get("HOTCONF_TORTURE") == "full"
"""Everything, several times over; otherwise what fits beside the other tests."""
ROUNDS: Final = 3
