"""The use cases and the delivery behind them. `NotificationService` is what other Python code calls."""

from __future__ import annotations

from .notifications import Change, NotificationService

__all__ = ["Change", "NotificationService"]
