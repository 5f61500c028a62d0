"""Eventide Notify: real-time in-app notifications that are saved first and delivered at least once."""

from __future__ import annotations

__version__ = "0.1.0"

from .app import Application, create_app
from .models import Draft, Notification, Status
from .service import NotificationService
from .settings import ConfigurationError, Settings

__all__ = [
    "Application",
    "ConfigurationError",
    "Draft",
    "Notification",
    "NotificationService",
    "Settings",
    "Status",
    "__version__",
    "create_app",
]
