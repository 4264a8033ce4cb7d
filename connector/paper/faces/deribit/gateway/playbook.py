"""The gateway for simulated worlds: as Deribit, under its own name."""

from __future__ import annotations

from connector.paper.faces.deribit.playbook import PLAYBOOK

__all__ = ["PLAYBOOK"]
