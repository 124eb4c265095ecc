#!/usr/bin/env bash
# Builds countersign for a release, without a container engine: one static binary, one bill of materials (SBOM) and one line of
# SHA256SUMS for each architecture.
set -euo pipefail

usage="usage: deploy/build.sh [--output DIRECTORY] [--no-sbom] [amd64] [arm64]

Builds static release binaries of countersign. Without an architecture, it builds both.

  --output DIRECTORY   where the files are written (default: target/release-files)
  --no-sbom            writes no bill of materials, so that jq is not needed
  --help               prints this text

Files, with the version of the crate:
  countersign-VERSION-linux-ARCH            the binary, linked statically with glibc, as in the image
  countersign-VERSION-linux-ARCH.cdx.json   CycloneDX 1.5: what is in the binary, with versions, licences and checksums
  SHA256SUMS                                checksums of the files above

Requires rustup, git, binutils, a C compiler for each architecture (Debian: gcc-x86-64-linux-gnu, gcc-aarch64-linux-gnu), and jq
for the bill of materials.

Exit status: 0 if all files were written, 1 if a step failed, 3 for a mistake on the command line."

fail() { echo "build.sh: $*" >&2; exit 1; }
mistake() { printf 'build.sh: %s\n\n%s\n' "$*" "$usage" >&2; exit 3; }

output='' sbom=yes architectures=()
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) echo "$usage"; exit 0 ;;
    --output)
        [ $# -ge 2 ] || mistake "--output: found nothing, expected a directory"
        output=$2; shift ;;
    --no-sbom) sbom=no ;;
    amd64 | arm64) architectures+=("$1") ;;
    *) mistake "found the argument \"$1\", expected an option, amd64 or arm64" ;;
    esac
    shift
done
[ "$sbom" = no ] || command -v jq >/dev/null || fail "found no jq, expected it for the bill of materials (or --no-sbom)"
[ ${#architectures[@]} -gt 0 ] || architectures=(amd64 arm64)

# An output directory is relative to the directory of the caller.
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target_directory=$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
[ -n "$output" ] || output=$target_directory/release-files
case $output in /*) ;; *) output=$caller/$output ;; esac
mkdir -p "$output"
# cargo pkgid prints path+file:///…#countersign@VERSION, or #VERSION.
version=$(cargo pkgid --locked --package countersign | sed 's/.*[#@]//')

# .cargo/config.toml has the faster choice for tests; a variable that is set has precedence.
export AWS_LC_SYS_NO_JITTER_ENTROPY=0

# Variables about one architecture, for its steps.
select_architecture() {
    case $1 in
    amd64) target=x86_64-unknown-linux-gnu compiler=x86_64-linux-gnu-gcc package=gcc-x86-64-linux-gnu machine=X86-64 ;;
    arm64) target=aarch64-unknown-linux-gnu compiler=aarch64-linux-gnu-gcc package=gcc-aarch64-linux-gnu machine=AArch64 ;;
    esac
    # On a system that is not Debian, the native compiler has no such name.
    if ! command -v "$compiler" >/dev/null && [ "$(rustc --print host-tuple)" = "$target" ]; then compiler=cc; fi
    command -v "$compiler" >/dev/null || fail "$1: found no $compiler, expected the C compiler for it (Debian: $package)"
    name=countersign-$version-linux-$1
}

# binary ARCHITECTURE
binary() {
    rustup target list --installed | grep -qx "$target" || rustup target add "$target"
    local upper lower
    lower=${target//-/_} upper=$(echo "$target" | tr 'a-z-' 'A-Z_')
    # --target is needed, as otherwise the flags would apply to procedural macros, which cannot be static. Paths of this machine
    # are replaced, so that another machine builds the same binary.
    env "CARGO_TARGET_${upper}_LINKER=$compiler" "CC_$lower=$compiler" \
        "COUNTERSIGN_REVISION=${COUNTERSIGN_REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}" \
        "CARGO_ENCODED_RUSTFLAGS=-Ctarget-feature=+crt-static"$'\x1f'"--remap-path-prefix=$PWD=/src"$'\x1f'"--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
        cargo build --locked --release --package countersign --bin countersign --target "$target"
    local built=$target_directory/$target/release/countersign
    readelf --file-header "$built" | grep -q "Machine:.*$machine" || fail "$built is not a binary for $1"
    if readelf --program-headers "$built" | grep -q INTERP; then fail "$built needs a dynamic linker, expected a static binary"; fi
    install -m 0755 "$built" "$output/$name"
}

# crates EDGES: name and version of the crates that countersign depends on by these edges for the target, with exactly the features
# of its build, one in a line.
crates() {
    cargo tree --locked --package countersign --edges "$1" --target "$target" --prefix none --no-dedupe --format '{p}' |
        awk '{ print $1 " " substr($2, 2) }' | LC_ALL=C sort -u
}

# bill_of_materials: CycloneDX from cargo's own data. A generator for whole workspaces (cargo-cyclonedx 0.5.9 was tried) also lists
# crates that only the tests of this workspace need, ring among them, and has another result for each run. Crates that only run
# during the build have the scope "excluded".
bill_of_materials() {
    local glibc
    glibc=$(printf '#include <features.h>\n__GLIBC__.__GLIBC_MINOR__\n' | "$compiler" -E -P - | tail -n 1 | tr -d ' ')
    cargo metadata --locked --format-version 1 --filter-platform "$target" |
        jq --sort-keys --arg version "$version" --arg target "$target" --arg glibc "$glibc" \
            --arg rust "$(rustc --version | cut -d ' ' -f 2)" \
            --arg linked "$(crates normal,no-proc-macro)" --arg used "$(crates normal,build)" \
            --rawfile lock Cargo.lock '
        def purl: "pkg:cargo/\(.name)@\(.version)";
        ($linked | split("\n")) as $linked | ($used | split("\n")) as $used
        | ($lock | split("\n[[package]]\n")[1:]
            | map({ key: (capture("name = \"(?<n>[^\"]*)\"\nversion = \"(?<v>[^\"]*)\"") | "\(.n) \(.v)"),
                    value: (capture("checksum = \"(?<c>[0-9a-f]*)\"").c? // null) }) | from_entries) as $checksums
        | [.packages[] | select("\(.name) \(.version)" | IN($used[]))] as $packages
        | ($packages | map({ key: .id, value: purl }) | from_entries) as $purls
        | [{ name: "glibc", version: $glibc, licenses: [{ expression: "LGPL-2.1-or-later" }] },
           { name: "rust-std", version: $rust, licenses: [{ expression: "MIT OR Apache-2.0" }] }
           | . + { type: "library", scope: "required", purl: "pkg:generic/\(.name)@\(.version)" } | .["bom-ref"] = .purl] as $libraries
        | [$packages[] | "\(.name) \(.version)" as $key
            | { type: "library", name, version, purl: purl, "bom-ref": purl,
                scope: (if $key | IN($linked[]) then "required" else "excluded" end) }
              + (if .license then { licenses: [{ expression: (.license | gsub("/"; " OR ")) }] } else {} end)
              + (if $checksums[$key] then { hashes: [{ alg: "SHA-256", content: $checksums[$key] }] } else {} end)] as $components
        | { bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
            metadata: {
                component: ($components[] | select(.name == "countersign") | .type = "application"),
                properties: [{ name: "cdx:rustc:sbom:target:triple", value: $target }] },
            components: ([$components[] | select(.name != "countersign")] + $libraries),
            dependencies: [.resolve.nodes[] | select($purls[.id]) | .id as $id
                | { ref: $purls[$id], dependsOn: ([.deps[] | select(any(.dep_kinds[]; .kind != "dev")) | $purls[.pkg] | values]
                    + (if $purls[$id] | startswith("pkg:cargo/countersign@") then [$libraries[].purl] else [] end) | unique) }] }' \
            >"$output/$name.cdx.json"
}

for architecture in "${architectures[@]}"; do
    select_architecture "$architecture"
    binary "$architecture"
    [ "$sbom" = no ] || bill_of_materials
done
(cd "$output" && sha256sum countersign-"$version"-linux-* >SHA256SUMS)
echo "$output:"
ls -l "$output"
