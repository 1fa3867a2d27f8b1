"""A web app of one page: who runs it, as its configuration says."""

import os


def app(environ, start_response):
    """Answers every request with one line (WSGI)."""
    print(client(environ), environ["REQUEST_METHOD"], environ["PATH_INFO"])
    body = f"Powered by {os.environ.get('POWERED_BY') or 'Deis'}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


def client(environ):
    """The address that the router saw, or else the one that we see."""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    return forwarded.split(",")[0].strip() if forwarded else environ["REMOTE_ADDR"]
