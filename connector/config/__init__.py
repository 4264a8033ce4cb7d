"""Session bounds, profiles and environments."""

from connector.config.limits import SessionConfig

__all__ = ["SessionConfig"]
