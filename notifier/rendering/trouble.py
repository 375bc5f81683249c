"""What went wrong in a template: its line and why, and its file. Pure."""

from jinja2 import TemplateError as JinjaError
from jinja2 import TemplateSyntaxError


def told(error: Exception, name: str, all: bool) -> tuple[str, str]:
    """('line 3: …', 'ru/digest.sms.txt.j2'). Only Jinja's words are known to hold no value; others need `all`."""
    if isinstance(error, TemplateSyntaxError):
        return f"line {error.lineno}: {error.message}", error.name or name
    file, line = place(error, name)
    words = str(error) if all or isinstance(error, JinjaError) else ""
    kind = "" if isinstance(error, JinjaError) else type(error).__name__
    said = ": ".join(part for part in (kind, words) if part)
    return f"line {line}: {said}" if line else said, file


def place(error: Exception, name: str) -> tuple[str, int | None]:
    """The innermost template's file and line that the error came from."""
    found: tuple[str, int | None] = (name, None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(".j2"):
            found = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return found
