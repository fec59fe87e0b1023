"""Times the start from a folder shaped like Super-NaturalInstructions: 1,616 files, 3.4 million instances, 1.6 GB.

    python tests/benchmarks/superni_start.py /tmp/ni        # makes the folder where there is none, in a minute
    python tests/benchmarks/superni_start.py /tmp/ni        # again: the kept index is there

The index lies where FLANJAX_INDEX says.
"""

import json
import random
import resource
import sys
import time
from pathlib import Path

import flanjax
from flanjax.data.corpus import DataConfig
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import load_tokenizer
from flanjax.importers import superni
from flanjax.tasks.mixture import equal

NUM_FILES = 1616


def main() -> None:
    folder = Path(sys.argv[1])
    if not folder.exists():
        make(folder)
    start = time.time(), time.process_time()
    mixture = superni(folder, split=None).mixture("ni", rate=equal())
    tasks = time.time(), time.process_time()
    # As many bytes as Tk-Instruct's 1,024 and 128 tokens.
    config = DataConfig(batch_size=16, features=FeatureConfig(inputs_length=4096, targets_length=512))
    next(flanjax.iterate(mixture, load_tokenizer("bytes"), config))
    first = time.time(), time.process_time()
    for name, began, ended in (("tasks", start, tasks), ("first batch", tasks, first)):
        print(f"{name}: {ended[0] - began[0]:.1f} s, of it CPU {ended[1] - began[1]:.1f} s")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at most")


def make(folder: Path) -> None:
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(5000)]

    def text(n: int) -> str:
        return " ".join(rng.choices(words, k=n))

    (folder / "tasks").mkdir(parents=True)
    for number in range(NUM_FILES):
        long = text(4000).split()
        instances = []
        for i in range(min(6500, max(20, int(rng.lognormvariate(7.2, 1.2))))):
            at, length = rng.randrange(3900), rng.randint(10, 90)
            instances.append({"id": f"{number}-{i}", "input": " ".join(long[at : at + length]), "output": [text(5)]})
        examples = [{"input": text(40), "output": text(5), "explanation": text(20)} for _ in range(3)]
        content = {
            "Source": [f"corpus{number % 400}"],
            "Categories": [f"Category {number % 76}"],
            "Definition": [text(57)],
            "Positive Examples": examples,
            "Negative Examples": examples,
            "Instances": instances,
        }
        (folder / "tasks" / f"task{number:04d}_made_up.json").write_text(json.dumps(content, indent=4))


if __name__ == "__main__":
    main()
