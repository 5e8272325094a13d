"""`pollproof export`: a contract in the format of another tool."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pollproof.cli.common import contract_or_exit, writable, write_or_exit
from pollproof.text import json_text

EXPORT_FORMATS = ("openapi", "wsdl", "wiremock")


@click.command()
@click.argument("format_", type=click.Choice(EXPORT_FORMATS), metavar="openapi|wsdl|wiremock")
@click.argument("provider")
@click.option("--out", metavar="FILE", default="-", help="Write to this file. [standard output]")
def export_command(format_: str, provider: str, out: str) -> None:
    """Write what PROVIDER documents in the format of another tool, for mock servers, generators and SOAP clients.

    What the format cannot carry (limits, lifetimes, the order of things) is written to standard error.
    """
    from pollproof.export import CannotCarry

    contract = contract_or_exit(provider)
    writable(out)
    try:
        if format_ == "openapi":
            from pollproof.export.openapi import NOT_IN_OPENAPI, openapi_of

            text, missing = json_text(openapi_of(contract)) + "\n", NOT_IN_OPENAPI
        elif format_ == "wsdl":
            from pollproof.export.wsdl import NOT_IN_WSDL, wsdl_of

            text, missing = wsdl_of(contract).decode("utf-8"), NOT_IN_WSDL
        else:
            from pollproof.export.wiremock import NOT_IN_WIREMOCK, wiremock_of

            text, missing = json_text(wiremock_of(contract)) + "\n", NOT_IN_WIREMOCK
    except CannotCarry as error:
        raise click.UsageError(str(error)) from None
    if out == "-":
        sys.stdout.write(text)
    else:
        write_or_exit(Path(out), text)
    click.echo(f"note: {missing}", err=True)
