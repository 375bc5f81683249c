"""JSON for terminals, pipes and logs: what steers a terminal, or turns the direction of what follows, is written out.

JSON leaves DEL, the C1 control characters (U+009B begins a terminal's commands like ESC [) and the bidirectional ones
as they are (RFC 8259, 7). Escaped they mean the same to every parser.
"""

import re

_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def escaped(json: str) -> str:
    """The same JSON. Such characters stand in nothing but its texts."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", json)
