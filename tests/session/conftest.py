"""Makes the helper modules of this directory importable (import-mode=importlib)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "conformance"))
sys.path.insert(0, str(Path(__file__).parent.parent / "secrets"))
