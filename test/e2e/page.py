#!/usr/bin/env python3
"""The web page of axiom-serve in a headless Chromium: a conversation, stopping, answering again, changing and deleting messages, settings,
colours, a phone's window, text that looks like markup, and what is shown when the server refuses or breaks off.

    page.py [MODEL.axm] [--keep FOLDER]    with another model than the tiny one; where screenshots go (default: the build folder's page/)
"""
import argparse
import contextlib
import http.client
import http.server
import json
import pathlib
import shutil
import sys
import threading
import time

import axiom
import devtools
import serve

ANSWER = "document.querySelector('article.assistant:last-of-type .text')?.textContent"
IDLE = "!document.querySelector('#send').hidden && !document.querySelector('article.running')"
HOSTILE = "<img src=x onerror=\"window.hit=1\"><script>window.hit=2</script> [a](javascript:window.hit=3) **bold** `<i>`"
MARKDOWN = """# Title\n\nOne *two* **three** `a<b` [site](https://example.org/a_b) [bad](javascript:alert(1)) snake_case_name 2 * 3 * 4\n
- a\n  - b\n- c\n\n1. x\n2. y\n\n> said\n\n| p | q |\n|---|--:|\n| 1 | 2 |\n\n```py\n<b>code</b>\n```\n
![picture](https://example.org/p.png) <img src=x onerror="window.hit=4"> ***both***"""


class Between(http.server.BaseHTTPRequestHandler):
    """Between the page and the server: passes everything on, changes requests, refuses or breaks off where a test says so."""
    protocol_version = "HTTP/1.1"
    server_port, add, faults = 0, {}, []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.pass_on(None)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, tuple):
            status, headers, error = fault
            return self.reply(status, json.dumps({"error": error}).encode(), {"Content-Type": "application/json"} | headers)
        self.pass_on(json.dumps(body | self.add).encode(), cut=fault)

    def reply(self, status, data, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def pass_on(self, body, cut=None):
        upstream = http.client.HTTPConnection("127.0.0.1", type(self).server_port, timeout=devtools.WAIT)
        with contextlib.closing(upstream):
            try:
                upstream.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k not in ("Content-Length", "Connection")})
                answer = upstream.getresponse()
            except OSError:  # no server: no answer
                self.close_connection = True
                return
            headers = {k: v for k, v in answer.headers.items() if k not in ("Transfer-Encoding", "Connection", "Content-Length", "Date", "Server")}
            if answer.headers.get("Transfer-Encoding") is None:
                return self.reply(answer.status, answer.read(), headers)
            self.send_response(answer.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            sent = 0
            try:
                while data := answer.read1(1 << 14):
                    data = data if cut is None else data[:cut - sent]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                    sent += len(data)
                    if sent == cut:
                        time.sleep(0.3)  # a browser drops what it has not handed over when a connection breaks
                        self.close_connection = True
                        return
                self.wfile.write(b"0\r\n\r\n")
            except OSError:  # the page hung up: leaving closes the connection to the server
                self.close_connection = True


@contextlib.contextmanager
def between(server):
    handler = type("Handler", (Between,), {"server_port": server.port, "add": {}, "faults": []})
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listener.daemon_threads = True
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}/", handler
    finally:
        listener.shutdown()
        listener.server_close()


def open_page(page, address):
    page.open(address)
    page.need("document.querySelector('#model').textContent")
    page.value("document.querySelector('#input').focus()")


def ask(page, text, wait=True):
    before = page.value("document.querySelectorAll('article').length")
    page.value("document.querySelector('#input').focus()")
    page.type(text)
    page.key("Enter")
    page.need(f"document.querySelectorAll('article').length === {before + 2}")
    if wait:
        page.need(IDLE)


def setting(page, **values):
    """Through the sheet, as a person does it."""
    page.click("#summary")
    page.need("document.querySelector('#settings').open")
    for name, value in values.items():
        page.value(f"(() => {{ const e = document.querySelector('#f-{name}'); e.focus(); e.select(); }})()")
        page.type(str(value)) if str(value) else page.call("Input.dispatchKeyEvent", type="keyDown", key="Delete", code="Delete", windowsVirtualKeyCode=46)
    page.key("Escape")
    page.need("!document.querySelector('#settings').open")


def conversation(check, page, keep):
    check(page.value("document.activeElement.id") == "input", "the message box has no focus at the start")
    page.type("first line")
    page.key("Enter", shift=True)
    page.type("second line")
    check("first line\nsecond line" == page.value("document.querySelector('#input').value"), "Shift+Enter does not begin a line")
    page.value("document.querySelector('#input').value = ''")
    setting(page, temperature=1, seed=7, max_tokens=24)
    check(page.value("document.querySelector('#summary').textContent") == "temperature 1 · at most 24 · seed 7", "the summary of the settings")
    ask(page, "hello there")
    first = page.value(ANSWER)
    check(bool(first and first.strip()), "no text appears")
    speed = page.value("document.querySelector('article.assistant .speed').innerText")
    check(all(word in speed for word in ("First token", "24 tokens", "prompt ")), f"the speed line: {speed!r}")
    check("Go on" in page.value("document.querySelector('article.assistant .note').textContent"), "an answer at its limit does not say so")
    check(page.value("document.querySelector('#status').textContent").startswith("Answer: "), "nothing is told to screen readers")

    page.click("article.assistant [aria-label='Answer again']")
    page.need(IDLE)
    check(page.value("document.querySelectorAll('article').length") == 2, "answering again adds messages")
    check(page.value(ANSWER) == first, f"the same seed and settings answer {page.value(ANSWER)!r}, before {first!r}")
    setting(page, seed=8)
    page.click("article.assistant [aria-label='Answer again']")
    page.need(f"{IDLE} && {ANSWER} !== {json.dumps(first)}")
    other = page.value(ANSWER)
    page.click("#undo")
    page.need(f"{ANSWER} === {json.dumps(first)}")
    setting(page, temperature=0, seed="")
    page.click("article.assistant [aria-label='Answer again']")
    page.need(f"{IDLE} && {ANSWER} !== {json.dumps(first)} && {ANSWER} !== {json.dumps(other)}")
    greedy = page.value(ANSWER)
    page.click("article.assistant [aria-label='Answer again']")
    page.need(IDLE)
    check(page.value(ANSWER) == greedy, "temperature 0 answers differently")
    length = len(greedy)
    page.click("article.assistant .note button")  # Go on
    page.need(f"{IDLE} && {ANSWER}.length > {length}")
    check(page.value(ANSWER).startswith(greedy.rstrip()[:10]), "going on begins anew")

    page.click("article.user [aria-label='Edit']")
    check(page.value("document.activeElement.value") == "hello there", "editing does not show the message")
    page.type(" again")
    page.key("Enter")
    page.need(f"document.querySelector('article.user .text').textContent === 'hello there again' && {IDLE}")
    check(page.value("document.querySelectorAll('article').length") == 2, "an edited question has no answer, or two")
    page.key("ArrowUp")
    page.need("document.querySelector('.editing textarea')")
    page.key("Escape")
    page.need("!document.querySelector('.editing')")

    ask(page, HOSTILE)
    check(page.value("document.querySelectorAll('article.user')[1].querySelector('.text').textContent") == HOSTILE, "a message is not shown as it was written")
    check(page.value("document.querySelectorAll('article img, article script, article i').length") == 0, "a message becomes markup")
    page.open(page.value("location.href"))
    page.need("document.querySelectorAll('article').length === 4")
    check(page.value("document.querySelector('#summary').textContent").startswith("temperature 0"), "settings are not kept")
    page.click("article.user:nth-of-type(3) [aria-label='Delete']")
    page.need("document.querySelectorAll('article').length === 2")
    page.click("#undo")
    page.need("document.querySelectorAll('article').length === 4")
    page.screenshot(keep / "conversation.png")

    page.click("#new")
    page.need("document.querySelectorAll('article').length === 0 && document.querySelector('#hello').offsetHeight > 0")
    ask(page, "another chat")
    check(page.value("document.querySelectorAll('#chats .chat').length") == 2, "two chats are not two in the list")
    page.click("#chats .chat:not(.current) .open")
    page.need("document.querySelectorAll('article').length === 4")
    page.click("#chats .chat.current .icon")
    page.need("document.querySelectorAll('article').length === 0 && document.querySelectorAll('#chats .chat').length === 1")


def markup(check, page, keep):
    """What a model writes becomes only what the renderer knows."""
    chat = {"id": "t1", "title": "Markdown", "time": int(time.time() * 1000),
            "messages": [{"id": "q", "role": "user", "content": "show"}, {"id": "a", "role": "assistant", "content": MARKDOWN}]}
    page.value(f"localStorage.setItem('axiom.chat.t1', {json.dumps(json.dumps(chat))}); sessionStorage.setItem('axiom.current', '\"t1\"')")
    page.open(page.value("location.href"))
    page.need("document.querySelectorAll('article').length === 2")
    tags = page.value("[...document.querySelectorAll('article.assistant .text *')].map(e => e.tagName).filter(t => !['DIV', 'SPAN', 'BUTTON'].includes(t)).join(' ')")
    want = ("H2 P EM STRONG CODE A UL LI UL LI LI OL LI LI BLOCKQUOTE P TABLE THEAD TR TH TH TBODY TR TD TD PRE CODE P A STRONG EM")
    check(tags == want, f"markdown becomes {tags}, not {want}")
    links = page.value("[...document.querySelectorAll('article a')].map(e => e.getAttribute('href') + ' ' + e.rel)")
    check(links == ["https://example.org/a_b noopener noreferrer", "https://example.org/p.png noopener noreferrer"], f"links {links}")
    text = page.value("document.querySelector('article.assistant .text').textContent")
    check(all(part in text for part in ("snake_case_name 2 * 3 * 4", "<b>code</b>", "<img src=x onerror", "[bad](javascript:alert(1))")), f"text {text!r}")
    check(page.value("window.hit === undefined"), "something of a message ran")
    page.screenshot(keep / "markdown.png")
    # Text made to take a renderer long: every kind of opening without its end, deep nesting, long runs.
    hostile = ["*a " * 30000, "**a" * 30000, "[" * 60000, "![a](" * 15000, "`" * 3 + " `" * 30000, "> " * 30000, "- " * 30000, "  " * 30000 + "- a", "_" * 60000,
               "|" * 30000 + "\n" + "|-" * 15000, "# " + " " * 60000 + "#", "http://" * 9000, "<" * 60000, "\\" * 60000, "1. a\n" * 15000]
    chat["messages"][1:] = [{"id": f"h{i}", "role": "assistant", "content": text} for i, text in enumerate(hostile)]
    page.value(f"localStorage.setItem('axiom.chat.t1', {json.dumps(json.dumps(chat))})")
    begin = time.monotonic()
    page.open(page.value("location.href"))
    page.need(f"document.querySelectorAll('article').length === {len(hostile) + 1}")
    check(time.monotonic() - begin < 30, f"hostile text takes {time.monotonic() - begin:.1f} s to show")
    page.click("#chats .chat.current .icon")


def looks(check, page, keep):
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = "rgb(22, 22, 24)"
    page.scheme("dark")
    page.need(f"{ground} === '{dark}'")
    page.screenshot(keep / "dark.png")
    page.click("#theme label:nth-of-type(2)")
    page.need(f"{ground} !== '{dark}'")
    page.scheme("light")
    page.click("#theme label:nth-of-type(3)")
    page.need(f"{ground} === '{dark}'")
    page.open(page.value("location.href"))
    check(page.value(ground) == dark, "the choice of colours is not kept")
    page.click("#theme label:nth-of-type(1)")
    page.need(f"{ground} !== '{dark}'")
    page.size(390, 844, phone=True)
    page.open(page.value("location.href"))
    page.need("document.querySelector('#model').textContent")
    check(page.value("[visualViewport.scale, innerWidth].join()") == "1,390", "a phone shows the page at another scale")
    wide = page.value("[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 390).map(e => e.id || e.className)")
    check(wide == [], f"beyond a phone's window: {wide}")
    page.need("getComputedStyle(document.querySelector('#side')).visibility === 'hidden'")
    page.click("#menu")
    page.need("getComputedStyle(document.querySelector('#side')).visibility === 'visible' && document.activeElement.id === 'side-close'")
    page.key("Escape")
    page.need("getComputedStyle(document.querySelector('#side')).visibility === 'hidden'")
    check(page.value("visualViewport.scale") == 1, f"a phone's window is zoomed: {page.value('visualViewport.scale')}")
    page.screenshot(keep / "phone.png")
    page.size(1280, 860)
    unnamed = page.value("[...document.querySelectorAll('button, input, textarea')].filter(e => !(e.getAttribute('aria-label') || e.textContent.trim()"
                         " || e.labels?.length)).map(e => e.outerHTML)")
    check(unnamed == [], f"controls without a name: {unnamed}")


def stopping(check, page, server, address, handler):
    """Stop and Escape end the answer here and in the server, long before its last token."""
    handler.add = {"ignore_eos": True}
    open_page(page, address)
    setting(page, temperature=0, max_tokens=7800)
    for way in ("button", "key"):
        for _ in range(5):  # a fast machine may be ready before the button is pressed
            page.click("#new")
            written = server.metric("generation_tokens_total")
            ask(page, "never ending", wait=False)
            page.need(f"({ANSWER} ?? '').length > 20 && document.querySelector('article.assistant .speed').innerText.includes('tokens/s') || ({IDLE})")
            if way == "key":
                page.key("Escape")
            elif not page.value("document.querySelector('#stop').hidden"):
                page.click("#stop")
            page.need(IDLE)
            check(server.until("num_requests_running", 0), "a stopped request goes on in the server")
            written = server.metric("generation_tokens_total") - written
            if written < 7800:
                break
        check(written < 7800, f"stopping by {way} stops nothing: {written} tokens")
        check(page.value("document.querySelector('article .note')?.textContent") == "Stopped.", f"by {way}: nothing says that the answer was stopped")
        check("tokens/s" in page.value("document.querySelector('article.assistant .speed').innerText"), "no rate of tokens")
        check(len(page.value(ANSWER)) > 20, "the text of a stopped answer is gone")
    handler.add = {}


def troubles(check, page, address, handler, keep):
    """What is refused or breaks off is told, and can be tried again."""
    card = "document.querySelector('.trouble')?.innerText ?? ''"
    open_page(page, address)
    setting(page, max_tokens=20)

    def provoke(fault, *said):
        page.click("#new")
        handler.faults[:] = [fault]
        ask(page, "try this")
        text = page.value(card)
        check(all(part in text for part in said), f"after {fault} the page says {text!r}, expected {said}")

    def again():
        page.need("document.querySelector('.trouble .again') && !document.querySelector('.trouble .again').disabled")
        page.click(".trouble .again")
        page.need(f"{IDLE} && !document.querySelector('.trouble') && {ANSWER}.trim()")
        check(page.value("document.querySelectorAll('article').length") == 2, "trying again adds messages")

    provoke((429, {"Retry-After": "2"}, {"message": "40 requests wait", "code": "rate_limit_exceeded"}), "too much to do", "40 requests wait", "Try again in")
    page.screenshot(keep / "busy.png")
    again()
    provoke((503, {}, {"message": "draining"}), "takes no questions now", "draining")
    again()
    provoke((400, {}, {"message": "top_p is 7", "param": "top_p"}), "refuses", "top_p is 7", "Concerns: top_p")
    again()
    provoke((500, {}, {"message": "oh"}), "could not answer", "oh")
    again()
    provoke(3000, "broke off", "not whole")  # within the stream
    check(bool(page.value(ANSWER)), "what had come of a broken answer is not shown")
    again()
    page.click("#new")
    handler.faults[:] = [(401, {}, {"message": "no key"})]
    ask(page, "with a key")
    page.need("document.querySelector('#key').open")
    page.screenshot(keep / "key.png")
    page.type("a-secret")
    page.key("Enter")
    page.need(f"!document.querySelector('#key').open && {IDLE} && !document.querySelector('.trouble') && {ANSWER}.trim()")
    check(page.value("sessionStorage.getItem('axiom.key')") == '"a-secret"' and page.value("localStorage.getItem('axiom.key')") is None, "where the key is kept")
    handler.server_port = 1  # nobody listens there
    page.click("#new")
    ask(page, "is anybody there")
    check("broke off" in page.value(card) or "No connection" in page.value(card), f"without a server the page says {page.value(card)!r}")


def headers(check, server, artifact):
    status, fields, body = server.ask("GET", "/")
    policy = fields.get("Content-Security-Policy", "")
    check(status == 200 and fields["Content-Type"] == "text/html; charset=utf-8" and body.startswith(b"<!doctype html>"), f"GET /: {status} {fields}")
    check("default-src 'none'" in policy and "unsafe" not in policy and "script-src 'sha256-" in policy, f"the policy: {policy}")
    check(fields["X-Content-Type-Options"] == "nosniff", "X-Content-Type-Options")
    outside = [part for part in (b"http://", b"https://", b"@import", b"url(") if part in body.replace(b"http://www.w3.org/2000/svg", b"")
               .replace(b"/^(https?:\\/\\/", b"")]
    check(outside == [] and len(body) < 100_000, f"the page names what is outside of it: {outside}, {len(body)} bytes")
    with serve.serving(artifact, "--no-ui") as without:
        check(without.ask("GET", "/")[0] == 404 and without.ask("GET", "/v1/models")[0] == 200, "--no-ui leaves the page")
    return len(body)


def tiny(folder):
    """A tiny model with a chat template, and a context long enough that an answer can be stopped."""
    source, artifact = folder / "model", folder / "model.axm"
    shutil.copytree(axiom.TINY / "qwen2-bias", source, ignore=shutil.ignore_patterns("config.alt.json", "golden_*"))
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 8192}))
    axiom.compile_model(source, artifact, "--no-golden", "--target", "cpu:native")
    return artifact


def drives(check, folder, options):
    devtools.browser()
    keep = options.keep or axiom.BUILD / "page"
    keep.mkdir(parents=True, exist_ok=True)
    artifact = options.model or tiny(folder)
    with serve.serving(artifact, "--kv-tokens", "16384") as server, devtools.Browser() as browser, between(server) as (address, handler):
        size = headers(check, server, artifact)
        page = browser.page()
        page.size(1280, 860)
        page.scheme("light")
        origin = f"http://127.0.0.1:{server.port}/"
        open_page(page, origin)
        conversation(check, page, keep)
        markup(check, page, keep)
        looks(check, page, keep)
        stopping(check, page, server, address, handler)
        check(page.complaints == [], f"the console has: {page.complaints}")
        troubles(check, page, address, handler, keep)
        foreign = [u for u in page.requests if not u.startswith((origin, address, "data:", "about:"))]
        check(foreign == [], f"requests outside of the server: {foreign}")
        loaded = len(page.requests)
    print(f"a page of {size // 1000} kB; {loaded} requests, none outside of the server; pictures: {keep}/conversation.png and others")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args(sys.argv[1:])
    axiom.main_of(lambda check, folder: drives(check, folder, arguments))
