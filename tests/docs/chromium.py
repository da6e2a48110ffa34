"""A headless Chromium, controlled through its debugging pipe."""

import json
import os
import shutil
import subprocess
import time
from select import select

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 60  # seconds


class Chromium:
    """One page of a headless Chromium.

    Parameters
    ----------
    profile : Path
        An empty folder.

    Attributes
    ----------
    requested : list of str
        The URLs that the page has requested since it was opened.
    """

    def __init__(self, profile):
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        # The protocol uses file descriptors 3 and 4, whatever numbers the pipes have.
        command = f'exec "$0" "$@" 3<&{read} 4>&{write}'
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        self._process = subprocess.Popen(
            ["bash", "-c", command, PROGRAM, *options, "about:blank"],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._session, self._n_sent, self._pending = None, 0, b""
        self.requested = []
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        self.send("Network.enable")

    def send(self, method, **parameters):
        """Send one command of the DevTools protocol and return its result."""
        self._n_sent += 1
        message = {"id": self._n_sent, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self._n_sent:
                assert "error" not in answer, answer
                return answer["result"]
            if answer.get("method") == "Network.requestWillBeSent":
                self.requested.append(answer["params"]["request"]["url"])

    def _next(self):
        while b"\0" not in self._pending:
            ready, _, _ = select([self._read], [], [], PATIENCE)
            assert ready, f"Chromium did not respond for {PATIENCE} seconds."
            found = os.read(self._read, 1 << 16)
            assert found, "Chromium has exited."
            self._pending += found
        message, _, self._pending = self._pending.partition(b"\0")
        return message

    def evaluate(self, expression):
        """Return the value of a JavaScript expression; promises are awaited."""
        found = self.send(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def open(self, url):
        """Go to a page, and wait until it is loaded."""
        self.requested.clear()
        self.send("Page.navigate", url=url)
        self.wait_for(
            f"location.href === {url!r} && document.readyState === 'complete'"
        )

    def wait_for(self, condition):
        """Wait until a JavaScript condition holds."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"never: {condition}"
            time.sleep(0.05)

    def draw(self, points):
        """Draw a stroke by mouse."""
        kinds = ["Pressed", *["Moved"] * (len(points) - 1), "Released"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.send(
                "Input.dispatchMouseEvent",
                **{"type": f"mouse{kind}", "x": x, "y": y},
                **{"button": "left", "buttons": 1, "clickCount": 1},
            )

    def press(self, key):
        """Press and release Tab or Enter."""
        code, text = {"Tab": (9, "\t"), "Enter": (13, "\r")}[key]
        for kind, typed in [("keyDown", {"text": text}), ("keyUp", {})]:
            self.send(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": key, "code": key, **typed},
                windowsVirtualKeyCode=code,
            )

    def close(self):
        """End the browser."""
        self._process.terminate()
        self._process.wait(timeout=PATIENCE)
        os.close(self._read)
        os.close(self._write)
