"""Drives a real headless Chromium over the DevTools protocol: opens a page, runs script in it, looks at it."""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import connect

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--mute-audio", "--hide-scrollbars",
)  # fmt: skip
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
VIRTUAL_KEYS = {" ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13}


class Browser:
    """One tab of one browser with a new, empty profile; `messages` and `requests` collect what the page did."""

    def __init__(
        self, program: str, profile: Path, size: tuple[int, int] = (1280, 800), flags: tuple[str, ...] = SOFTWARE_GL
    ) -> None:
        options = (*FLAGS, *flags, f"--window-size={size[0]},{size[1]}", f"--user-data-dir={profile}")
        command = [program, *options, "--remote-debugging-port=0", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.messages: list[str] = []
        self.requests: list[str] = []
        self._open = ExitStack()
        self._numbers = itertools.count(1)
        self._session: str | None = None
        try:
            self._socket = self._open.enter_context(connect(self._address(profile), max_size=None, proxy=None))
            target = self._tab()
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.call(f"{domain}.enable")
            self.resize(*size)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._session = None
        try:
            self.call("Browser.close")
            self._open.close()
            self._process.wait(10)
        except Exception:
            self._process.kill()
            self._process.wait()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends one command and waits for its answer; events met on the way are collected."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters, **session}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer.get("method", ""), answer.get("params", {}))

    def open(self, address: str, ready: str = "window.scrubjay?.ready === true") -> None:
        """Loads a page and waits until `ready` holds in it."""
        self.call("Page.navigate", url="about:blank")  # so that an address that differs only after # loads anew
        self.requests.clear()
        self.messages.clear()
        self.call("Page.navigate", url=address)
        self.wait(ready)

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", script))
        return result["result"].get("value")

    def wait(self, condition: str, seconds: float = 30) -> None:
        """Waits until a JavaScript expression holds."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{condition} never held; the page said {self.messages}")
            time.sleep(0.05)

    def press(self, key: str, shift: bool = False) -> None:
        """Presses and releases one key, as named in JavaScript."""
        code = VIRTUAL_KEYS.get(key, ord(key[0].upper()))
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """One mouse event at a place in the window; kind is Moved, Pressed, Released or Wheel."""
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def click(self, x: float, y: float) -> None:
        """A left click at a place in the window."""
        for kind in ("Pressed", "Released"):
            self.mouse(kind, x, y, button="left", buttons=1 if kind == "Pressed" else 0, clickCount=1)

    def resize(self, width: int, height: int, ratio: float = 1) -> None:
        """Sets the window's inside, in CSS pixels, and the device's pixels per CSS pixel."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def screenshot(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent" and event["request"]["url"] != "about:blank":
            self.requests.append(event["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.messages.append(json.dumps(event["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.messages.append(json.dumps(event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.messages.append(event["entry"]["text"])

    def _tab(self) -> str:
        targets = self.call("Target.getTargets")["targetInfos"]
        return next(target["targetId"] for target in targets if target["type"] == "page")

    def _address(self, profile: Path) -> str:
        deadline, file = time.monotonic() + 30, profile / "DevToolsActivePort"
        while time.monotonic() < deadline:
            lines = file.read_text().split() if file.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            if self._process.poll() is not None:
                raise RuntimeError(f"the browser ended at once with code {self._process.returncode}")
            time.sleep(0.05)
        raise TimeoutError("the browser did not open its debugging port")
