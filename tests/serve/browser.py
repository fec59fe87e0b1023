"""A headless browser, driven by its own protocol over a web socket."""

import asyncio
import base64
import contextlib
import itertools
import re
import shutil
import tempfile

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Tab:
    def __init__(self, socket):
        self._socket, self._numbers = socket, itertools.count(1)
        self.complaints = []  # errors of the page, and what its policy blocked

    async def do(self, method, **params):
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json()
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(message["params"])
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def value(self, script):
        """What a script gives in the page."""
        found = await self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script, seconds=20):
        for _ in range(int(seconds / 0.05)):
            if await self.value(script):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {script}\n{await self.value('document.body.innerText')}")

    async def look(self, path, width, dark=False):
        """Writes a picture of the whole page."""
        await self.do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.do("Emulation.setEmulatedMedia", features=scheme)
        found = await self.do("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


@contextlib.asynccontextmanager
async def browser(address):
    """Gives a Tab with the page at an address."""
    with tempfile.TemporaryDirectory(prefix="flanjax-browser-", ignore_cleanup_errors=True) as profile:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(CHROMIUM, *flags, "about:blank", stderr=pipe, stdout=pipe)
        try:
            while not (found := re.search(rb"ws://([^/\s]+)", await asyncio.wait_for(process.stderr.readline(), 60))):
                pass
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://{found[1].decode()}/json") as response:
                    (page,) = [p for p in await response.json() if p["type"] == "page"]
                async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    tab = Tab(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await tab.do(f"{domain}.enable")
                    await tab.do("Page.navigate", url=address)
                    await tab.until("document.readyState === 'complete' && location.href !== 'about:blank'")
                    yield tab
        finally:
            process.kill()
            await process.wait()
