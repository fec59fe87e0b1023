#!/usr/bin/env bash
# Trains on the GPUs of this machine, in one process.
set -euo pipefail

launcher=launch/gpu.sh
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=launch/command.sh
. "$here/command.sh"

usage() {
  cat <<'END'
Trains on the GPU of this machine: sets XLA's flags and the memory fraction, then runs flanjax. Run the same
command again to continue.

  launch/gpu.sh --config configs/flan_t5.py:base --workdir runs/base [--config.KEY=VALUE ...]

  --config FILE[:ARGUMENT]  a file with get_config()
  --workdir DIRECTORY       where checkpoints and metrics go
  --config.KEY=VALUE        any key of the config
  --heldout                 then evaluate on the held-out clusters
  --profile STEPS           write a trace of these steps, such as 10:13, for TensorBoard or XProf
  --env KEY[=VALUE]         set KEY for the run; KEY alone takes the value that it has here
  --chip NAME               a100, h100 or h200; none sets no flags (default: asks nvidia-smi)
  --several                 the machine has several GPUs (default: asks nvidia-smi)
  --dry-run                 print the commands only
END
}

chip=gpu several=''
parse "chip" "several" "$@"
check_run
choose=(python "$here/xla_flags.py" "$chip")
[ -z "$several" ] || choose+=(--several)

if [ "$dry_run" ]; then
  show_variables
  printf "eval \"\$(%s)\"\n" "$(quoted "${choose[@]}")"
  printf '%s\n' "$(command_line alone)"
  exit 0
fi
command -v flanjax > /dev/null || fail "no flanjax in PATH; activate its environment, or: pip install -e '.[cuda]'"
export_variables
exports=$("${choose[@]}") || exit
eval "$exports"
train_command alone
if [ -z "$heldout" ]; then
  exec "${command[@]}"
fi
# Hands a signal on to flanjax, which saves, and waits for it.
attended() {
  local child status=0
  say "$(quoted "$@")"
  "$@" &
  child=$!
  trap 'kill -TERM "$child" 2> /dev/null || :' TERM INT HUP
  while :; do
    status=0
    wait "$child" || status=$?
    kill -0 "$child" 2> /dev/null || break
  done
  trap - TERM INT HUP
  return "$status"
}
attended "${command[@]}" || exit
heldout_command alone
attended "${command[@]}" || { status=$?; exit $((status > 128 ? status : no_evaluation)); }
