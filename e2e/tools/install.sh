#!/bin/sh
# Installs the programs of the end-to-end run into one directory outside the source tree, and prints that directory as the last
# line of standard output. Existing programs are kept, so a second run takes a second.
#
#   sh install.sh [gatekeeper|gatekeeper-oldest|peers|pods|agreement]
#
# `peers` installs only what `cargo bench-peers` compares with, `pods` only what `cargo bench-pods` always needs, `agreement` only what
# `cargo e2e --agreement` needs.
#
# Go programs are built at the versions of go.mod and go.sum in this folder; the name of the directory is a hash of both files.
# Modules that provide files only have a go.mod of their own, so that their dependencies are not in the builds; so have helm,
# the timestamping authority and others, so that their dependencies do not change those of the API server.
# Debian programs are unpacked, not installed: an installed package would start a service and open ports.
# Exits with 1 and one line for the first program that is not available.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
key=$(cat "$here/go.mod" "$here/go.sum" | sha256sum | cut -c1-12)
tools=${COUNTERSIGN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}/countersign/tools/$key
mkdir -p "$tools"
scratch=$(mktemp -d "$tools/.new.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { echo "install: $*" >&2; }
missing() { say "$1 is not available: $2"; exit 1; }

# go_tool NAME PACKAGE [REMARK]: builds in a temporary directory and moves the result, so that a failed build leaves no file.
go_tool() {
    if [ -x "$tools/$1" ]; then return; fi
    command -v go >/dev/null || missing "$1" "it is built with Go, and go is not in PATH"
    say "building $1${3:+ ($3)}"
    (cd "$here" && CGO_ENABLED=0 go build -buildvcs=false -o "$scratch/$1" "$2" 2>"$scratch/log") ||
        missing "$1" "go build $2: $(tail -n 1 "$scratch/log")"
    mv "$scratch/$1" "$tools/$1"
}

# go_module_tool NAME PACKAGE [REMARK]: like go_tool, with the go.mod in the folder NAME. The program is built again if a file of that
# folder changes.
go_module_tool() {
    built=$tools/go/$1-$(cat "$here/$1"/* | sha256sum | cut -c1-12)
    if [ ! -x "$built" ]; then
        command -v go >/dev/null || missing "$1" "it is built with Go, and go is not in PATH"
        say "building $1${3:+ ($3)}"
        (cd "$here/$1" && CGO_ENABLED=0 go build -buildvcs=false -o "$scratch/$1" "$2" 2>"$scratch/log") ||
            missing "$1" "go build $2: $(tail -n 1 "$scratch/log")"
        mkdir -p "$tools/go"
        mv "$scratch/$1" "$built"
    fi
    ln -sf "$built" "$tools/$1"
}

# python_tool NAME FOLDER: the interpreter of a virtual environment with the packages of FOLDER/requirements.txt, from PyPI.
# Wheels with the hashes given there only, so no code of a package runs during the installation.
python_tool() {
    built=$tools/python/$1-$(sha256sum <"$here/$2/requirements.txt" | cut -c1-12)
    if [ ! -d "$built" ]; then
        command -v python3 >/dev/null || missing "$1" "it needs Python, and python3 is not in PATH"
        say "installing $1 from PyPI"
        python3 -m venv "$scratch/venv" >"$scratch/log" 2>&1 || missing "$1" "python3 -m venv: $(tail -n 1 "$scratch/log")"
        "$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
            --requirement "$here/$2/requirements.txt" >"$scratch/log" 2>&1 ||
            missing "$1" "pip install: $(tail -n 1 "$scratch/log")"
        mkdir -p "$tools/python"
        mv "$scratch/venv" "$built"
    fi
    printf '#!/bin/sh\nexec "%s/bin/python" "$@"\n' "$built" >"$scratch/$1"
    chmod +x "$scratch/$1"
    mv "$scratch/$1" "$tools/$1"
}

# debian_tool NAME PACKAGE: uses the program in PATH, otherwise unpacks the package.
debian_tool() {
    if [ -x "$tools/$1" ]; then return; fi
    found=$(command -v "$1" || true)
    if [ -z "$found" ]; then
        unpacked=$tools/debian/$2
        [ -d "$unpacked" ] || unpack "$1" "$2" "$unpacked"
        found=$unpacked/usr/bin/$1
        [ -x "$found" ] || missing "$1" "the Debian package $2 does not contain it"
    fi
    ln -sf "$found" "$tools/$1"
}

# debian_library NAME PACKAGE: unpacks a library that one program loads.
debian_library() {
    if [ -e "$tools/$1" ]; then return; fi
    unpacked=$tools/debian/$2
    [ -d "$unpacked" ] || unpack "$1" "$2" "$unpacked"
    found=$(find "$unpacked/usr/lib" -name "$1" | head -n 1)
    [ -e "$found" ] || missing "$1" "the Debian package $2 does not contain it"
    ln -sf "$found" "$tools/$1"
}

# unpack NAME PACKAGE DIRECTORY
unpack() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        missing "$1" "it is not in PATH, and without apt-get the Debian package $2 is not available"
    say "unpacking $1 from the Debian package $2"
    if ! (cd "$scratch" && apt-get download "$2" >log 2>&1); then
        # There are no package lists yet; only root can update them.
        as_root apt-get update >"$scratch/log" 2>&1 || missing "$1" "apt-get update: $(tail -n 1 "$scratch/log")"
        (cd "$scratch" && apt-get download "$2" >log 2>&1) ||
            missing "$1" "apt-get download $2: $(tail -n 1 "$scratch/log")"
    fi
    mkdir -p "$tools/debian"
    dpkg-deb -x "$scratch/$2"_*.deb "$scratch/$2"
    mv "$scratch/$2" "$3"
}

# as_root COMMAND…
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# curl: another client. It starts no service, so it may be installed with apt-get.
curl_tool() {
    if ! command -v curl >/dev/null; then
        say "installing curl"
        as_root apt-get install -y --no-install-recommends curl >"$scratch/log" 2>&1 ||
            missing curl "apt-get install curl: $(tail -n 1 "$scratch/log")"
    fi
    debian_tool curl curl
}

# module_files NAME MODULE FOLDER [REQUIRER]: links to files of a Go module in Go's module cache. The module is required by the go.mod
# in the folder REQUIRER, by default NAME, otherwise by the go.mod of the programs. The link is updated each time, so that it follows
# the required version.
module_files() {
    command -v go >/dev/null || missing "$1" "it is part of a Go module, and go is not in PATH"
    required=$here
    if [ -d "$here/${4:-$1}" ]; then required=$here/${4:-$1}; fi
    (cd "$required" && go mod download -json "$2") >"$scratch/module" 2>"$scratch/log" ||
        missing "$1" "go mod download $2: $(tail -n 1 "$scratch/log")"
    module=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' "$scratch/module")
    [ -d "$module/$3" ] || missing "$1" "the module $2 does not contain $3"
    ln -sfn "$module/$3" "$tools/$1"
}

if [ "${1:-}" = pods ]; then
    go_tool etcd go.etcd.io/etcd/server/v3
    go_tool kubectl k8s.io/kubernetes/cmd/kubectl
    go_tool gatekeeper github.com/open-policy-agent/gatekeeper/v3 "minutes the first time"
    go_tool kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "minutes the first time"
    go_module_tool kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "minutes the first time"
    curl_tool
    module_files gatekeeper-crds github.com/open-policy-agent/gatekeeper/v3 charts/gatekeeper/crds
    module_files ratify github.com/ratify-project/ratify library
    echo "$tools"
    exit
fi
go_tool notation github.com/notaryproject/notation/cmd/notation
if [ "${1:-}" = peers ]; then
    go_module_tool ratify-provider github.com/ratify-project/ratify/cmd/ratify "minutes the first time"
    echo "$tools"
    exit
fi
go_module_tool references .
if [ "${1:-}" = agreement ]; then
    curl_tool
    debian_tool openssl openssl
    echo "$tools"
    exit
fi
go_tool olareg github.com/olareg/olareg/cmd/olareg
go_tool etcd go.etcd.io/etcd/server/v3
go_tool kubectl k8s.io/kubernetes/cmd/kubectl
case ${1:-gatekeeper} in
gatekeeper) go_tool gatekeeper github.com/open-policy-agent/gatekeeper/v3 "minutes the first time" ;;
gatekeeper-oldest) go_module_tool gatekeeper-oldest github.com/open-policy-agent/gatekeeper/v3 "minutes the first time" ;;
*) missing "$1" "expected gatekeeper, gatekeeper-oldest, peers, pods or agreement" ;;
esac
go_tool kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "minutes the first time"
go_module_tool helm helm.sh/helm/v3/cmd/helm
go_module_tool timestamp-server .
go_module_tool distribution github.com/distribution/distribution/v3/cmd/registry
python_tool botocore-python aws
python_tool clouds-python clouds
debian_tool docker-registry docker-registry
debian_tool prometheus prometheus
debian_tool promtool prometheus
debian_tool tinyproxy tinyproxy-bin
debian_library libnss_wrapper.so libnss-wrapper
curl_tool
debian_tool openssl openssl

module_files gatekeeper-crds github.com/open-policy-agent/gatekeeper/v3 charts/gatekeeper/crds
if [ "${1:-gatekeeper}" = gatekeeper-oldest ]; then
    module_files gatekeeper-oldest-crds github.com/open-policy-agent/gatekeeper/v3 charts/gatekeeper/crds gatekeeper-oldest
fi
module_files gatekeeper-chart github.com/open-policy-agent/gatekeeper/v3 charts/gatekeeper
module_files ratify github.com/ratify-project/ratify library
module_files cert-manager github.com/cert-manager/cert-manager deploy/crds
module_files prometheus-operator github.com/prometheus-operator/prometheus-operator example/prometheus-operator-crd

echo "$tools"
