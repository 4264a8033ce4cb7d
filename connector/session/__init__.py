"""The session: runs the machine, executes its effects, owns the tasks."""

from connector.session.events import EventStream
from connector.session.live_order import LiveOrder
from connector.session.session import Session
from connector.session.sync import SyncSession

__all__ = ["EventStream", "LiveOrder", "Session", "SyncSession"]
