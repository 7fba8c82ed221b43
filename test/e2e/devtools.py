"""A headless Chromium through its DevTools protocol, with the standard library only.

AXIOM_BROWSER names the browser; else the first of BROWSERS on the PATH (`tools/install-deps --browser`).
"""
import base64
import itertools
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request

import axiom

BROWSERS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
FLAGS = ["--headless", "--remote-debugging-port=0", "--no-first-run", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
         "--disable-component-update", "--disable-default-apps", "--disable-sync", "--disable-extensions", "--force-color-profile=srgb",
         "--disable-dev-shm-usage", "--no-proxy-server", "--font-render-hinting=none", "--lang=en"]
WAIT = 60  # seconds, for what has to happen some time


def browser():
    named = os.environ.get("AXIOM_BROWSER")
    if named and not shutil.which(named):
        raise axiom.Failed(f"AXIOM_BROWSER={named} is no program")
    found = named or next((path for path in map(shutil.which, BROWSERS) if path), None)
    if not found:
        raise axiom.Missing(f"no browser: tools/install-deps --browser, or set AXIOM_BROWSER (looked for {', '.join(BROWSERS)})")
    return found


class WebSocket:
    """RFC 6455, as much of it as a DevTools client needs: text messages, in frames of any size, and pings."""

    def __init__(self, url):
        host, port, path = re.fullmatch(r"ws://([^:/]+):(\d+)(/.*)", url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=WAIT)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101"):
            raise axiom.Failed(f"the browser takes no web socket: {head[:200]}")
        self.socket.settimeout(None)

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the browser closed its web socket")
        return data

    def exactly(self, size):
        while len(self.buffer) < size:
            self.buffer += self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def frame(self, kind, data):
        size = len(data)
        head = bytes([0x80 | kind]) + (bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size) if size < 65536
                                       else b"\xff" + struct.pack(">Q", size))
        mask = secrets.token_bytes(4)
        whole = int.from_bytes((mask * (size // 4 + 1))[:size], "big") ^ int.from_bytes(data, "big")
        self.socket.sendall(head + mask + whole.to_bytes(size, "big"))

    def send(self, text):
        self.frame(1, text.encode())

    def receive(self):
        message = b""
        while True:
            first, second = self.exactly(2)
            size = second & 0x7f
            if size == 126:
                size = struct.unpack(">H", self.exactly(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.exactly(8))[0]
            data = self.exactly(size)
            if first & 0xf == 9:
                self.frame(10, data)
            elif first & 0xf == 8:
                raise ConnectionError("the browser closed its web socket")
            elif first & 0xf in (0, 1, 2):
                message += data
                if first & 0x80:
                    return message.decode()

    def close(self):
        self.socket.close()


class Page:
    """One tab. `requests`: addresses it asked for; `complaints`: errors and warnings of its console."""
    KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "ArrowUp": (38, "")}

    def __init__(self, url):
        self.socket = WebSocket(url)
        self.numbers = itertools.count(1)
        self.answers, self.requests, self.complaints = {}, [], []
        self.changed = threading.Condition()
        self.broken = None
        threading.Thread(target=self.listen, daemon=True).start()
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def listen(self):
        try:
            while True:
                self.take(json.loads(self.socket.receive()))
        except (OSError, ValueError) as error:
            with self.changed:
                self.broken = error
                self.changed.notify_all()

    def take(self, message):
        with self.changed:
            parameters = message.get("params", {})
            if "id" in message:
                self.answers[message["id"]] = message
                self.changed.notify_all()
            elif message["method"] == "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            elif message["method"] == "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description", details["text"]))
            elif message["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
                self.complaints.append(" ".join(str(a.get("value", a.get("description"))) for a in parameters["args"]))
            elif message["method"] == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                self.complaints.append(parameters["entry"]["text"])

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        with self.changed:
            if not self.changed.wait_for(lambda: number in self.answers or self.broken, WAIT) or self.broken:
                raise axiom.Failed(f"no answer of the browser to {method}: {self.broken or 'it takes too long'}")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise axiom.Failed(f"{method}: {answer['error']}")
        return answer["result"]

    def value(self, expression):
        """The value of a JavaScript expression, awaited."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            raise axiom.Failed(f"{expression}: {result['exceptionDetails'].get('exception', {}).get('description')}")
        return result["result"].get("value")

    def until(self, expression, seconds=WAIT):
        """Waits for the expression to be true; false: it never was."""
        end = time.monotonic() + seconds
        while not self.value(f"Boolean({expression})"):
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def need(self, expression):
        if not self.until(expression):
            raise axiom.Failed(f"on the page this never becomes true: {expression}")

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.need(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def click(self, selector):
        at = self.value(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'nearest'}});"
                        "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="none" if kind == "mouseMoved" else "left", clickCount=1)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def key(self, name, shift=False):
        code, text = self.KEYS[name]
        common = dict(key=name, code=name, windowsVirtualKeyCode=code, modifiers=8 if shift else 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def size(self, width, height, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return path


class Browser:
    """with Browser() as browser: page = browser.page()"""

    def __enter__(self):
        program = browser()
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # Within containers and as root Chromium's own sandbox does not work; it sees pages of our server only.
        words = [program, *FLAGS, "--no-sandbox", f"--user-data-dir={self.folder.name}", "about:blank"]
        self.errors = tempfile.TemporaryFile()
        # The browser's own files and those of its libraries stay within its folder, too.
        environment = dict(os.environ, HOME=self.folder.name, XDG_CACHE_HOME=self.folder.name, XDG_CONFIG_HOME=self.folder.name)
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors, start_new_session=True, env=environment)
        active = pathlib.Path(self.folder.name) / "DevToolsActivePort"
        end = time.monotonic() + WAIT
        while not (active.is_file() and active.read_text().count("\n") >= 1):
            if self.process.poll() is not None or time.monotonic() > end:
                self.errors.seek(0)
                said = self.errors.read().decode(errors="replace")[-800:]
                self.__exit__()
                raise axiom.Failed(f"{program} does not start: {said}")
            time.sleep(0.02)
        self.port = int(active.read_text().split("\n")[0])
        return self

    def page(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=WAIT) as answer:
            return Page(json.load(answer)["webSocketDebuggerUrl"])

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.folder.cleanup()
