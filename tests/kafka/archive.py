"""An archive of the classes that a broker loads (JEP 350): with it a start takes a third less time."""

import tempfile
from pathlib import Path

from tests.kafka import jars
from tests.kafka.cluster import Cluster, Failed
from tests.kafka.properties import Wish

_PATIENCE = 60.0  # seconds: it is written when the broker ends


def install() -> None:
    """The jars and the archive, once for a machine; without an archive everything works, too. CannotRun."""
    jars.install()
    with jars.locked(jars.CACHE / "archive.lock"):
        if jars.ARCHIVE.exists():
            return
        with tempfile.TemporaryDirectory(dir=jars.HOME) as folder:
            draft = Path(folder) / jars.ARCHIVE.name
            try:
                cluster = Cluster.start(Path(folder) / "cluster", Wish(), options=[f"-XX:ArchiveClassesAtExit={draft}"])
            except Failed:
                return
            cluster.stop(patience=_PATIENCE)
            if draft.exists():
                draft.rename(jars.ARCHIVE)
