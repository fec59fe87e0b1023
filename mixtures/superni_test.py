"""The English test tasks of Super-NaturalInstructions, 100 instances each, for mixtures/suites/superni.json.

git clone https://github.com/allenai/natural-instructions
export FLANJAX_SUPERNI=natural-instructions
flanjax suite mixtures/suites/superni.json --baselines
"""

import os

from flanjax import Mixture, equal
from flanjax.importers import superni as import_superni

FOLDER = "FLANJAX_SUPERNI"

if not os.environ.get(FOLDER):
    raise ValueError(f"{FOLDER} is not set: it names a clone of https://github.com/allenai/natural-instructions")
_TESTED = [task for task in import_superni(os.environ[FOLDER], mmlu=False).tasks if not task.train]
if not _TESTED:
    raise ValueError(
        f"{os.environ[FOLDER]} has no test tasks: splits/default/test_tasks.txt lists them, tasks/ has their files"
    )
superni_test = Mixture(name="superni_test", parts=_TESTED, rate=equal())
