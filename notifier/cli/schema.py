"""`notifier schema`: the schemas of the configuration, of the events, of the HTTP API and of the Kafka topics."""

import sys

import click
import orjson


@click.command()
@click.argument("what", type=click.Choice(("config", "event", "openapi", "asyncapi")))
@click.option("--json", is_flag=True, expose_value=False, help="Print JSON, which it does in any case.")
def schema(what: str) -> None:
    """Print the JSON Schema of the configuration or of the events' data, or the OpenAPI or AsyncAPI document."""
    sys.stdout.write(text(what))


def text(what: str) -> str:
    """The document, as it stands in the project's files."""
    return orjson.dumps(_document(what), option=orjson.OPT_INDENT_2).decode() + "\n"


def _document(what: str) -> object:
    if what == "config":
        from notifier.config.schema import config_schema

        return config_schema()
    if what == "openapi":
        from notifier.api.openapi import document

        return document()
    if what == "asyncapi":
        from notifier.api import asyncapi

        return asyncapi.document()
    return _events()


def _events() -> object:
    """One document for all types: `$defs` has each by its name."""
    from notifier.schemas import event_schemas

    schemas = event_schemas()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Data of the order notifier's events, by type",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in schemas],
        "$defs": schemas,
    }
