#!/usr/bin/env bash
# Trains on Cloud TPU through queued resources, and goes on after a preemption.
set -euo pipefail

launcher=launch/tpu_vm.sh
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=launch/command.sh
. "$here/command.sh"

usage() {
  cat <<'END'
Trains on a Cloud TPU slice: asks for it, waits, installs flanjax on all workers, runs, and shows the output. If the slice is
taken away it is deleted, asked for again, and the same command goes on from the last checkpoint. An error of the command
ends it.

  launch/tpu_vm.sh run --name xl --zone us-east5-b --accelerator-type v6e-64 --spot \
      --config configs/flan_t5.py:xl --workdir gs://BUCKET/runs/xl [--config.KEY=VALUE ...]
  launch/tpu_vm.sh status --name xl --zone us-east5-b     the state of the slice
  launch/tpu_vm.sh stop   --name xl --zone us-east5-b     makes the run save and end; the slice stays
  launch/tpu_vm.sh delete --name xl --zone us-east5-b     gives the slice back, with all that is on its disks

Ctrl-C leaves the slice and the run as they are; the same command looks on again.

  --config FILE[:ARGUMENT]  a file with get_config(), in the git repository of this directory
  --workdir gs://...        where checkpoints and metrics go
  --config.KEY=VALUE        any key of the config
  --heldout                 then evaluate on the held-out clusters
  --profile STEPS           write a trace of these steps, such as 10:13, for TensorBoard or XProf
  --env KEY[=VALUE]         set KEY for the run; KEY alone takes the value that it has here (--env HF_TOKEN). It travels in a
                            file that only you can read, and stands on no command line

  --name NAME               of the queued resource and of its nodes
  --zone ZONE
  --project PROJECT         (default: gcloud's)
  --accelerator-type TYPE   v4-*, v5e-* (which Cloud TPU calls v5litepod-*), v5p-* or v6e-*
  --runtime-version NAME    of the TPU VM's image (default: the chip's)
  --num-slices N            several slices, joined over the data centre's network (default 1)
  --spot                    cheaper, and may be taken away at any time
  --reserved                from any reservation of yours that fits
  --reservation NAME        from this one; projects/OWNER/reservations/NAME for one that is shared with you
  --network, --subnetwork, --service-account NAME

  --ref REF                 of this git repository: what is installed and run (default HEAD)
  --wheel FILE              install this instead of the repository; configs still come from --ref
  --log FILE                also write the output there; a gs:// file is brought up to date every minute
  --max-restarts N          preemptions after which to give up (default 100)
  --poll-seconds N          between two looks at the slice's state (default 30)
  --delete-when-done        give the slice back when the command has succeeded
  --dry-run                 print the commands only; needs no account
END
}

action=${1-}
case $action in
  run | status | stop | delete) shift ;;
  --help | -h)
    usage
    exit 0
    ;;
  *) fail "expected run, status, stop or delete, got '$action' (--help explains them)" ;;
esac

name='' zone='' project='' accelerator_type='' runtime_version='' num_slices=1 spot='' reserved='' reservation=''
network='' subnetwork='' service_account='' ref=HEAD wheel='' log='' max_restarts=100 poll_seconds=30 delete_when_done=''
parse "name zone project accelerator-type runtime-version num-slices reservation network subnetwork service-account ref wheel log
  max-restarts poll-seconds" "spot reserved delete-when-done" "$@"

check_slice() {
  [ "$name" ] || fail "--name is missing; it names the queued resource, such as --name my-run"
  case $name in *[!a-z0-9-]* | [!a-z]*) fail "--name is $name, expected small letters, digits and -, a letter first" ;; esac
  [ "$zone" ] || fail "--zone is missing; give the zone of your TPU quota, such as --zone us-east5-b"
  check_number --num-slices "$num_slices"
  check_number --max-restarts "$max_restarts"
  check_number --poll-seconds "$poll_seconds"
  [ "$dry_run" ] || command -v gcloud > /dev/null ||
    fail "no gcloud in PATH; install it (https://cloud.google.com/sdk/docs/install) and log in, or look with --dry-run"
}

# The chip that the flags are for, and the image that goes with it (cloud.google.com/tpu/docs/runtimes).
choose_chip() {
  local image
  case $accelerator_type in v5e-*) accelerator_type=v5litepod-${accelerator_type#v5e-} ;; esac
  case $accelerator_type in
    v4-*) chip=v4 image=tpu-ubuntu2204-base ;;
    v5litepod-*) chip=v5e image=v2-alpha-tpuv5-lite ;;
    v5p-*) chip=v5p image=v2-alpha-tpuv5 ;;
    v6e-*) chip=v6e image=v2-alpha-tpuv6e ;;
    '') fail "--accelerator-type is missing; give a slice such as v5e-16, v5p-32 or v6e-64" ;;
    *) fail "--accelerator-type is $accelerator_type, expected v4-*, v5e-*, v5p-* or v6e-*" ;;
  esac
  runtime_version=${runtime_version:-$image}
}

check_capacity() {
  case "${spot:+ --spot}${reserved:+ --reserved}${reservation:+ --reservation}" in
    ' '*' '*) fail "--spot, --reserved and --reservation exclude each other; give one" ;;
  esac
}

check_source() {
  local file=${config%%:*}
  git rev-parse --quiet --verify "$ref^{commit}" > /dev/null 2>&1 ||
    fail "--ref $ref is no commit of a git repository here; run this in your checkout, with configs and mixtures committed"
  git cat-file -e "$ref:./$file" 2> /dev/null ||
    fail "--config $file is not in $ref of the git repository here; commit it, and give its path from here"
  [ "$(git rev-parse --show-prefix)" = '' ] || fail "run this in the root of the repository: $(git rev-parse --show-toplevel)"
  [ -z "$(git status --porcelain --untracked-files=no)" ] || say "note: uncommitted changes are not in $ref, and do not travel"
  [ -z "$wheel" ] || [ -e "$wheel" ] || fail "--wheel $wheel does not exist"
}

# gcloud's commands. One slice is a TPU VM; several are reached through the queued resource, which goes through its workers in
# groups of 64 unless told otherwise, while all of them have to run at once.
place=(--zone "$zone")
[ -z "$project" ] || place+=(--project "$project")
resource=(gcloud compute tpus queued-resources)
if [ "$num_slices" = 1 ]; then
  vm=(gcloud compute tpus tpu-vm)
  everywhere=("${place[@]}" --worker=all)
else
  vm=(gcloud compute tpus queued-resources)
  everywhere=("${place[@]}" --node=all --worker=all --batch-size=all)
fi

create() {
  local request=("${resource[@]}")
  # The flag is one of gcloud's alpha commands (cloud.google.com/tpu/docs/consume-reservation).
  [ -z "$reservation" ] || request=(gcloud alpha compute tpus queued-resources)
  request+=(create "$name" "${place[@]}" --accelerator-type "$accelerator_type"
    --runtime-version "$runtime_version")
  if [ "$num_slices" = 1 ]; then
    request+=(--node-id "$name")
  else
    request+=(--node-count "$num_slices" --node-prefix "$name")
  fi
  [ -z "$spot" ] || request+=(--spot)
  [ -z "$reserved" ] || request+=(--reserved)
  [ -z "$reservation" ] || request+=(--reservation "$reservation")
  [ -z "$network" ] || request+=(--network "$network")
  [ -z "$subnetwork" ] || request+=(--subnetwork "$subnetwork")
  [ -z "$service_account" ] || request+=(--service-account "$service_account")
  run "${request[@]}"
}

describe=("${resource[@]}" describe "$name" "${place[@]}")

delete() { run "${resource[@]}" delete "$name" "${place[@]}" --force --quiet; }

copy() { run "${vm[@]}" scp "$@" "$name:" "${everywhere[@]}"; }

# A dead connection is noticed after two minutes.
on_workers() {
  run "${vm[@]}" ssh "$name" "${everywhere[@]}" --ssh-flag='-o ServerAliveInterval=30 -o ServerAliveCountMax=4' --command "$1"
}

# Sets state: that of the queued resource; NONE if there is none. Anything else that gcloud says is an error.
look() {
  local failures=0 told
  told=$(mktemp)
  while ! state=$("${describe[@]}" --format='value(state.state)' 2> "$told"); do
    if grep -q NOT_FOUND "$told"; then
      state=NONE
      break
    fi
    failures=$((failures + 1))
    # Not seen even once: no login, or no such zone. Later, it may be the network.
    [ "$seen" ] && [ "$failures" -lt 5 ] || fail "cannot see $name: $(cat "$told")" 1
    sleep "$poll_seconds"
  done
  seen=yes
  rm -f "$told"
}

# Waits for the slice, and asks for it if it is not there; ends if it cannot be had.
get_slice() {
  local shown='' refusals=0
  while :; do
    look
    [ "$state" = "$shown" ] || say "$name is ${state:-in an unknown state}"
    shown=$state
    case $state in
      ACTIVE)
        was_active=yes
        return
        ;;
      NONE)
        if create; then continue; fi
        refusals=$((refusals + 1))
        # What was granted once may be refused for a while.
        [ "$was_active" ] && [ "$refusals" -lt 20 ] || fail "the slice cannot be asked for; gcloud says why above" 1
        ;;
      SUSPENDED) delete || : ;;
      FAILED)
        [ "$was_active" ] || {
          "${describe[@]}" --format='yaml(state)' >&2 || :
          fail "the request for $name failed, as said above. Delete it: $(again delete)" 1
        }
        delete || :
        ;;
    esac
    sleep "$poll_seconds"
  done
}

# Sets state to that of a node which is gone although the queued resource is ACTIVE.
node_is_gone() {
  local index node now
  for ((index = 0; index < num_slices; index++)); do
    node=$name
    [ "$num_slices" = 1 ] || node=$name-$index
    now=$(gcloud compute tpus tpu-vm describe "$node" "${place[@]}" --format='value(state)' 2> /dev/null) || continue
    case $now in
      PREEMPTED | TERMINATED | STOPPING | STOPPED | DELETING)
        state=$now
        return 0
        ;;
    esac
  done
  return 1
}

# Whether the slice has gone or is going, after something failed on it with this status. While it says ACTIVE, a broken
# connection (255), a kill or a SIGTERM may be the first sign of it, and so may any error of a worker whose neighbour no
# longer answers: then its state is watched for a while. If all answer, the error is the command's.
is_lost() {
  local looks=0
  look
  [ "$state" = ACTIVE ] || return 0
  case $1 in
    137 | 143 | 255) ;;
    *) if on_workers true > /dev/null 2>&1; then return 1; fi ;;
  esac
  while [ "$looks" -lt 4 ]; do
    if node_is_gone; then return 0; fi
    sleep "$poll_seconds"
    look
    [ "$state" = ACTIVE ] || return 0
    looks=$((looks + 1))
  done
  return 1
}

again() {
  local options=(--name "$name" "${place[@]}")
  [ "$num_slices" = 1 ] || options+=(--num-slices "$num_slices")
  quoted "$launcher" "$1" "${options[@]}"
}

stays() { say "the slice $name stays, and costs: $(again delete)"; }

install_and_run() {
  local files=("$source" "$environment" "$here/on_worker.sh" "$here/xla_flags.py")
  [ -z "$wheel" ] || files+=("$wheel")
  run git archive --format tar.gz --output "$source" "$ref" || return
  copy "${files[@]}" || return
  on_workers "$(quoted bash on_worker.sh install "$version" ${wheel:+"${wheel##*/}"})" || return
  breaks=0
  on_workers "$(quoted bash on_worker.sh run "$attempt" "$chip" "$(command_line auto)")"
}

# The run's environment, as lines of shell in a file that on_worker.sh reads.
write_environment() {
  local variable
  (umask 077 && : > "$environment")
  [ ${#variables[@]} -eq 0 ] || for variable in "${variables[@]}"; do
    printf 'export %s=%s\n' "${variable%%=*}" "$(quoted "${variable#*=}")" >> "$environment"
  done
}

keep_log() {
  local target=$log
  case $log in
    '') return 0 ;;
    gs://*)
      target=$scratch/log
      : > "$target"
      gcloud storage cp --quiet "$log" "$target" > /dev/null 2>&1 || :
      (while sleep 60; do gcloud storage cp --quiet "$target" "$log" > /dev/null 2>&1 || :; done) &
      uploader=$!
      ;;
    *) : >> "$log" || fail "--log $log cannot be written" ;;
  esac
  # Not ended by Ctrl-C, which has something to say.
  exec > >(tee -i -a "$target") 2>&1
}

finish_log() {
  if [ "$uploader" ]; then
    kill "$uploader" 2> /dev/null || :
    sleep 1
    gcloud storage cp --quiet "$scratch/log" "$log" > /dev/null 2>&1 || :
  fi
  rm -rf "$scratch"
}

run_until_done() {
  local restarts=0 status
  attempt=$(date +%Y%m%d-%H%M%S)
  while :; do
    get_slice
    status=0
    install_and_run || status=$?
    if [ "$status" -eq 0 ]; then
      say "done; everything is in $workdir"
      if [ "$delete_when_done" ]; then delete; else stays; fi
      return
    fi
    if is_lost "$status"; then
      say "the slice $name was taken away ($state); the same command continues on a new one"
      [ "$state" = NONE ] || delete || :
      attempt=$(date +%Y%m%d-%H%M%S)-$restarts
    elif [ "$status" -eq 255 ]; then
      breaks=$((breaks + 1))
      [ "$breaks" -lt 5 ] || fail "the workers of $name cannot be reached; try: ssh-add ~/.ssh/google_compute_engine" 1
      say "the connection to $name broke; trying again"
    elif [ "$status" -eq "$no_evaluation" ]; then
      say "training is finished, and its evaluation failed; the same command evaluates again"
      stays
      exit "$status"
    else
      say "the command ended with status $status, and the slice is still there: it is not run again"
      stays
      exit "$status"
    fi
    restarts=$((restarts + 1))
    [ "$restarts" -le "$max_restarts" ] || fail "given up after --max-restarts $max_restarts; run the same command again to continue" 1
  done
}

interrupted() {
  trap - INT TERM
  printf '\n' >&2
  if [ "$was_active" ]; then
    say "left; the run goes on on the slice. To look on, the same command; to make it save and end: $(again stop)"
  else
    say "left; the request for the slice stands. To wait on, the same command"
  fi
  stays
  exit 130
}

check_slice
case $action in
  status)
    if [ "$dry_run" ]; then run "${describe[@]}"; else "${describe[@]}"; fi
    exit
    ;;
  stop)
    on_workers 'bash on_worker.sh stop'
    exit
    ;;
  delete)
    delete
    exit
    ;;
esac

check_run
choose_chip
check_capacity
check_shared_workdir "the disk of a TPU VM goes with the slice"
check_source
version=$(git rev-parse "$ref^{commit}")${wheel:+-$(cksum < "$wheel" | tr ' ' -)}
uploader='' was_active='' seen='' state='' source=flanjax-source.tar.gz environment=flanjax.env attempt=1 breaks=0
if [ "$dry_run" ]; then
  show_variables
  create
  echo "# Until it says ACTIVE:"
  run "${describe[@]}" --format='value(state.state)'
  echo "# On all workers, in the end: $(command_line auto)"
  install_and_run
  echo "# If it is taken away, and then from the beginning:"
  delete
  exit
fi
scratch=$(mktemp -d)
source=$scratch/flanjax-source.tar.gz environment=$scratch/flanjax.env
write_environment
trap finish_log EXIT
trap interrupted INT TERM
keep_log
run_until_done
