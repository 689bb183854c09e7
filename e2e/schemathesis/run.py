"""Runs Schemathesis on one service after another, in one process: its start takes as long as a hundred requests.

Arguments: the file of its settings; JSON [[address of a document, [id of an operation, ...]], ...]; further options.
"""
import json
import sys

from schemathesis.cli import schemathesis


def run(settings, document, operations, options):
    chosen = [f"--include-operation-id={operation}" for operation in operations]
    try:
        return schemathesis.main(["--config-file", settings, "run", document, *chosen, *options], standalone_mode=False)
    except SystemExit as end:
        return end.code


settings, services, *options = sys.argv[1:]
sys.exit(any([run(settings, document, operations, options) for document, operations in json.loads(services)]))
