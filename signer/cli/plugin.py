"""``docker-trust``: ``signer trust`` as a plugin of the docker command line.

Put (or link) the program into ``~/.docker/cli-plugins``: then ``docker trust ...`` runs it, also
with docker versions that no longer have the command.
"""

import json
import sys

from signer import __version__

METADATA_COMMAND = "docker-cli-plugin-metadata"
"""What docker calls to learn about a plugin (docker's CLI plugin protocol)."""


def main() -> None:
    """Answer docker's question for metadata, or run ``signer trust`` with the given arguments."""
    arguments = sys.argv[1:]
    if arguments[:1] == [METADATA_COMMAND]:
        metadata = {
            "SchemaVersion": "0.1.0",
            "Vendor": "signer",
            "Version": __version__,
            "ShortDescription": "Manage trust on Docker images",
        }
        print(json.dumps(metadata))
        return
    from signer.cli.main import main as signer_main

    if arguments[:1] == ["trust"]:  # docker passes the plugin's own name
        arguments = arguments[1:]
    signer_main(["trust", *arguments])
