"""The command line: `prefect-lineage`. One module for each group of commands; `commands.py` lists them all."""

from prefect_lineage_events.cli.running import main

__all__ = ["main"]
