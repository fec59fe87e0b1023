"""Times the page of a mixture of 1,800 tasks: how long `flanjax explore` takes, and how soon a browser has it ready.

    python tests/benchmarks/explore_many.py /tmp/many [TOKENIZER]

The browser is `chromium` on the PATH; without one only the writing is timed.
"""

import random
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from flanjax import Example, Mixture, Task, Template, rows
from flanjax.cli import main

NUM_TASKS = 1800
OPENINGS = 5
MIXTURE = """
import sys

sys.path.insert(0, {tests!r})
from explore_many import made

many = made()
"""


def made() -> Mixture:
    """Returns a mixture of tasks with nine templates each; two of three are multiple choice."""
    return Mixture(name="many", parts=[_task(number) for number in range(NUM_TASKS)])


def _task(number: int) -> Task:
    rng = random.Random(number)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(300)]
    answers = ("yes", "no", "maybe")

    def text(length: int) -> str:
        return " ".join(rng.choices(words, k=length))

    data = [{"text": text(20 + number * 7 % 120), "answer": answers[i % 3]} for i in range(40 + number % 60)]
    templates = [Template(f"{text(12)}\n{{{{ text }}}}\n{text(3)}?") for _ in range(8)]
    return Task(
        name=f"task{number:04d}",
        cluster=f"cluster{number % 62:02d}",
        source=rows(f"many{number}", train=data),
        example=lambda row: Example({"text": row["text"]}, row["answer"], answers if number % 3 else ()),
        templates=[*templates, Template("Write: {{ answer }}.", "{{ text }}", kind="inverted")],
        long_fields=["text"],
        licence=("MIT", "unknown", "CC BY 4.0")[number % 3],
    )


def ready_seconds(browser: str, page: Path) -> float:
    """Returns how many seconds after the start of loading the page's last script has run."""
    timed = page.with_name("timed.html")
    timed.write_text(page.read_text().replace("</body>", "<script>document.title = performance.now()</script></body>"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,900", "--dump-dom"]
    dom = subprocess.run([browser, *flags, f"file://{timed}"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"<title>([\d.]+)</title>", dom)
    assert found is not None
    return float(found[1]) / 1000


def run(folder: Path, tokenizer: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "many.py").write_text(MIXTURE.format(tests=str(Path(__file__).parent)))
    start = time.time(), time.process_time()
    main(["explore", f"{folder}/many.py:many", "--out", str(folder), "--tokenizer", tokenizer])
    print(f"written in {time.time() - start[0]:.0f} s, of it CPU {time.process_time() - start[1]:.0f} s")
    page = folder / "index.html"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"page: {page.stat().st_size / 1e6:.0f} MB; memory: {memory:.2f} GiB at most")
    if browser := shutil.which("chromium"):
        print("ready after", ", ".join(f"{ready_seconds(browser, page):.2f}" for _ in range(OPENINGS)), "s")


if __name__ == "__main__":
    run(Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else "bytes")
