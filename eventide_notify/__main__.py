"""`python -m eventide_notify`"""

from __future__ import annotations

from .cli import main

main()
