"""Parses the text of a compiled program: its instructions, and how often each runs.

A program consists of computations; one of them is its entry. Instructions call other computations: a fusion runs all of one,
and a loop runs its body as long as its condition holds. The trip count of a loop is the one that XLA notes. Without a note it
is found by following the integers that the condition compares, starting from their constants. TPU programs carry no note, and
their ring products process several shards a trip.
"""

import dataclasses
import functools
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

MOST_TRIPS = 100_000  # a loop whose condition allows more trips is reported as unknown

# The known integers among a computation's arguments, by position; None: not known.
Integers = Callable[[int], int | None]

_ARRAY = re.compile(r"\b([a-z]\w*)\[([^\]]*)\](\{[^}]*\})?")
_WIDTH = re.compile(r"(?:bf|[sufc])(\d+)\w*")
_COMPUTATION = re.compile(r"(ENTRY )?%?([\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"\s+(ROOT )?%?([\w.\-]+) = ")
_OPCODE = re.compile(r"\s*([a-z][\w\-]*)\(")
_BRACKET = re.compile(r"[()]")
_NAME = re.compile(r"%([\w.\-]+)")

_SCALAR: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "minimum": min,
    "maximum": max,
    "EQ": operator.eq,
    "NE": operator.ne,
    "LT": operator.lt,
    "LE": operator.le,
    "GT": operator.gt,
    "GE": operator.ge,
}


class Array(NamedTuple):
    """An array of a value. Space 0 is main memory (HBM); a TPU's VMEM, scalar memory and semaphores have other numbers."""

    dtype: str
    shape: tuple[int, ...]
    bits: int
    space: int = 0

    def __repr__(self) -> str:
        return f"Array{tuple(self)}"

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return -(-self.elements * self.bits // 8)

    @property
    def hbm(self) -> int:
        """Bytes in main memory."""
        return 0 if self.space else self.size


class Instruction(NamedTuple):
    name: str
    opcode: str
    result: tuple[Array, ...]  # a nested tuple is flattened
    operands: tuple[str, ...]
    arguments: str  # the text in the parentheses
    attributes: str  # the text after the parentheses


MISSING = Instruction("", "unparsed", (), (), "", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Computation:
    instructions: dict[str, Instruction]
    root: str

    @functools.cached_property
    def users(self) -> dict[str, list[Instruction]]:
        users: dict[str, list[Instruction]] = defaultdict(list)
        for instruction in self.instructions.values():
            for name in dict.fromkeys(instruction.operands):
                users[name].append(instruction)
        return users

    @functools.cached_property
    def parameters(self) -> dict[int, str]:
        return {int(i.arguments): i.name for i in self.instructions.values() if i.opcode == "parameter"}

    def operands(self, instruction: Instruction) -> list[tuple[Array, ...]]:
        return [self.instructions.get(name, MISSING).result for name in instruction.operands]


class HloProgram(NamedTuple):
    computations: dict[str, Computation]
    entry: str
    devices: int
    unparsed: int  # lines that look like an instruction and could not be read


class Execution(NamedTuple):
    """An instruction, how often it runs, whether it is inside a fusion, and whether the number of runs is known."""

    computation: Computation
    instruction: Instruction
    times: int
    fused: bool
    known: bool = True


def arrays(value_type: str) -> tuple[Array, ...]:
    """Returns the arrays of an HLO type.

    >>> arrays("(s4[3]{0:T(128)S(1)}, pred[]{:T(512)}, f8e4m3fn[<=2,5]{1,0})")
    (Array('s4', (3,), 4, 1), Array('pred', (), 8, 0), Array('f8e4m3fn', (2, 5), 8, 0))
    """

    return tuple(_array(*found) for found in _ARRAY.findall(value_type))


def _array(dtype: str, shape: str, layout: str) -> Array:
    space = re.search(r"S\((\d+)\)", layout)
    bits = {"pred": 8, "token": 0, "opaque": 0}.get(dtype)
    if bits is None:
        if not (width := _WIDTH.fullmatch(dtype)):
            raise ValueError(f"Unknown element type {dtype}.")
        bits = int(width[1])
    return Array(dtype, tuple(int(d) for d in re.findall(r"\d+", shape)), bits, int(space[1]) if space else 0)


def parse(text: str) -> HloProgram:
    """Returns the computations of a program's text. Raises ValueError if there is no entry computation."""
    computations: dict[str, Computation] = {}
    entry, name, root, unparsed = "", "", "", 0
    instructions: dict[str, Instruction] = {}
    for line in text.splitlines():
        if line.rstrip() == "}":  # a kernel's metadata may span several lines, one of which begins with "}}"
            if name:
                computations[name] = Computation(instructions=instructions, root=root or next(reversed(instructions), ""))
            name = ""
        elif name:
            if not (start := _INSTRUCTION.match(line)):
                unparsed += " = " in line
                continue
            try:
                instruction = _instruction(line, start[2], start.end())
            except ValueError:
                unparsed += 1
                instruction = MISSING._replace(name=start[2])
            instructions[instruction.name] = instruction
            root = instruction.name if start[1] else root
        elif head := _COMPUTATION.match(line):
            name, instructions, root = head[2], {}, ""
            entry = name if head[1] else entry
    if entry not in computations:
        raise ValueError(f"Expected the text of an HLO module with an ENTRY computation, got {text[:60]!r} ...")
    header = re.search(r"^HloModule .*$", text, re.MULTILINE)
    devices = math.prod(int(n) for n in re.findall(r"\b(?:num_partitions|replica_count)=(\d+)", header[0] if header else ""))
    return HloProgram(computations, entry, devices, unparsed)


def _instruction(line: str, name: str, start: int) -> Instruction:
    """Returns the instruction on a line whose type begins at `start`. Raises ValueError if it cannot be read."""
    end = _closing(line, start) if line[start : start + 1] == "(" else line.index(" ", start)
    if not (opcode := _OPCODE.match(line, end)):
        raise ValueError(f"Expected an operation after {line[start:end]}.")
    close = _closing(line, opcode.end() - 1)
    arguments = line[opcode.end() : close - 1]
    operands = tuple(_NAME.findall(arguments)) if opcode[1] != "constant" else ()
    return Instruction(name, opcode[1], arrays(line[start:end]), operands, arguments, line[close:])


def _closing(line: str, start: int) -> int:
    """Returns the position after the bracket that closes the one at `start`."""
    depth = 0
    for bracket in _BRACKET.finditer(line, start):
        depth += 1 if bracket[0] == "(" else -1
        if not depth:
            return bracket.end()
    raise ValueError("A bracket is not closed.")


def runs(
    program: HloProgram,
    name: str,
    choose: Callable[[list[str]], str],
    *,
    times: int = 1,
    given: Integers = lambda _: None,
    fused: bool = False,
) -> Iterator[Execution]:
    """Yields all instructions that an execution of a computation runs.

    A loop of unknown trip count is assumed to run once.

    choose: picks the branch of a conditional that is assumed to run.
    given: the known integers in the computation's parameter.
    """
    computation = program.computations[name]
    for instruction in computation.instructions.values():
        known = True
        within = functools.partial(runs, program, choose=choose)
        if instruction.opcode == "while":
            trips = _trips(program, computation, instruction, given)
            known = trips is not None
            constants = functools.partial(_unchanged, program, computation, instruction, given)
            yield from within(attribute(instruction, "body"), times=times * (1 if trips is None else trips), given=constants)
        elif instruction.opcode == "conditional":
            known = False
            yield from within(choose(_branches(instruction)), times=times)
        elif instruction.opcode in ("fusion", "call", "async-start") and (callee := called(instruction)):
            yield from within(callee, times=times, fused=fused or instruction.opcode == "fusion")
        yield Execution(computation, instruction, times, fused, known)


def attribute(instruction: Instruction, key: str) -> str:
    """Returns a named attribute, such as body=%x; "" if there is none."""
    found = re.search(rf"\b{key}=%?\"?([\w.\-$]+)", instruction.attributes)
    return found[1] if found else ""


def called(instruction: Instruction) -> str:
    """Returns the computation that a fusion or a call runs; "" if none is named."""
    return attribute(instruction, "calls") or attribute(instruction, "to_apply")


def _branches(conditional: Instruction) -> list[str]:
    listed = re.search(r"branch_computations=\{([^}]*)\}", conditional.attributes)
    names = listed[1] if listed else " ".join(re.findall(r"(?:true|false)_computation=(\S+)", conditional.attributes))
    return _NAME.findall(names)


def _trips(program: HloProgram, outer: Computation, loop: Instruction, given: Integers) -> int | None:
    """Returns how often a loop's body runs: as XLA notes, else by following its condition's integers; None if unknown."""
    if stated := re.search(r"known_trip_count\W+n\W+(\d+)", loop.attributes):
        return int(stated[1])
    condition = program.computations[attribute(loop, "condition")]
    body = program.computations[attribute(loop, "body")]
    start, step = outer.instructions[loop.operands[0]], body.instructions[body.root]
    if start.opcode != "tuple" or step.opcode != "tuple":
        return None

    @functools.cache
    def after(trips: int, k: int) -> int | None:
        """Returns element k of the loop's state after some trips."""
        if not trips:
            return _scalar(program, outer, start.operands[k], given)
        return _scalar(program, body, step.operands[k], functools.partial(after, trips - 1))

    for trips in range(MOST_TRIPS):
        goes_on = _scalar(program, condition, condition.root, functools.partial(after, trips))
        if not goes_on:
            return None if goes_on is None else trips
    return None


def _unchanged(program: HloProgram, outer: Computation, loop: Instruction, given: Integers, k: int) -> int | None:
    """Returns element k of a loop's state, if the loop does not change it."""
    start = outer.instructions[loop.operands[0]]
    body = program.computations[attribute(loop, "body")]
    step = body.instructions[body.root]
    if start.opcode != "tuple" or step.opcode != "tuple":
        return None
    last = body.instructions.get(step.operands[k], MISSING)
    same = last.opcode == "get-tuple-element" and body.instructions[last.operands[0]].opcode == "parameter"
    return _scalar(program, outer, start.operands[k], given) if same and _place(last) == k else None


def _scalar(program: HloProgram, computation: Computation, name: str, given: Integers) -> int | None:
    """Returns the integer that an instruction computes; None if it depends on more than constants and `given`."""
    instruction = computation.instructions.get(name, MISSING)
    of = functools.partial(_scalar, program, computation, given=given)
    match instruction.opcode:
        case "constant":
            text = {"false": "0", "true": "1"}.get(instruction.arguments, instruction.arguments)
            return int(text) if re.fullmatch(r"-?\d+", text) else None
        case "parameter":
            return given(int(instruction.arguments))
        case "get-tuple-element":
            source = computation.instructions.get(instruction.operands[0], MISSING)
            return given(_place(instruction)) if source.opcode == "parameter" else None
        case "bitcast" | "convert" | "copy" | "copy-start" | "copy-done" | "reshape":
            return of(instruction.operands[0])
        case "fusion" | "call":
            inner = program.computations[called(instruction)]
            return _scalar(program, inner, inner.root, lambda k: of(instruction.operands[k]))
    compute = _SCALAR.get(attribute(instruction, "direction") or instruction.opcode)
    values = [of(operand) for operand in instruction.operands] if compute else []
    known = [value for value in values if value is not None]
    return compute(*known) if compute and len(known) == len(values) else None


def _place(instruction: Instruction) -> int:
    """Returns the index of a get-tuple-element."""
    return int(attribute(instruction, "index"))
