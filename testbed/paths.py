"""Where things lie in a checkout."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".cododemo"
LOGS = STATE / "logs"
REPORT = ROOT / "report"
CLAIMS = ROOT / "claims"
IMAGES = ROOT / "images"


def checkout_id(root: Path = ROOT) -> str:
    """What tells a checkout's containers, networks and volumes from another's: 8 hexadecimal digits."""
    return hashlib.sha256(str(root).encode()).hexdigest()[:8]
