# Sourced by the commands next to it. Sets $python to one that can run them (3.8 or newer; a pyenv shim will do).
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1

find_python() {
    for python in python3 python python3.13 python3.12 python3.11 python3.10 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[0-3]*/bin/python; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then
            return 0
        fi
    done
    echo "No Python 3.8 or newer was found on PATH or under pyenv. Install Python 3.10 to 3.13, and try again." >&2
    return 1
}

find_python || exit 1
