//! What the crates must not depend on, and words that they must not contain.

use std::collections::BTreeSet;
use std::fs;

use crate::architecture::source::code;
use crate::architecture::source::is_test_file;
use crate::architecture::source::rust_files;
use crate::architecture::source::top;

/// Names of the crates in a manifest's `[section]`.
fn dependencies(manifest: &str, section: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(top().join(manifest)).unwrap();
    let names: BTreeSet<String> = text
        .lines()
        .skip_while(|line| *line != format!("[{section}]"))
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect();
    assert!(!names.is_empty(), "{manifest} has no [{section}]");
    names
}

#[test]
fn the_core_has_no_io() {
    let core = dependencies("provider/core/Cargo.toml", "dependencies");
    for name in [
        "async-trait",
        "aws-config",
        "countersign-aws",
        "countersign-azure",
        "countersign-cloud",
        "countersign-credentials",
        "countersign-files",
        "countersign-google",
        "countersign-http",
        "countersign-registry",
        "countersign-service",
        "futures-util",
        "http",
        "hyper",
        "hyper-util",
        "log",
        "oci-client",
        "prometheus",
        "reqwest",
        "rustix",
        "rustls",
        "tokio",
        "tokio-rustls",
        "tracing",
        "tracing-subscriber",
        "ureq",
        "url",
    ] {
        assert!(!core.contains(name), "core depends on {name}");
    }
}

#[test]
fn the_testkit_does_not_depend_on_the_code_under_test() {
    let testkit = dependencies("provider/testkit/Cargo.toml", "dependencies");
    for name in [
        "countersign",
        "countersign-aws",
        "countersign-azure",
        "countersign-cloud",
        "countersign-core",
        "countersign-credentials",
        "countersign-files",
        "countersign-google",
        "countersign-http",
        "countersign-registry",
        "countersign-service",
        "coset",
        "x509-parser",
    ] {
        assert!(!testkit.contains(name), "testkit depends on {name}");
    }
}

#[test]
fn only_tests_sign() {
    for manifest in [
        "provider/Cargo.toml",
        "provider/aws/Cargo.toml",
        "provider/azure/Cargo.toml",
        "provider/cloud/Cargo.toml",
        "provider/core/Cargo.toml",
        "provider/google/Cargo.toml",
        "provider/http/Cargo.toml",
        "provider/registry/Cargo.toml",
        "provider/service/Cargo.toml",
    ] {
        let shipped = dependencies(manifest, "dependencies");
        for name in ["countersign-testkit", "countersign-test-support", "countersign-core-test-support", "regorus"] {
            assert!(!shipped.contains(name), "{manifest} depends on {name}");
        }
        // `countersign certs` issues certificates for the endpoints; it does not sign images.
        assert_eq!(shipped.contains("rcgen"), manifest == "provider/Cargo.toml", "{manifest}");
    }
    let issues: Vec<_> = rust_files(&top().join("provider/src"))
        .into_iter()
        .filter(|path| code(&fs::read_to_string(path).unwrap()).contains("rcgen"))
        .collect();
    assert_eq!(issues, [top().join("provider/src/cli/certs/authority.rs")]);
}

#[test]
fn the_crates_below_the_engine_do_not_know_signatures() {
    let folders =
        ["provider/credentials/src", "provider/http/src", "provider/registry/src"].map(|folder| top().join(folder));
    for path in folders.iter().flat_map(|folder| rust_files(folder)) {
        if is_test_file(path.strip_prefix(top()).unwrap()) {
            continue;
        }
        // `annotation` contains `notation`.
        let code = code(&fs::read_to_string(&path).unwrap()).to_lowercase().replace("annotation", "");
        // TLS has signatures too.
        let code =
            if path.components().any(|part| part.as_os_str() == "tls") { code.replace("signature", "") } else { code };
        for word in ["notary", "notation", "signature", "jose", "application/cose", "coset", "trustpolicy", "verdict"] {
            assert!(!code.contains(word), "{} contains {word:?}", path.display());
        }
    }
}

#[test]
fn the_http_crate_does_not_know_registries() {
    for path in rust_files(&top().join("provider/http/src")) {
        if is_test_file(path.strip_prefix(top()).unwrap()) {
            continue;
        }
        let code = code(&fs::read_to_string(&path).unwrap()).to_lowercase();
        for word in ["registry", "registries", "manifest", "referrer", "docker", "artifact", "blob", "/v2/"] {
            assert!(!code.contains(word), "{} contains {word:?}", path.display());
        }
    }
}

#[test]
fn no_file_has_unsafe_code() {
    let word = concat!("un", "safe ");
    let mut read = 0;
    for folder in ["provider", "e2e"] {
        for path in rust_files(&top().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            let found = text.lines().find(|line| !line.trim_start().starts_with("//") && line.contains(word));
            assert_eq!(found, None, "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 30, "only {read} files were read");
}
