"""Messages to people: facts of events → subject, text and HTML, in the reader's language and zone. Pure.

- `render.Templates` is built once from a configuration (and checks an operator's templates); its `render` makes a
  message of one or several events.
- `segments` counts what an SMS costs and shortens a text to a budget.
- `samples` are made-up facts of every event type: what templates are tried with, and `notifier render` shows.

Values are data, never templates: what an API, a caller or a label says is cleaned (`clean`) before a template sees it.
"""
