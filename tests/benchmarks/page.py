"""The figures of a record as a table, and the section of docs/performance.md that is made from them."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .sides import ROOT

PAGE = ROOT / "docs" / "performance.md"
BEGIN = "<!-- made by `python -m tests.benchmarks report FILE`; do not edit between these lines -->"
END = "<!-- end of what is made -->"
ABOUT_KEYS = ("spread", "reasons", "details", "starts", "about")
TITLES = {
    "step_vs_torch": "training step, same packed rows, beside Hugging Face torch",
    "stream_vs_torch": "useful tokens of the stream, beside torch with length-grouped padding",
    "step_512_vs_torch": "the same step at width 512, 6 + 6 layers",
    "scoring_vs_lm_eval": "scoring options, beside lm-eval's class for Hugging Face",
    "generation_vs_hf": "long texts, beside `generate`",
    "generation_labels_vs_hf": "texts of 2 to 5 tokens, beside `generate`",
    "generation_77m_vs_hf": "long texts of a model of three times the size, beside `generate`",
    "generation_llama_vs_hf": "a decoder's texts, beside `generate` or continuous batching",
    "gpu_generation_t5_base_vs_hf": "T5-v1.1-base's long texts on a GPU, bfloat16, beside `generate`",
    "gpu_generation_qwen3_0_6b_vs_hf": "Qwen3-0.6B's on a GPU, bfloat16, beside `generate` or continuous batching",
    "input_vs_seqio": "input pipeline, beside SeqIO",
}


def table(record: Mapping[str, Any]) -> list[str]:
    """Returns the lines of a Markdown table: one line a key, with its reason where nothing was measured."""
    lines = ["| | unit | ours | theirs | ours / theirs (least to most) |", "|---|---|---|---|---|"]
    for key in keys_of(record):
        title = TITLES.get(key, key.replace("_", " "))
        if (told := record["spread"].get(key)) is None:
            lines.append(f"| {title} | | | | not measured: {_cell(record['reasons'][key])} |")
            continue
        ours, theirs = (_number(statistics.median(told[side])) for side in ("ours", "theirs"))
        ratio = f"**{told['median']:.2f}** ({told['least']:.2f} to {told['most']:.2f})"
        lines.append(f"| {title} | {told['unit']} | {ours} | {theirs} | {ratio} |")
    return lines


def keys_of(record: Mapping[str, Any]) -> list[str]:
    return [key for key in record if key not in ABOUT_KEYS]


def section(record: Mapping[str, Any]) -> list[str]:
    """Returns the lines of the page's section: where and when, the table, and what each line was."""
    about, rounds = record["about"], max((len(told["ratios"]) for told in record["spread"].values()), default=0)
    packages = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    where = f"{about['processor']}, {about['usable_cores']} cores, {about['memory_gib']} GiB"
    load = f"load {about['load'][0]} before, {about['load_at_the_end'][0]} at the end"
    minutes = sum(about["seconds"].values()) / 60
    warning = ["", "These are figures of `--tiny`: they only show that everything runs."] if about.get("tiny") else []
    return [
        f"`python -m tests.benchmarks {about['size']}`, {about['date'][:10]}: {where}; accelerator: "
        f"{about['accelerator'] or 'none'}; {load}; {rounds} alternations in {minutes:.0f} minutes; {packages}.",
        *warning,
        "",
        *table(record),
        "",
        *details(record),
        *start_lines(record.get("starts")),
    ]


def details(record: Mapping[str, Any]) -> list[str]:
    """Returns a line for each comparison: the work, the peer's settings, and the share of the peak that both reach."""
    found: dict[str, list[str]] = {}
    for key, told in record["details"].items():
        facts = told["facts"]
        said = found.setdefault(facts["work"].get("said", key), [])
        if limit := facts["ours"].get("limit_flops"):
            shares = [_share(told["rounds"], side, limit) for side in (0, 1)]
            said.append(f"{key}: MFU {shares[0]:.1%}, theirs {shares[1]:.1%}")
        if facts.get("settings"):
            chosen = {k: v for k, v in facts["settings"].items() if k not in ("tried", "seconds")}
            said.append(f"{key}: theirs with {', '.join(f'{k} {v}' for k, v in chosen.items())}")
        for side in ("ours", "theirs"):
            peak, filled = facts[side].get("peak_memory_bytes"), facts[side].get("filled")
            said += [f"{key}: peak memory of {side} {peak / 2**30:.2f} GiB"] if peak else []
            said += [f"{key}: filled by {side}: " + ", ".join(f"{n} {v:.1%}" for n, v in filled.items())] if filled else []
    return [f"- {title}. {'; '.join(dict.fromkeys(said))}".rstrip() for title, said in found.items()]


def start_lines(starts: Mapping[str, Any] | None) -> list[str]:
    """Returns a table of starts: the commands that need no jax, then `flanjax train` stage by stage."""
    if not starts:
        return []
    first, second = starts["first_start"], starts["second_start"]
    lines = ["", "| start, seconds | |", "|---|---|"]
    lines += [f"| `{name}` | {seconds:.2f} |" for name, seconds in starts["seconds_without_jax"].items()]
    lines += ["", "| `flanjax train` of the quickstart, seconds | first time | second time |", "|---|---|---|"]
    lines += [f"| {name} | {seconds:.1f} | {second['stages'][name]:.1f} |" for name, seconds in first["stages"].items()]
    lines.append(f"| until the first step is done | {first['until_first_step']:.1f} | {second['until_first_step']:.1f} |")
    if "whole_run" in first:
        lines.append(f"| the whole training, process and all | {first['whole_run']:.0f} | |")
    return lines


def _share(rounds: Any, side: int, limit: float) -> float:
    """The share of the peak: FLOPs of real lengths, which only ours counts, in each side's time."""
    return statistics.median(both[0]["flops"] / both[side]["seconds"] / limit for both in rounds)


def write(record: Mapping[str, Any], page: Path = PAGE) -> Path:
    """Puts the section of a record into a page. Raises ValueError if the page has no place for it."""
    return put(section(record), page, BEGIN, END)


def put(lines: Sequence[str], page: Path, begin: str, end: str) -> Path:
    """Puts lines between two lines of a page. Raises ValueError if the page does not have both, once each."""
    text = page.read_text()
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"{page} must have the lines {begin!r} and {end!r}, once each and in this order")
    before, rest = text.split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}")
    return page


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
