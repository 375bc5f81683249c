"""Ends a cluster when the process that it was started for has ended: `python -m tests.kafka.guard PID FOLDER`."""

import os
import sys
import time
from pathlib import Path

from tests.kafka.cluster import Cluster


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main(owner: int, folder: Path) -> None:
    cluster_file = folder / "cluster.json"
    while alive(owner) and cluster_file.exists():
        time.sleep(0.3)
    if cluster_file.exists():
        Cluster.load(folder).close()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
