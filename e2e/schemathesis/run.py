"""Runs Schemathesis on one service after another, in one process: its start takes as long as a hundred requests.

Arguments: the file of its settings; JSON [{"url", "operations": [id, ...], "requests": to each of them}, ...]; further options.
"""
import json
import sys

from schemathesis.cli import schemathesis


def run(settings, service, options):
    chosen = [f"--include-operation-id={operation}" for operation in service["operations"]]
    arguments = ["--config-file", settings, "run", service["url"] + "/openapi.json", *chosen]
    try:
        return schemathesis.main([*arguments, f"--max-examples={service['requests']}", *options], standalone_mode=False)
    except SystemExit as end:
        return end.code


settings, services, *options = sys.argv[1:]
sys.exit(any([run(settings, service, options) for service in json.loads(services)]))
