# Sourced by tools/quickstart and tools/test: messages, and the Debian packages they need.

say() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
}

stop() {
    say "$*"
    exit 1
}

build_packages="gcc libc6-dev cmake ninja-build pkg-config libprotobuf-c-dev libdnnl-dev zlib1g-dev
    libjpeg62-turbo-dev libopenjp2-7-dev libpng-dev libtiff-dev libwebp-dev"
test_packages="g++ make libcmocka-dev protobuf-c-compiler python3 python3-pip ca-certificates
    clang-format clang-tidy libomp-dev"

# Installs those of the named packages that are missing; with none missing it needs neither
# rights nor a network.
install_packages() {
    local missing="" package
    if ! command -v dpkg-query >/dev/null; then
        say "this is no Debian system: expecting the equivalents of:" "$@"
        return
    fi
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed' ||
            missing="$missing $package"
    done
    if [ -z "$missing" ]; then
        say "all packages are installed"
        return
    fi
    local root=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            stop "these packages are missing; as root: apt-get install$missing"
        root="sudo"
    fi
    say "installing$missing"
    $root apt-get update -q ||
        say "apt-get update failed, trying with the package lists at hand"
    # shellcheck disable=SC2086 # the list is words
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing ||
        stop "could not install$missing: is the network up?"
}

# configure_and_build PRESET FOLDER TESTS [TARGET...]: all targets when none is named. TESTS is ON or
# OFF: without tests neither cmocka nor Python is needed.
configure_and_build() {
    local preset=$1 folder=$2 tests=$3 launcher=""
    shift 3
    if command -v ccache >/dev/null; then
        launcher="-DCMAKE_C_COMPILER_LAUNCHER=ccache"
    fi
    say "configuring preset $preset in $folder"
    cmake --preset "$preset" "-DIG_TESTS=$tests" $launcher >"$folder.log" 2>&1 || {
        cat "$folder.log" >&2
        rm -f "$folder.log"
        stop "the configuration failed, see above"
    }
    rm -f "$folder.log"
    say "building"
    cmake --build "$folder" ${1:+--target "$@"}
}
