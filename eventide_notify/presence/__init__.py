"""Presence: `base` is the protocol, with the one for a single instance."""

from __future__ import annotations

from .base import MemoryPresence, Online, Presence

__all__ = ["MemoryPresence", "Online", "Presence"]
