#!/usr/bin/env bash
# The part of tpu_vm.sh that runs on each worker of a slice.
#
#   on_worker.sh install VERSION [WHEEL]      unpacks ~/flanjax-source.tar.gz, installs it (or the wheel) with Python and libtpu
#   on_worker.sh run ATTEMPT CHIP COMMAND     starts the command apart from this connection, or finds it running; shows its
#                                             output and ends with its status
#   on_worker.sh stop                         sends SIGTERM, so that flanjax saves
#
# A connection that breaks is made again, and `run` is called again: the same attempt is then followed, never started twice.
set -euo pipefail

home=$HOME/flanjax
python_version=3.12

install() {
  local version=$1 wheel=${2-}
  [ ! -e "$HOME/flanjax.env" ] || chmod 600 "$HOME/flanjax.env"
  if [ "$(cat "$home/installed" 2> /dev/null)" = "$version" ]; then
    return
  fi
  # What runs has this source and this environment.
  if alive; then
    echo "on_worker.sh: a command runs on $(hostname), so what is installed stays" >&2
    return
  fi
  rm -rf "$home/source" "$home/installed"
  mkdir -p "$home/source"
  tar -xzf "$HOME/flanjax-source.tar.gz" -C "$home/source"
  # The Python of a TPU VM's image may be older than flanjax needs.
  PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --quiet --user --disable-pip-version-check uv
  python3 -m uv venv --quiet --clear --python "$python_version" "$home/venv"
  if [ "$wheel" ]; then
    python3 -m uv pip install --quiet --python "$home/venv/bin/python" "$HOME/${wheel}[tpu]"
  else
    python3 -m uv pip install --quiet --python "$home/venv/bin/python" -e "${home}/source[tpu]"
  fi
  echo "$version" > "$home/installed"
}

# Runs with its output in a file; the status goes into another.
work() {
  local attempt=$1 chip=$2 command=$3 status=0 exports
  # Waits for flanjax, which saves, rather than being ended itself.
  trap : TERM
  cd "$home/source"
  export PATH="$home/venv/bin:$PATH"
  # shellcheck source=/dev/null
  [ ! -e "$HOME/flanjax.env" ] || . "$HOME/flanjax.env"
  if exports=$(python "$HOME/xla_flags.py" "$chip"); then
    eval "$exports"
    bash -c "trap : TERM; $command" || status=$?
  else
    status=1
  fi
  echo "$status" > "$attempt/status"
}

alive() {
  [ -e "$home/run/pid" ] && kill -0 "$(cat "$home/run/pid")" 2> /dev/null
}

follow() {
  local pid
  pid=$(cat "$home/run/pid")
  tail -n "$1" --pid="$pid" -F "$home/run/log" 2> /dev/null
  [ -e "$home/run/status" ] || {
    echo "on_worker.sh: the command was killed on $(hostname)" >&2
    exit 137
  }
  exit "$(cat "$home/run/status")"
}

run() {
  local attempt=$1 chip=$2 command=$3
  if [ "$(cat "$home/run/attempt" 2> /dev/null)" = "$attempt" ]; then
    follow 20
  fi
  if alive; then
    [ "$(cat "$home/run/command")" = "$command" ] || {
      echo "on_worker.sh: $(hostname) is busy with: $(cat "$home/run/command")" >&2
      exit 3
    }
    follow 20
  fi
  rm -rf "$home/run"
  mkdir -p "$home/run"
  echo "$command" > "$home/run/command"
  : > "$home/run/log"
  # A session of its own: the end of the connection does not reach it.
  setsid bash "$0" work "$home/run" "$chip" "$command" > "$home/run/log" 2>&1 < /dev/null &
  echo $! > "$home/run/pid"
  echo "$attempt" > "$home/run/attempt"
  follow +1
}

stop() {
  if alive; then
    kill -TERM -- "-$(cat "$home/run/pid")"
  fi
}

case ${1-} in
  install | run | work | stop) "$@" ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    [ "${1-}" = --help ] || exit 2
    ;;
esac
