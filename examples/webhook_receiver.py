"""A receiver of webhooks. Run it with the secret of the webhook: `python examples/webhook_receiver.py 9000 whsec_...`."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError


class Receiver(BaseHTTPRequestHandler):
    """Verifies each request, and prints the event. An event can come twice, so keep the ids that you have seen."""

    def do_POST(self) -> None:
        """Answer 204 quickly; do the work afterwards. Any other status makes Perennial send the event again."""
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            event = Webhook(sys.argv[2]).verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.send_response(401)
        else:
            print(event["conversation"], event["seq"], event["type"], event["data"], flush=True)
            self.send_response(204)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
