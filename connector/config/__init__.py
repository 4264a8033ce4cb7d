"""Session bounds, profiles and environments.

`connector.config.profiles` is imported where profiles are resolved: it needs
pydantic, which those who give everything themselves do not.
"""

from connector.config.limits import SessionConfig

__all__ = ["SessionConfig"]
