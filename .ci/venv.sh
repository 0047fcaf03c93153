# shellcheck shell=sh
# Sourced by device/demo and tests/run, with $root set to the checkout: prepare LOCK...
# gives $root/.venv, with every package of these lock files and the command `doorcheck`.
#
#   .venv/made       which checkout and which Python it was made for; absent while a set-up is
#                    under way, so that an interrupted one is thrown away and never used
#   .venv/locks/     a copy of each lock file that is installed: the next start compares, and
#                    is instant
#   .venv.lock       held by the one set-up that is running

venv=${root:?}/.venv
retry="Nothing half-made is kept: run the same command again"

# Packages and settings from elsewhere would count as installed here.
unset PYTHONPATH PYTHONHOME

say() {
    printf 'doorcheck: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# Run a command in silence; when it fails, show all that it said.
quietly() {
    output=$("$@" 2>&1 </dev/null) && return
    status=$?
    printf '%s\n' "$output" >&2
    return "$status"
}

# --- system packages

# The first Python, 3.11 or newer, that can make virtual environments.
find_python() {
    for python in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    return 1
}

# Become root for apt-get: sets $as_root. Returns 1 where that can't be.
may_install() {
    as_root=
    [ "$(id -u)" -eq 0 ] || { as_root=sudo && command -v sudo >/dev/null; }
}

apt_install() { # apt_install PACKAGE...
    # shellcheck disable=SC2086 # empty or one word
    quietly $as_root apt-get -q update || say "the list of packages could not be renewed; trying with the one that is here"
    # shellcheck disable=SC2086 # empty or one word
    quietly $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@"
}

# Programs that only some tests want, and are skipped without. Only CI installs them: a server for
# SSH would listen on somebody's laptop.
want_programs() { # want_programs PROGRAM:PACKAGE...
    missing=
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
    done
    [ "$missing" ] || return 0
    if [ "${CI-}" != true ] || ! command -v apt-get >/dev/null || ! may_install; then
        say "a few tests will be skipped, for want of the system packages$missing"
        return 0
    fi
    say "installing system packages that some tests use:$missing"
    # shellcheck disable=SC2086 # a list of words
    apt_install $missing || say "that failed (apt-get's words are above): tests that want them are skipped"
}

install_python() {
    if ! command -v apt-get >/dev/null; then
        die "needs Python 3.11 or newer with its modules venv and ensurepip: install them, then run again"
    fi
    if version=$(/usr/bin/python3 -c 'import sys; v = sys.version_info; print(*v[:2], sep="."); sys.exit(v >= (3, 11))' 2>/dev/null); then
        die "needs Python 3.11 or newer, and this system's is $version: use Debian 12, Raspberry Pi OS 12, or newer"
    fi
    may_install || die "needs the system package python3-venv, and there is no sudo here:" \
        "run 'apt-get install python3-venv' as root, then the same command again"
    say "installing the system package python3-venv with ${as_root:+$as_root }apt-get:" \
        "Debian keeps the part of Python that makes virtual environments in a package of its own"
    if [ "$as_root" ] && ! sudo true; then
        die "sudo said no: have someone who may run 'apt-get install python3-venv', then the same command again"
    fi
    apt_install python3-venv ||
        die "could not install python3-venv (apt-get's words are above). Is this machine online? $retry"
    find_python || die "python3-venv is installed, and yet no Python here is 3.11 or newer with venv and ensurepip"
}

# --- the virtual environment

# What the environment depends on besides its packages. A new Python or another folder makes it useless.
identity() {
    printf '%s\n%s\n' "$root" "$(readlink -f -- "$venv/bin/python")"
}

copy_of() {
    printf '%s/locks/%s\n' "$venv" "$(printf '%s' "$1" | tr / _)"
}

is_made() {
    [ -x "$venv/bin/doorcheck" ] && [ "$(cat "$venv/made" 2>/dev/null)" = "$(identity)" ]
}

has() {
    cmp -s "$root/$1" "$(copy_of "$1")"
}

is_ready() {
    is_made || return
    for lock in "$@"; do
        has "$lock" || return
    done
}

make() {
    find_python || install_python
    "$python" -c 'import sys; sys.exit(sys.maxsize < 2**32)' ||
        die "needs a 64-bit system: the packages are not published for 32-bit ones"
    say "making a virtual environment in .venv with $("$python" --version): the system's Python stays as it is"
    rm -rf -- "$venv"
    quietly "$python" -m venv "$venv" || die "could not make it (Python's words are above). $retry"
    mkdir "$venv/locks"
    link_package || die "could not write into .venv. $retry"
    identity >"$venv/made"
}

# Make the package importable from the checkout itself, and its command callable.
link_package() {
    "$venv/bin/python" - "$root/device" <<'END'
import pathlib, shlex, sys, sysconfig

pathlib.Path(sysconfig.get_path("purelib"), "doorcheck.pth").write_text(sys.argv[1] + "\n")
command = pathlib.Path(sys.prefix, "bin", "doorcheck")
command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m doorcheck.cli "$@"\n')
command.chmod(0o755)
END
}

install() {
    say "installing the packages of $1 (pinned, with their checksums; some minutes the first time)"
    rm "$venv/made" # a power cut from here on means: start again
    if quietly "$venv/bin/python" -I -m pip --disable-pip-version-check --no-input install \
        --quiet --no-user --require-hashes --only-binary :all: -r "$root/$1"; then
        cp -- "$root/$1" "$(copy_of "$1")"
        identity >"$venv/made"
    else
        # pip gets everything before it changes anything: what was there still holds.
        identity >"$venv/made" || rm -f "$venv/made"
        die "could not install them (pip's words are above). Is this machine online? $retry"
    fi
}

prepare() {
    is_ready "$@" && return
    for place in "$root" "$venv" "$venv.lock"; do
        [ -w "$place" ] || [ ! -e "$place" ] ||
            die "cannot write to $place: run as the user who owns it, or remove $venv and $venv.lock first"
    done
    exec 9>"$venv.lock"
    if ! flock -n 9; then
        say "another set-up is running in this checkout; waiting for it"
        flock 9
    fi
    is_made || make
    for lock in "$@"; do
        has "$lock" || install "$lock"
    done
    exec 9>&-
    say "ready"
}
