"""The use cases and the delivery behind them. `NotificationService` is what other Python code calls."""

from __future__ import annotations

from .inbox import Inbox
from .notifications import NotificationService

__all__ = ["Inbox", "NotificationService"]
