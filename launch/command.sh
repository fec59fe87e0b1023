# shellcheck shell=bash
# Flags of a launcher, and the flanjax command that they ask for. Sourced by the launchers; bash 3.2 (macOS) suffices.
#
# Every launcher takes --config, --workdir, --heldout, --profile, --env, --dry-run, --help and any --config.KEY=VALUE, beside
# its own.

launcher=${launcher:-launch}
config='' workdir='' heldout='' profile='' dry_run='' help=''
overrides=()
variables=() # KEY=VALUE, for the run's environment
no_evaluation=4 # what a launched command ends with when training is done and its evaluation has failed

fail() {
  printf '%s: %s\n' "$launcher" "$1" >&2
  exit "${2:-2}"
}

say() { printf '%s: %s\n' "$launcher" "$1" >&2; }

# quoted ARGUMENT...: one line that a shell reads back as these arguments (Python's shlex.quote does the same).
quoted() {
  local argument line='' mark="'\"'\"'"
  for argument in "$@"; do
    case $argument in
      '' | *[!A-Za-z0-9@%+=:,./_-]*) argument="'${argument//\'/$mark}'" ;;
    esac
    line="$line${line:+ }$argument"
  done
  printf '%s' "$line"
}

# Prints a command in a dry run; else says it and runs it.
run() {
  if [ "$dry_run" ]; then
    quoted "$@"
    printf '\n'
  else
    say "$(quoted "$@")"
    "$@"
  fi
}

# add_variable KEY|KEY=VALUE: KEY alone takes the value that it has here, so that a secret stands on no command line.
add_variable() {
  local key=${1%%=*}
  case $key in '' | [0-9]* | *[!A-Za-z0-9_]*) fail "--env takes KEY or KEY=VALUE, got the key '$key'" ;; esac
  case $1 in
    *=*) variables+=("$1") ;;
    *)
      [ "${!key+set}" ] || fail "--env $key: $key is not set here; set it, or give --env $key=VALUE"
      variables+=("$key=${!key}")
      ;;
  esac
}

export_variables() {
  local variable
  [ ${#variables[@]} -eq 0 ] || for variable in "${variables[@]}"; do export "${variable?}"; done
}

# Names only, in a dry run: a value may be a secret.
show_variables() {
  local variable
  [ ${#variables[@]} -eq 0 ] || for variable in "${variables[@]}"; do printf '# in the environment: %s\n' "${variable%%=*}"; done
}

# parse "NAMES OF FLAGS WITH A VALUE" "NAMES OF SWITCHES" ARGUMENT...: sets a variable for each, --num-slices 2 -> num_slices=2.
parse() {
  local values=" config workdir profile env ${1//$'\n'/ } " switches=" heldout dry-run help $2 " flag given all=''
  for flag in $values $switches; do all="$all --$flag"; done
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --config.?*=*)
        overrides+=("$1")
        shift
        continue
        ;;
      --config.*) fail "$1 has no value; write $1=VALUE" ;;
      --?*) ;;
      *) fail "unexpected argument '$1'; flags begin with --, and a config key is set by --config.KEY=VALUE" ;;
    esac
    flag=${1#--}
    flag=${flag%%=*}
    case $values in
      *" $flag "*)
        case $1 in
          *=*) given=${1#*=} ;;
          *)
            shift
            given=${1-}
            ;;
        esac
        case $given in '' | --*) fail "--$flag needs a value, got '$given'" ;; esac
        if [ "$flag" = env ]; then add_variable "$given"; else printf -v "${flag//-/_}" %s "$given"; fi
        shift
        continue
        ;;
    esac
    case $switches in
      *" $flag "*)
        case $1 in *=*) fail "--$flag takes no value, got $1" ;; esac
        printf -v "${flag//-/_}" yes
        shift
        continue
        ;;
    esac
    fail "unknown flag --$flag; the flags are$all and --config.KEY=VALUE (--help explains them)"
  done
  [ -z "$help" ] || {
    usage
    exit 0
  }
}

# What a run cannot do without.
check_run() {
  [ "$config" ] || fail "--config is missing; give a file with get_config(), such as --config configs/flan_t5.py:base"
  [ "$workdir" ] || fail "--workdir is missing; checkpoints and metrics go there, and the same one goes on with a run"
}

check_number() {
  case $2 in
    '' | *[!0-9]* | 0) fail "$1 is '$2', expected a whole number from 1" ;;
  esac
}

check_shared_workdir() {
  case $workdir in
    gs://?*) ;;
    *) fail "--workdir is $workdir: $1. Give a bucket that all hosts reach: --workdir gs://BUCKET/PATH" ;;
  esac
}

# train_command, heldout_command alone|auto: the command as an array, for one process or for several.
train_command() {
  command=(flanjax train --config "$config" --workdir "$workdir")
  [ "$1" != auto ] || command+=(--distributed auto)
  [ -z "$profile" ] || command+=(--profile "$profile")
  [ ${#overrides[@]} -eq 0 ] || command+=("${overrides[@]}")
}

heldout_command() {
  command=(flanjax heldout --workdir "$workdir")
  [ "$1" != auto ] || command+=(--distributed auto)
}

# The same as one line of shell: training, and after it the evaluation if asked for. An evaluation that fails has a status of
# its own, by which nobody starts a finished training again; one ended by a signal keeps its status.
command_line() {
  local line
  train_command "$@"
  line=$(quoted "${command[@]}")
  if [ "$heldout" ]; then
    heldout_command "$@"
    line="$line && { $(quoted "${command[@]}") || exit \$((\$? > 128 ? \$? : $no_evaluation)); }"
  fi
  printf '%s' "$line"
}
