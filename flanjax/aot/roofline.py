"""The roofline of a program: the shortest time in which it could run, from its counted totals.

It has three parts: the seconds that the matrix products, the bytes to and from main memory, and the bytes between chips would
each take alone, at published rates. A step takes at least the largest of the three (if all overlap), and their sum if nothing
overlaps; a real step may take longer.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from flanjax.parallel.hardware import Chip


class Counted(Protocol):
    """The totals of a program on one device, as flanjax.aot.hlo counts them."""

    @property
    def matmul_flops(self) -> int: ...
    @property
    def int8_flops(self) -> int: ...
    @property
    def hbm_bytes(self) -> int: ...
    @property
    def received_bytes(self) -> int: ...
    @property
    def kernels(self) -> Mapping[str, int]: ...
    @property
    def custom_calls(self) -> Mapping[str, int]: ...
    @property
    def unknown(self) -> Sequence[str]: ...
    @property
    def unparsed(self) -> int: ...


class Roofline(NamedTuple):
    """Seconds that each part of a program takes alone, at peak rates."""

    compute_seconds: float
    memory_seconds: float
    interconnect_seconds: float

    @property
    def overlapped_seconds(self) -> float:
        return max(self)

    @property
    def serial_seconds(self) -> float:
        return sum(self)

    @property
    def bound(self) -> str:
        """The part that takes longest."""
        return ("compute", "memory", "interconnect")[self.index(max(self))]


def roofline(counts: Counted, chip: Chip, kernel_flops: float = 0.0) -> Roofline:
    """Returns the seconds of one execution on a device of the chip.

    kernel_flops: FLOPs inside custom calls (attention kernels) that a program's text does not show.
    """
    in_bf16 = counts.matmul_flops - counts.int8_flops + kernel_flops
    return Roofline(
        compute_seconds=(in_bf16 / chip.bf16_flops + counts.int8_flops / chip.int8_flops) * chip.devices,
        memory_seconds=counts.hbm_bytes * chip.devices / chip.hbm_bytes_per_second,
        interconnect_seconds=counts.received_bytes * chip.devices / chip.ici_bytes_per_second,
    )


def explain(counts: Counted, chip: Chip, model_flops: float, kernel_flops: float = 0.0) -> str:
    """Returns the roofline in words, with its assumptions.

    model_flops: FLOPs that the model needs on one device, without recomputation; MFU is their share of the peak.
    """
    found, peak = roofline(counts, chip, kernel_flops), chip.bf16_flops / chip.devices
    flops = counts.matmul_flops + kernel_flops

    def at(seconds: float) -> str:
        return f"{seconds * 1e3:.1f} ms, MFU {model_flops / (seconds * peak):.0%}" if seconds else "0 ms"

    lines = [
        f"compute {found.compute_seconds * 1e3:.1f} ms: {flops / 1e12:.2f} TFLOP of matrix products, recomputation included, "
        f"at {peak / 1e12:g} TFLOP/s bf16{_int8(counts, chip)}",
        f"memory {found.memory_seconds * 1e3:.1f} ms: {counts.hbm_bytes / 1e9:.2f} GB between fusions, "
        f"at {chip.hbm_bytes_per_second / chip.devices / 1e9:g} GB/s; interconnect {found.interconnect_seconds * 1e3:.1f} ms: "
        f"{counts.received_bytes / 1e9:.2f} GB received, at {chip.ici_bytes_per_second / chip.devices / 1e9:g} GB/s",
        f"step {at(found.overlapped_seconds)} if all three overlap (bound by {found.bound}); "
        f"{at(found.serial_seconds)} if nothing does",
        "assumes published peaks, every link in use, arrays without padding, no time to launch or to wait for the host, "
        f"{_kernels(counts, kernel_flops)}",
    ]
    if counts.unknown or counts.unparsed:
        named = ", ".join(counts.unknown[:3]) + (", ..." if len(counts.unknown) > 3 else "")
        lines.append(
            f"incomplete: {len(counts.unknown)} loops or branches of unknown trip count are counted once ({named or 'none'}); "
            f"{counts.unparsed} instructions could not be read"
        )
    return "\n".join(lines)


def _int8(counts: Counted, chip: Chip) -> str:
    rate = chip.int8_flops / chip.devices / 1e12
    return f", {counts.int8_flops / 1e12:.2f} of them at {rate:g} TOP/s int8" if counts.int8_flops else ""


def _kernels(counts: Counted, kernel_flops: float) -> str:
    told = f"counted as {kernel_flops / 1e12:.2f} TFLOP" if kernel_flops else "whose FLOPs are not counted"
    kinds = {"counted as they state": counts.kernels, told: counts.custom_calls}
    named = {how: ", ".join(f"{name} x {times}" for name, times in sorted(calls.items())) for how, calls in kinds.items()}
    return ", ".join(f"kernels {how} ({names})" for how, names in named.items() if names) or "no custom kernels"
