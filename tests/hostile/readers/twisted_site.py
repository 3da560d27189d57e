"""Twisted's web server as Synapse uses it: writes a line of JSON for each request that it reads, as it reads it.

Usage: twisted_site.py LOG. Prints its port.
"""

import json
import sys

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Request, Site


class Everything(Resource):
    isLeaf = True

    def __init__(self, log):
        super().__init__()
        self._log = log

    def render(self, request: Request) -> bytes:
        read = {
            "method": request.method.decode("latin-1"),
            "target": request.uri.decode("latin-1"),
            "path": [segment.decode("latin-1") for segment in request.postpath],
            "names": [name.decode("latin-1") for name in request.args],
            "body": request.content.read().hex(),
        }
        self._log.write(json.dumps(read) + "\n")
        self._log.flush()
        request.setHeader(b"X-Read", b"yes")
        return b"read"


def main() -> None:
    with open(sys.argv[1], "a") as log:
        port = reactor.listenTCP(0, Site(Everything(log)), interface="127.0.0.1")
        print(port.getHost().port, flush=True)
        reactor.run()


main()
