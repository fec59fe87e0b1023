"""The tools for people under load: a long file killed twice, and a server with 64 clients for a minute, in its own process."""

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("", "serve", "ask"))]

from scripted import said  # noqa: E402
from storm import memory_of, storm  # noqa: E402

GENERATE = f"""
import sys
sys.path[:0] = {sys.path[:4]!r}
from scripted import ScriptedModel
from flanjax import cli
from flanjax.ask import command
command.open_models = lambda names: [ScriptedModel(names[0], pause=0.001)]
cli.command()
"""
SERVE = f"""
import sys
sys.path[:0] = {sys.path[:4]!r}
from scripted import ScriptedModel
from flanjax import cli
from flanjax.serve import command
command.open_models = lambda names, untuned: [ScriptedModel(name, pause=0.002) for name in names]
cli.command()
"""
LINES, CLIENTS, SECONDS = 10_000, 64, 60


def start(script, folder, *arguments):
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_ten_thousand_lines_survive_two_kills(tmp_path):
    prompts = [f"prompt {n}" if n % 97 else "" for n in range(LINES)]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps({'id': n, 'prompt': p})}\n" for n, p in enumerate(prompts)))
    output = tmp_path / "out.jsonl"
    generate = ("generate", "--model", "m", "--file", "in.jsonl", "--output", "out.jsonl")
    for count in (2000, 6000):
        process = start(GENERATE, tmp_path, *generate)
        while not output.exists() or output.read_bytes().count(b"\n") < count:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.kill()
        process.communicate()
    process = start(GENERATE, tmp_path, *generate)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [answer["line"] for answer in found] == list(range(1, LINES + 1))
    for prompt, answer in zip(prompts, found, strict=True):
        assert answer.get("text") == (said(prompt) if prompt else None)
    print(f"\n{LINES:,} lines, killed twice: none lost, none doubled, {sum('error' in a for a in found)} named as empty")


def test_sixty_four_clients_for_a_minute(tmp_path):
    process = start(SERVE, tmp_path, "serve", "tuned", "base", "--port", "0")
    try:
        address = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        assert address is not None
        port = int(address[1])
        memory, answered, broken, slow, refused = [], 0, 0, 0, 0
        for part in range(6):
            found = asyncio.run(storm(port, clients=CLIENTS, seconds=SECONDS / 6, seed=part, process=process.pid))
            assert found.wrong == []
            memory.append(memory_of(process.pid) / 2**20)
            answered, broken, slow, refused = (
                answered + found.answered,
                broken + found.broken,
                slow + found.slow,
                refused + found.refused,
            )
        print(
            f"\n{CLIENTS} clients for {SECONDS} s: {answered:,} answered ({slow:,} slow readers), {broken:,} broken off, "
            f"{refused:,} refused, none wrong; MiB of the server every 10 s: {[round(m) for m in memory]}"
        )
        assert max(memory[1:]) < memory[0] + 20
    finally:
        process.terminate()
        assert process.wait(20) == 0
