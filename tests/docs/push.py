"""What the documents do not show: ``python -m tests.docs.push HOST/PATH:TAG CONTENT``.

Stands for ``docker push``, or a promotion: puts an image with other content under a tag. The
variable ``CA_FILE`` names the host's authority.
"""

import os
import ssl
import sys

import httpx

from signer.names import ImageReference
from tests.components.images import push_image


class Host:
    """A registry that is already there."""

    def __init__(self, host: str, ca_file: str) -> None:
        self.host = host
        self._context = ssl.create_default_context(cafile=ca_file)

    def client(self, auth: tuple[str, str] | None = None) -> httpx.Client:
        """Return a client for paths of the registry; the caller closes it."""
        return httpx.Client(
            base_url=f"https://{self.host}",
            verify=self._context,
            trust_env=False,
            auth=auth,
            timeout=30,
        )


if __name__ == "__main__":
    image = ImageReference.parse(sys.argv[1])
    registry = Host(image.domain, os.environ["CA_FILE"])
    push_image(registry, image.path, image.tag, content=sys.argv[2].encode())  # type: ignore[arg-type] # only its client is used
