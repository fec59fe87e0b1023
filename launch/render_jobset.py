"""A JobSet for a run on GKE, as YAML to apply: python launch/render_jobset.py ... | kubectl apply -f -

It fills gke_jobset.yaml, where everything that does not depend on the run is written and explained.
"""

import argparse
import difflib
import math
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
_OVERRIDE = "--config."


def flanjax_command(args: argparse.Namespace, overrides: list[str]) -> str:
    """Training by all processes, and after it the evaluation if asked for, as one line of shell."""
    together = ["--distributed", "auto"]
    line = shlex.join(["flanjax", "train", "--config", args.config, "--workdir", args.workdir, *together, *overrides])
    if args.heldout:
        line += " && " + shlex.join(["flanjax", "heldout", "--workdir", args.workdir, *together])
    return line


def container_script(command: str, chip: str) -> str:
    """What the container's shell runs. The shell outlives a SIGTERM, to hand on the status of flanjax, which saves."""
    return f'trap : TERM; flags=$(python launch/xla_flags.py {chip}) && eval "$flags" && {command}'


def hosts_of(chip: str, topology: str, chips_per_host: int) -> int:
    """How many hosts a slice has.

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
    """The manifest with everything that depends on the run."""
    hosts = hosts_of(args.chip, args.topology, args.chips_per_host)
    manifest["metadata"]["name"] = args.name
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
    if not args.spot:
        del selector[_SPOT], pod["tolerations"]
    (container,) = pod["containers"]
    container["image"] = args.image
    container["args"][-1] = container_script(flanjax_command(args, overrides), args.chip)
    for amounts in container["resources"].values():
        amounts["google.com/tpu"] = args.chips_per_host
    return manifest


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
        add("--chip", required=True, choices=sorted(ACCELERATORS)),
        add("--topology", required=True, help="of the node pool, such as 4x4 (v5e, v6e) or 2x2x4 (v4, v5p)"),
        add("--chips-per-host", type=_positive, default=4, help="1 or 8 for some machine types (default 4)"),
        add("--num-slices", type=_positive, default=1, help="each is a node pool (default 1)"),
        add("--spot", action="store_true", help="the node pools are of spot VMs"),
        add("--max-restarts", type=_positive, default=20, help="after preemptions and failures (default 20)"),
        add("--grace-seconds", type=_positive, default=600, help="to save in after SIGTERM (default 600)"),
        add("--service-account", default="default", help="of Kubernetes, one that may write to the bucket"),
        add("--config", required=True, help="a Python file with get_config(), in the image"),
        add("--workdir", required=True, type=_bucket, help="gs://..., where checkpoints and metrics go"),
        add("--heldout", action="store_true", help="then evaluate on the held-out clusters"),
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
