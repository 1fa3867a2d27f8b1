import os
import unittest
from unittest import mock
from wsgiref.util import setup_testing_defaults

from app import app, client


class Hello(unittest.TestCase):
    def test_powered_by(self):
        for powered_by, want in (("", b"Powered by Deis\n"), ("Kubernetes", b"Powered by Kubernetes\n")):
            environ = {"REMOTE_ADDR": "10.2.62.0"}
            setup_testing_defaults(environ)
            with mock.patch.dict(os.environ, {"POWERED_BY": powered_by}):
                self.assertEqual(app(environ, mock.Mock()), [want])

    def test_client(self):
        self.assertEqual(client({"REMOTE_ADDR": "10.2.62.0"}), "10.2.62.0")
        forwarded = {"REMOTE_ADDR": "10.2.62.0", "HTTP_X_FORWARDED_FOR": "192.0.2.1, 10.2.62.0"}
        self.assertEqual(client(forwarded), "192.0.2.1")
