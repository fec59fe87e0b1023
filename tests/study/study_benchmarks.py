"""Every benchmark runs with tiny shapes, those for an accelerator on this CPU too, and both sides compute the same.

    pytest -s tests/study/study_benchmarks.py

SeqIO is installed once, for minutes, into the user's cache; where it cannot be, its key alone may be null. No speed is judged.
"""

import json

import pytest
from benchmarks import __main__ as command
from benchmarks import catalogue, page

TINY = [f"gpu_{name}_vs_torch_{way}" for name in catalogue.TINY_ACCELERATED for way in ("packed", "padded")]


@pytest.mark.timeout(3600)
def test_the_whole_command_runs_with_tiny_shapes(tmp_path, capsys):
    file = tmp_path / "figures.json"
    assert command.main(["full", "--tiny", "--rounds", "1", "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    wanted = [*TINY, *(key for key in page.keys_of(found) if not key.startswith("gpu_"))]
    missing = {key: found["reasons"][key] for key in wanted if found[key] is None}
    assert not missing or (list(missing) == ["input_vs_seqio"] and "could not be installed" in missing["input_vs_seqio"])
    assert found["starts"]["second_start"]["until_first_step"] > 0
    assert "flanjax train" in "\n".join(page.section(found))
    print(capsys.readouterr().out)


@pytest.mark.timeout(3600)
def test_a_changed_weight_is_refused(tmp_path, monkeypatch):
    """The check sees it when one side trains from other weights."""
    from benchmarks import comparing

    asked = catalogue.Asked("quick", tiny=True, tokenizer="", accelerator=False, seqio="")
    (step,) = (c for c in catalogue.comparisons(asked) if c.name == "step")
    differ = comparing.differences

    def other(ours, theirs, tolerance):
        return differ(ours, {name: value * 1.002 for name, value in theirs.items()}, tolerance)

    monkeypatch.setattr(comparing, "differences", other)
    told = comparing.compare(step, tmp_path, 1, print)
    assert all("do not compute the same" in why for why in told.values())
