"""Counts what one execution of a compiled program does: matrix products, bytes to and from main memory and between chips.

XLA's `cost_analysis()` counts the body of a loop once, however often it runs, so it is off by the number of scanned layers.
Here an instruction counts as often as it runs. All numbers are those of one device.

Sizes are those of the arrays, without the padding of a TPU's tiles. A product that the compiler turned into multiplications and
sums (often one with a vector) no longer counts as a matrix product. What a kernel computes inside a custom call is not visible;
some kernels state their FLOPs.
"""

import functools
import math
import re
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from flanjax.aot.hlo.program import Array, Computation, Execution, HloProgram, Instruction, attribute, called, parse, runs

COLLECTIVES = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "ragged-all-to-all", "collective-permute")

# Instructions that move nothing, and custom calls that are the compiler's own bookkeeping.
_FREE = frozenset({
    "parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while", "call", "conditional", "after-all", "domain",
    "add-dependency", "opt-barrier", "partition-id", "replica-id", "async-start", "async-update", "async-done",
})  # fmt: skip
_BOOKKEEPING = frozenset({
    "AllocateBuffer", "ConcatBitcast", "AsyncCollectiveStart", "AsyncCollectiveDone", "AssumeGatherIndicesInBound",
    "GatherScatterIndicesBitpacked", "Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape",
})  # fmt: skip
# In a fusion these are computed element by element: a slice of their result needs only the same slice of their operand.
_ELEMENTWISE = frozenset({"bitcast", "convert", "copy", "reshape", "transpose"})


class Collective(NamedTuple):
    """The totals of the collectives of one kind in one execution, on one device.

    Attributes:
      largest_bytes: size of the largest array that one of them returns.
      received_bytes: bytes that arrive from other devices, if groups of n form rings: result * (n - 1) / n for all-gather,
        operand * (n - 1) / n for reduce-scatter, twice that for all-reduce, and all of it for collective-permute.
    """

    executions: int
    largest_bytes: int
    received_bytes: int


class Counts(NamedTuple):
    """The totals of one execution of a program on one device.

    Attributes:
      matmul_flops: 2 * m * n * k of every dot and convolution that runs, recomputation included, plus what kernels state.
      int8_flops: those of them whose operands are eight-bit integers.
      hbm_bytes: bytes read from and written to main memory by the instructions outside fusions.
      collectives: kind -> totals of the collectives of that kind.
      kernels: kernel -> executions, for kernels that state their FLOPs (pallas_call's cost_estimate).
      custom_calls: custom call -> executions, for those that do not, without the compiler's own bookkeeping.
      unknown: loops of unknown trip count, counted once, and conditionals, counted with the branch that has most work.
      unparsed: number of instructions that could not be read; they are missing from all of the above.
    """

    matmul_flops: int
    int8_flops: int
    hbm_bytes: int
    collectives: dict[str, Collective]
    kernels: dict[str, int]
    custom_calls: dict[str, int]
    unknown: tuple[str, ...]
    unparsed: int

    @property
    def received_bytes(self) -> int:
        return sum(c.received_bytes for c in self.collectives.values())


def both(first: Counts, second: Counts) -> Counts:
    """Returns the totals of two programs that run one after the other."""
    none = Collective(0, 0, 0)
    pairs = {
        kind: (first.collectives.get(kind, none), second.collectives.get(kind, none))
        for kind in sorted({*first.collectives, *second.collectives})
    }
    return Counts(
        first.matmul_flops + second.matmul_flops,
        first.int8_flops + second.int8_flops,
        first.hbm_bytes + second.hbm_bytes,
        {
            kind: Collective(
                a.executions + b.executions, max(a.largest_bytes, b.largest_bytes), a.received_bytes + b.received_bytes
            )
            for kind, (a, b) in pairs.items()
        },
        dict(Counter(first.kernels) + Counter(second.kernels)),
        dict(Counter(first.custom_calls) + Counter(second.custom_calls)),
        first.unknown + second.unknown,
        first.unparsed + second.unparsed,
    )


def count(text: str) -> Counts:
    """Returns the totals of a compiled program, from its text (`compiled.as_text()`).

    >>> found = count('''
    ... ENTRY %main (x: bf16[8,16], w: bf16[16,32]) -> bf16[8,32] {
    ...   %x = bf16[8,16]{1,0} parameter(0)
    ...   %w = bf16[16,32]{1,0} parameter(1)
    ...   ROOT %y = bf16[8,32]{1,0:T(8,128)S(1)} dot(%x, %w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
    ... }''')
    >>> found.matmul_flops, found.hbm_bytes  # the result stays in VMEM
    (8192, 1280)
    """
    program = parse(text)
    return _total(program, program.entry)


def _total(program: HloProgram, name: str) -> Counts:
    flops = in_int8 = moved = 0
    stating: dict[str, int] = defaultdict(int)
    silent: dict[str, int] = defaultdict(int)
    unknown: dict[str, None] = {}
    talking: list[Execution] = []
    for run in runs(program, name, choose=lambda branches: max(branches, key=lambda b: _total(program, b)[:2])):
        computation, instruction, times, fused, known = run
        if instruction.opcode in ("dot", "convolution") or _is_cublas(instruction):
            found = times * _flops(computation, instruction)
            flops += found
            in_int8 += found * _is_int8(computation, instruction)
        elif instruction.opcode == "custom-call" and (kernel := _kernel(instruction)):
            stated = _stated_flops(instruction)
            (silent if stated is None else stating)[kernel] += times
            flops += times * (stated or 0)
        elif _kind(instruction):
            talking.append(run)
        if not fused:
            moved += times * _moved(program, computation, instruction)
        if not known:
            unknown[instruction.name] = None
    collectives, stepped = _collectives(talking, program.devices)
    return Counts(flops, in_int8, moved + stepped, collectives, dict(stating), dict(silent), tuple(unknown), program.unparsed)


def _kernel(call: Instruction) -> str:
    """Returns a Pallas kernel's own name, or the custom call's target; "" for bookkeeping."""
    target = attribute(call, "custom_call_target")
    if target in _BOOKKEEPING:
        return ""
    if target == "tpu_custom_call":
        return re.sub(r"(\.\d+|\.clone)+$", "", call.name)
    named = re.search(r'[,{] name = "(\w+)"', call.attributes) if target == "__gpu$xla.gpu.triton" else None
    return named[1] if named else target


def _stated_flops(call: Instruction) -> int | None:
    found = re.search(r'"cost_estimate":\{[^}]*"flops":"?(\d+)', call.attributes)
    return int(found[1]) if found else None


# Products


def _flops(computation: Computation, product: Instruction) -> int:
    operands = computation.operands(product)
    if not all(operands):
        return 0  # the instruction could not be read
    (left,), (right,) = operands[:2]
    if product.opcode == "convolution":
        return _convolution_flops(left, right, product)
    contracted = _contracted(product) if _is_cublas(product) else _numbers(product, "lhs_contracting_dims")
    return 2 * product.result[0].elements * math.prod(left.shape[d] for d in contracted)


def _is_cublas(call: Instruction) -> bool:
    """Whether it is a product by the library for NVIDIA's GPUs."""
    return attribute(call, "custom_call_target").startswith("__cublas")


def _contracted(call: Instruction) -> list[int]:
    found = re.search(r'"lhs_contracting_dimensions":\[([^\]]*)\]', call.attributes)
    return [int(n) for n in re.findall(r"\d+", found[1])] if found else []


def _is_int8(computation: Computation, product: Instruction) -> bool:
    operands = computation.operands(product)
    return all(operands) and all(array.dtype in ("s8", "u8") for (array,) in operands[:2])


def _convolution_flops(image: Array, kernel: Array, product: Instruction) -> int:
    """Returns the FLOPs of a convolution, counting only kernel positions inside the image.

    On a TPU matrix products are convolutions, whose batch dimensions are windows.
    """
    labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", product.attributes)
    assert labels, product
    inner, weights, outer = labels.groups()
    window = re.search(r"window=\{([^}]*)\}", product.attributes)
    given = dict(re.findall(r"(\w+)=(\S+)", window[1])) if window else {}
    taps = 1
    for d in range(len(inner) - 2):
        sizes = image.shape[inner.index(str(d))], kernel.shape[weights.index(str(d))]
        out = product.result[0].shape[outer.index(str(d))]

        def setting(key: str, default: str, d: int = d) -> int:
            return int(given[key].split("x")[d].split("_")[0] if key in given else default)

        steps = setting("stride", "1"), setting("pad", "0"), setting("lhs_dilate", "1"), setting("rhs_dilate", "1")
        taps *= _taps(*sizes, out, *steps)
    features = kernel.shape[weights.index("i")] * kernel.shape[weights.index("o")]
    groups = int(attribute(product, "batch_group_count") or 1)
    return 2 * features * image.shape[inner.index("b")] // groups * taps


@functools.cache
def _taps(size: int, kernel: int, out: int, stride: int, pad: int, dilate: int, spread: int) -> int:
    """Returns, along one axis, the number of pairs of a kernel's and a result's position that meet an element of the image.

    >>> _taps(5, 3, 5, 1, 1, 1, 1)  # padded by one on both sides: two of the fifteen miss
    13
    >>> _taps(4, 4, 4, 3, 0, 4, 1)  # one tap each: a batch of four products
    4
    """
    at = np.add.outer(np.arange(out) * stride, np.arange(kernel) * spread) - pad
    return int(((at >= 0) & (at <= (size - 1) * dilate) & (at % dilate == 0)).sum())


def _numbers(instruction: Instruction, key: str) -> list[int]:
    found = re.search(rf"\b{key}=\{{([\d,]*)\}}", instruction.attributes)
    return [int(n) for n in re.findall(r"\d+", found[1])] if found else []


# Main memory


def _moved(program: HloProgram, computation: Computation, instruction: Instruction) -> int:
    """Returns the bytes that an instruction outside fusions reads from and writes to main memory. Of an asynchronous pair, the
    start counts what is read and the done what is written."""
    opcode, result = instruction.opcode, instruction.result
    if opcode in _FREE or attribute(instruction, "custom_call_target") in _BOOKKEEPING:
        return 0
    if opcode == "fusion":
        return _fusion_moved(program, computation, instruction)
    operands = computation.operands(instruction)
    written = sum(a.hbm for a in result[: 1 if _is_cublas(instruction) else None])  # the second is its workspace
    read = [sum(a.hbm for a in operand) for operand in operands]
    sizes = [sum(a.size for a in operand) for operand in operands]
    if opcode.endswith("-done"):
        return written
    if opcode == "slice-start":
        return min(read[0], result[len(operands[0])].size)
    if opcode.endswith("-start"):
        return sum(read)
    if opcode in ("dynamic-slice", "slice", "gather"):
        return min(read[0], sum(a.size for a in result)) + sum(read[1:]) + written
    if opcode == "dynamic-update-slice":
        return read[1] + min(written, sizes[1])
    if opcode == "scatter":
        return sum(read[1:]) + 2 * min(written, sizes[-1])
    return sum(read) + written


def _fusion_moved(program: HloProgram, computation: Computation, fusion: Instruction) -> int:
    inner = program.computations[called(fusion)]
    moved = 0
    for k, operand in enumerate(computation.operands(fusion)):
        if whole := sum(a.hbm for a in operand):
            elements = _elements_read(program, inner, inner.parameters[k])
            moved += min(whole, -(-elements * operand[0].bits // 8)) if len(operand) == 1 else whole
    root = inner.instructions[inner.root]
    parts = root.operands if root.opcode == "tuple" else (inner.root,) * len(fusion.result)
    for array, part in zip(fusion.result, parts, strict=True):
        moved += min(array.hbm, _bytes_written(program, inner, part))
    return moved


def _elements_read(program: HloProgram, inner: Computation, name: str, in_place: bool = False) -> int:
    """Returns how many elements of a value the rest of its fusion reads. A collective's operand counts with the collective."""
    whole, looked_at = inner.instructions[name].result[0].elements, 0
    for user in inner.users[name]:
        first = user.operands[0] == name
        if user.opcode == "tuple" or _kind(user) or attribute(user, "custom_call_target") in _BOOKKEEPING:
            continue
        if first and user.opcode in ("dynamic-slice", "slice", "gather") and user.operands.count(name) == 1:
            looked_at += user.result[0].elements
        elif first and user.opcode in ("dynamic-update-slice", "scatter"):
            looked_at += 0 if user.name == inner.root else _elements_read(program, inner, user.name, in_place=True)
        elif user.opcode in _ELEMENTWISE and user.name != inner.root:
            looked_at += _elements_read(program, inner, user.name, in_place)
        elif user.opcode in _ELEMENTWISE and in_place:
            continue
        elif user.opcode == "fusion":
            nested = program.computations[called(user)]
            places = [k for k, operand in enumerate(user.operands) if operand == name]
            looked_at += sum(_elements_read(program, nested, nested.parameters[k]) for k in places)
        else:
            return whole
    return min(whole, looked_at)


def _bytes_written(program: HloProgram, inner: Computation, name: str) -> int:
    """Returns the bytes that a fusion writes for a value that it returns: the update if it updates in place, and nothing for an
    operand that it passes on."""
    value = inner.instructions[name]
    if value.opcode == "bitcast":
        return _bytes_written(program, inner, value.operands[0])
    if value.opcode == "parameter" or _kind(value) or attribute(value, "custom_call_target") in _BOOKKEEPING:
        return 0
    if value.opcode == "dynamic-update-slice":
        return inner.operands(value)[1][0].size
    if value.opcode == "scatter":
        return 2 * inner.operands(value)[-1][0].size
    if value.opcode == "fusion":
        nested = program.computations[called(value)]
        return _bytes_written(program, nested, nested.root)
    return sum(a.size for a in value.result)


# Collectives


def _kind(instruction: Instruction) -> str:
    kind = instruction.opcode.removesuffix("-start")
    return kind if kind in COLLECTIVES else ""


def _collectives(talking: list[Execution], devices: int) -> tuple[dict[str, Collective], int]:
    """Returns the collectives by kind, and the bytes in main memory of those that run as steps of fusions.

    A TPU runs a collective in steps, each inside a fusion that computes something else. The steps share channel and chain, but
    so may different collectives (all of a shard_map have channel 1). So starts are counted; if no step is marked as one, the
    step that runs least often is counted.
    """
    groups: dict[tuple[object, ...], list[Execution]] = defaultdict(list)
    for place, run in enumerate(talking):
        channel, chain = attribute(run.instruction, "channel_id"), attribute(run.instruction, "chain_id")
        shapes = tuple(a.shape for a in run.instruction.result)
        groups[(_kind(run.instruction), channel, chain, shapes) if run.fused and channel else (place,)].append(run)
    found: dict[str, Collective] = {}
    stepped = 0
    for steps in groups.values():
        computation, instruction, times, fused, _ = steps[0]
        if fused:
            times = sum(s.times for s in steps if _starts(s)) or min(s.times for s in steps)
            spaces = [(s.computation.operands(s.instruction), s.instruction.result) for s in steps]
            stepped += times * min(sum(a.hbm for o in operands for a in o) for operands, _ in spaces)
            stepped += times * min(sum(a.hbm for a in result) for _, result in spaces)
        kind, one = _kind(instruction), _one(computation, instruction, devices)
        before = found.get(kind, Collective(0, 0, 0))
        largest = max(before.largest_bytes, one.largest_bytes)
        found[kind] = Collective(before.executions + times, largest, before.received_bytes + times * one.received_bytes)
    return dict(sorted(found.items())), stepped


def _starts(step: Execution) -> bool:
    users = step.computation.users[step.instruction.name]
    return any(attribute(user, "custom_call_target") == "AsyncCollectiveStart" for user in users)


def _one(computation: Computation, instruction: Instruction, devices: int) -> Collective:
    """Returns one execution of a collective. The result's size is computed from the operand's, because a start returns both of
    them, and more."""
    sizes = [a.size for operand in computation.operands(instruction) for a in operand]
    n, kind = group_size(instruction.attributes, devices), _kind(instruction)
    largest, total = max(sizes, default=0), sum(sizes)
    match kind:
        case "all-gather":
            return Collective(1, largest * n, total * (n - 1))
        case "reduce-scatter":
            return Collective(1, largest // n, total * (n - 1) // n)
        case "all-reduce":
            return Collective(1, largest, 2 * total * (n - 1) // n)
        case "collective-permute":
            return Collective(1, largest, total)
    return Collective(1, largest, total * (n - 1) // n)


def group_size(attributes: str, devices: int) -> int:
    """Returns the number of devices in one group of a collective, in a program for `devices` devices.

    >>> [group_size(f"replica_groups={g}, x=1", 16) for g in ("{}", "{{0,1},{2,3}}", "[2,8]<=[16]", "[8,2]<=[2,8]T(1,0)")]
    [16, 2, 8, 2]
    >>> [group_size(f"replica_groups=mesh['a'=2,'b'=8] {axes}", 16) for axes in ("{'b'}", "{'a','b'}", "{'b':(2)4}")]
    [8, 16, 4]
    """
    if found := re.search(r"replica_groups=mesh\[([^\]]*)\][^{]*\{([^}]*)\}", attributes):
        axes = dict(re.findall(r"'([^']+)'=(\d+)", found[1]))
        taken = re.findall(r"'([^']+)'(?::\(\d+\)(\d+))?", found[2])
        return math.prod(int(part or axes[axis]) for axis, part in taken)
    if found := re.search(r"replica_groups=\[\d+,(\d+)\]<=", attributes):
        return int(found[1])
    if found := re.search(r"replica_groups=\{\{([\d,]+)\}", attributes):
        return len(found[1].split(","))
    return devices
