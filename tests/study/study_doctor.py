"""The doctor's whole examination of the quickstart's T5 and decoder, and of a bfloat16 one: all pass, in minutes.

python -m pytest -s tests/study/study_doctor.py
"""

from pathlib import Path

import pytest

from flanjax.cli import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("config", ["", ":decoder"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_quickstart_passes(config: str, dtype: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor", f"{ROOT}/configs/quickstart.py{config}", f"--config.model.dtype={dtype}"])
    print(capsys.readouterr().out)
    assert status == 0
