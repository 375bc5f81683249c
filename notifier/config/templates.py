"""An operator's folder of templates: read at load, checked with everything else, and what messages are made from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from notifier.rendering.files import LABELS
from notifier.rendering.render import Origin, Templates

if TYPE_CHECKING:
    from notifier.config.model import Config

MOST_FILES = 2_000
MAX_BYTES = 256 * 1024  # of one file


def read(folder: Path) -> Mapping[str, str]:
    """The texts of `*.j2` and `labels.txt`, by their names below the folder: `ru/driver_arrived.sms.txt.j2`.

    What begins with a dot is no template (editors and Kubernetes' mounts keep theirs so). ValueError, with what to do,
    for a folder or file that cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: create it, or leave this out")
    found: dict[str, str] = {}
    try:
        for path in _files(folder):
            found[path.relative_to(folder).as_posix()] = _text(path)
            if len(found) > MOST_FILES:
                raise ValueError(f"{folder} holds more than {MOST_FILES} templates: name one that holds nothing else")
    except OSError as error:
        raise ValueError(f"{error.filename or folder} cannot be read: {error.strerror}") from None
    return found


def _files(folder: Path) -> Iterator[Path]:
    """In the folder and in those right below it, symbolic links included: so Kubernetes mounts them."""
    for path in sorted(folder.iterdir()):
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            hidden = path.name.startswith(".") or file.name.startswith(".")
            if not hidden and (file.suffix == ".j2" or file.name == LABELS) and file.is_file():
                yield file


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES // 1024} KiB")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text in UTF-8") from None


def templates(config: "Config", *, samples: bool = False) -> Templates:
    """What this configuration's messages are made from: its folder as it was when it was loaded."""
    origins = {name: Origin(settings.timezone, settings.errand) for name, settings in config.sources.items()}
    return Templates(origins, config.templates.files, samples=samples)
