//! Files that an operator mounts, with one part enlarged: each is read by `countersign check` in a process of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value as Json;
use serde_json::json;

use countersign_testkit::variants;

const MIB: usize = 1024 * 1024;

/// Reads the files in `folder` as the command line does, and prints the peak memory of this process in KiB.
pub(crate) fn read(folder: &str) {
    let config = Path::new(folder).join("countersign.yaml");
    let arguments = ["countersign", "check", "--config"].map(OsString::from).into_iter();
    let _ = countersign::cli::run(arguments.chain([config.into_os_string()]));
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    eprintln!("{}", peak.trim().trim_end_matches(" kB"));
}

/// Reads every variant with `part` in its name. Returns the highest peak, in MiB.
pub(crate) fn all(part: &str) -> u64 {
    let folder = std::env::temp_dir().join(format!("countersign-hostile-{}", std::process::id()));
    fs::create_dir_all(folder.join("store/x509/ca/main")).unwrap();
    let mut worst = 0;
    for (file, document) in documents() {
        for variant in variants::json(&document, MIB) {
            let name = format!("{file}: {}", variant.name);
            if !name.contains(part) {
                continue;
            }
            for (other, good) in documents() {
                fs::write(folder.join(other), good.to_string()).unwrap();
            }
            fs::write(folder.join(file), variant.bytes).unwrap();
            let peak = peak(&folder);
            println!("{name:<76} {:>7} {peak:>5} MiB", "");
            worst = worst.max(peak);
        }
    }
    fs::remove_dir_all(folder).unwrap();
    worst
}

#[allow(clippy::disallowed_methods, reason = "the peak of each file is measured in a process of its own")]
fn peak(folder: &Path) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.arg("files").arg(folder).stdout(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().unwrap_or_default();
    last.parse::<u64>().unwrap_or_else(|_| panic!("no peak in {last:?}")).div_ceil(1024)
}

/// Valid documents as JSON, which is also YAML.
fn documents() -> [(&'static str, Json); 3] {
    let registry = json!({"host": "registry.example", "realmHosts": ["auth.example"],
        "credentials": {"dockerConfig": "config.json"}});
    [
        (
            "countersign.yaml",
            json!({
                "trust": {"policy": "trustpolicy.json", "store": "store"},
                "verification": {"requiredMetadata": [{"statement": "app", "annotations": {"a": "b"}}]},
                "registries": [registry],
                "log": {"level": "info"},
            }),
        ),
        (
            "trustpolicy.json",
            json!({
                "version": "1.0",
                "trustPolicies": [{
                    "name": "app",
                    "registryScopes": ["registry.example/app"],
                    "signatureVerification": {"level": "strict", "override": {"revocation": "skip"}},
                    "trustStores": ["ca:main"],
                    "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
                }],
            }),
        ),
        ("config.json", json!({"auths": {"registry.example": {"auth": "eDp5"}}, "credHelpers": {"a": "b"}})),
    ]
}
