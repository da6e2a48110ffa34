"""An application on loopback, in its own thread."""

import socket
import threading
import time

from tests.serving.servers import LOOPBACK


class Running:
    """`with Running(app) as running:` serves the application at `running.url`."""

    def __init__(self, app, name="model"):
        import uvicorn

        config = uvicorn.Config(
            app, log_level="critical", access_log=False, timeout_graceful_shutdown=5
        )
        self.server = uvicorn.Server(config)
        # asyncio sends small packets at once only if the protocol is given.
        self.socket = socket.socket(proto=socket.IPPROTO_TCP)
        self.socket.bind((LOOPBACK, 0))
        self.root = f"http://{LOOPBACK}:{self.socket.getsockname()[1]}"
        self.url = f"{self.root}/v2/models/{name}"

    def __enter__(self):
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True
        )
        self.thread.start()
        end = time.monotonic() + 10
        while not self.server.started:
            assert time.monotonic() < end
            time.sleep(0.01)
        return self

    def __exit__(self, *error):
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()
