"""Peak memory of a measured process."""

import re
import resource
from pathlib import Path


def peak_mb() -> float:
    """Peak resident memory of this process (MB), since it was started.

    What `resource` tells of a child begins with the memory of its parent, so it is taken only where there is no /proc.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        assert found is not None  # every Linux writes it
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
