"""Work beside the web: a line every ten seconds, until it is told to end."""

import os
import signal
import threading

ended = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: ended.set())

print("worker started")
while not ended.wait(10):
    print("working for", os.environ.get("POWERED_BY") or "Deis")
print("worker ended")
