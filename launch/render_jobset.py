"""Prints a JobSet for a run on GKE, as YAML to apply: python launch/render_jobset.py ... | kubectl apply -f -

It fills in gke_jobset.yaml, which contains and explains everything that does not depend on the run.
"""

import argparse
import difflib
import math
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

MANIFEST = Path(__file__).with_name("gke_jobset.yaml")

# GKE's name of each chip, and how many dimensions its topologies have:
# cloud.google.com/kubernetes-engine/docs/concepts/plan-tpus.
ACCELERATORS = {
    "v4": ("tpu-v4-podslice", 3),
    "v5e": ("tpu-v5-lite-podslice", 2),
    "v5p": ("tpu-v5p-slice", 3),
    "v6e": ("tpu-v6e-slice", 2),
}
_SPOT = "cloud.google.com/gke-spot"
_RESERVATION = "cloud.google.com/reservation-name"
_QUEUE = "kueue.x-k8s.io/queue-name"  # kueue.sigs.k8s.io/docs/tasks/run/jobsets
# What a finished training with a failed evaluation ends with (command.sh too); gke_jobset.yaml does not restart it.
NO_EVALUATION = 4
_SECRET_NAME = re.compile(r"(TOKEN|SECRET|PASSWORD|KEY)$")
_OVERRIDE = "--config."


def flanjax_command(args: argparse.Namespace, overrides: list[str]) -> str:
    """Returns one line of shell that trains with all processes and then, if requested, evaluates."""
    together = ["--distributed", "auto"]
    profile = ["--profile", args.profile] if args.profile else []
    line = shlex.join(["flanjax", "train", "--config", args.config, "--workdir", args.workdir, *together, *profile, *overrides])
    if args.heldout:
        heldout = shlex.join(["flanjax", "heldout", "--workdir", args.workdir, *together])
        line += f" && {{ {heldout} || exit $(($? > 128 ? $? : {NO_EVALUATION})); }}"
    return line


def container_script(command: str, chip: str) -> str:
    """Returns the script of the container's shell. The shell ignores SIGTERM, so that it can return the status of flanjax,
    which saves and stops."""
    return f'trap : TERM; flags=$(python launch/xla_flags.py {chip}) && eval "$flags" && {command}'


def topology_of(tpu_type: str) -> tuple[str, str]:
    """Returns chip and topology of a slice's name, such as v5e-64: the most even grid of its chips, as GKE offers it.

    The number counts chips for v5e and v6e, and TensorCores, of which a chip has two, for v4 and v5p.

    Raises:
      ValueError: the text is not such a name.
    """
    found = re.fullmatch(r"(v4|v5e|v5litepod|v5p|v6e)-([1-9]\d*)", tpu_type)
    chip, number = ("v5e" if found[1] == "v5litepod" else found[1], int(found[2])) if found else ("", 0)
    dimensions = ACCELERATORS[chip][1] if found else 0
    chips = number if dimensions == 2 else number // 2
    if not found or chips & (chips - 1) or (dimensions == 3 and (number % 2 or chips < 4)):
        raise ValueError(f"--tpu-type is {tpu_type}, expected a chip and a power of two, such as v5e-64 or v5p-128")
    doublings = chips.bit_length() - 1
    sides = [2 ** ((doublings + i) // dimensions) for i in range(dimensions)]
    return chip, "2x2x1" if chips == 4 and dimensions == 3 else "x".join(map(str, sides))


def hosts_of(chip: str, topology: str, chips_per_host: int) -> int:
    """Returns the number of hosts of a slice.

    Raises:
      ValueError: the topology is not one of the chip's, or does not divide into hosts.
    """
    dimensions = ACCELERATORS[chip][1]
    example = "x".join("4" * dimensions)
    if not re.fullmatch("x".join([r"[1-9]\d*"] * dimensions), topology):
        raise ValueError(f"--topology is {topology}, expected {dimensions} numbers for {chip}, such as {example}")
    chips = math.prod(int(n) for n in topology.split("x"))
    if chips % chips_per_host:
        raise ValueError(f"--topology {topology} has {chips} chips, which {chips_per_host} a host do not divide")
    return chips // chips_per_host


def fill(manifest: dict[str, Any], args: argparse.Namespace, overrides: list[str]) -> dict[str, Any]:
    """Returns the manifest filled in with everything that depends on the run."""
    if args.tpu_type:
        args.chip, args.topology = topology_of(args.tpu_type)
    if not args.chip or not args.topology:
        raise ValueError("give --tpu-type, such as v5e-64, or both --chip and --topology")
    chips = math.prod(map(int, args.topology.split("x"))) if re.fullmatch(r"\d+(x\d+)*", args.topology) else 4
    args.chips_per_host = args.chips_per_host or min(4, chips)
    hosts = hosts_of(args.chip, args.topology, args.chips_per_host)
    manifest["metadata"]["name"] = args.name
    if args.queue:
        manifest["metadata"]["labels"] = {_QUEUE: args.queue}
    manifest["spec"]["failurePolicy"]["maxRestarts"] = args.max_restarts
    (slices,) = manifest["spec"]["replicatedJobs"]
    slices["replicas"] = args.num_slices
    job = slices["template"]["spec"]
    job["parallelism"] = job["completions"] = hosts
    pod = job["template"]["spec"]
    pod["serviceAccountName"] = args.service_account
    pod["terminationGracePeriodSeconds"] = args.grace_seconds
    selector = pod["nodeSelector"]
    selector["cloud.google.com/gke-tpu-accelerator"] = ACCELERATORS[args.chip][0]
    selector["cloud.google.com/gke-tpu-topology"] = args.topology
    if args.reservation:
        selector[_RESERVATION] = args.reservation
    if not args.spot:
        del selector[_SPOT], pod["tolerations"]
    (container,) = pod["containers"]
    container["image"] = args.image
    container["env"] = [*(variable(given) for given in args.env), *(secret_variable(given) for given in args.secret)]
    container["args"][-1] = container_script(flanjax_command(args, overrides), args.chip)
    for amounts in container["resources"].values():
        amounts["google.com/tpu"] = args.chips_per_host
    return manifest


def variable(given: str) -> dict[str, Any]:
    """Returns an entry of the container's environment from KEY=VALUE, or from KEY, whose value is taken from this environment.

    Raises:
      ValueError: KEY has no value, or what looks like a secret would be written into the manifest.
    """
    key, equals, value = given.partition("=")
    if not re.fullmatch(r"[A-Za-z_]\w*", key):
        raise ValueError(f"--env takes KEY or KEY=VALUE, got the key {key!r}")
    if _SECRET_NAME.search(key):
        raise ValueError(f"--env {key} would write a secret into the manifest; use --secret {key}=NAME, of a Secret")
    if not equals and key not in os.environ:
        raise ValueError(f"--env {key}: {key} is not set here; set it, or give --env {key}=VALUE")
    return {"name": key, "value": value if equals else os.environ[key]}


def secret_variable(given: str) -> dict[str, Any]:
    """Returns an entry of the container's environment from KEY=NAME: the item KEY of the Secret NAME.

    Raises:
      ValueError: the text has another form.
    """
    key, _, name = given.partition("=")
    if not re.fullmatch(r"[A-Za-z_]\w*", key) or not re.fullmatch(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?", name):
        raise ValueError(f"--secret takes KEY=NAME, the item KEY of the cluster's Secret NAME, got {key}=...")
    return {"name": key, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"launch/render_jobset.py: {message} (--help explains the flags)\n")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 1")
    return int(text)


def _name(text: str) -> str:
    # Names of pods and their hosts are made of it, and end at 63 characters.
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text!r}, expected up to 40 small letters, digits and -, a letter first")
    return text


def _bucket(text: str) -> str:
    if not re.fullmatch(r"gs://[^/]+.*", text):
        raise argparse.ArgumentTypeError(
            f"{text!r}: the disk of a pod goes with it. Give a bucket that all hosts reach: gs://BUCKET/PATH"
        )
    return text


def _parser() -> tuple[argparse.ArgumentParser, list[str]]:
    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    add = parser.add_argument
    actions = (
        add("--name", required=True, type=_name, help="of the JobSet"),
        add("--image", required=True, help="built by launch/Dockerfile and pushed where the cluster reaches it"),
        add("--tpu-type", help="the slice by its name, such as v5e-64: chip and topology"),
        add("--chip", choices=sorted(ACCELERATORS)),
        add("--topology", help="of the node pool, such as 4x4 (v5e, v6e) or 2x2x4 (v4, v5p)"),
        add("--chips-per-host", type=_positive, help="1 or 8 for some machine types (default 4)"),
        add("--num-slices", type=_positive, default=1, help="each is a node pool (default 1)"),
        add("--spot", action="store_true", help="the node pools are of spot VMs"),
        add("--reservation", metavar="NAME", help="the node pools take their VMs from this reservation"),
        add("--queue", metavar="NAME", help="Kueue's local queue that admits the JobSet"),
        add("--env", action="append", default=[], metavar="KEY[=VALUE]", help="set KEY for the run; KEY alone: its value here"),
        add("--secret", action="append", default=[], metavar="KEY=NAME", help="set KEY to the item KEY of the Secret NAME"),
        add("--max-restarts", type=_positive, default=20, help="after preemptions and failures (default 20)"),
        add("--grace-seconds", type=_positive, default=600, help="to save in after SIGTERM (default 600)"),
        add("--service-account", default="default", help="of Kubernetes, one that may write to the bucket"),
        add("--config", required=True, help="a Python file with get_config(), in the image"),
        add("--workdir", required=True, type=_bucket, help="gs://..., where checkpoints and metrics go"),
        add("--heldout", action="store_true", help="then evaluate on the held-out clusters"),
        add("--profile", metavar="STEPS", help="write a trace of these steps, such as 10:13, for TensorBoard or XProf"),
        add("--dry-run", action="store_true", help="print the manifest, which is all this does in any case"),
    )
    parser.epilog = "--config.KEY=VALUE sets any key of the config"
    return parser, ["--help", *(name for action in actions for name in action.option_strings)]


def _check_names(parser: argparse.ArgumentParser, given: list[str], known: list[str]) -> None:
    for argument in given:
        name = argument.partition("=")[0]
        if name.startswith(_OVERRIDE):
            if "=" not in argument:
                parser.error(f"{name} has no value; write {name}=VALUE")
        elif name.startswith("--") and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            parser.error(f"unknown flag {name}" + (f"; did you mean {near[0]}?" if near else ""))


def main() -> int:
    given = sys.argv[1:]
    parser, known = _parser()
    _check_names(parser, given, known)
    overrides = [a for a in given if a.startswith(_OVERRIDE)]
    args = parser.parse_args([a for a in given if not a.startswith(_OVERRIDE)])
    try:
        import yaml
    except ImportError:
        parser.error("PyYAML is missing; it comes with flanjax, or: pip install pyyaml")
    try:
        manifest = fill(yaml.safe_load(MANIFEST.read_text()), args, overrides)
    except ValueError as error:
        parser.error(str(error))
    print(yaml.safe_dump(manifest, sort_keys=False, width=10_000), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
