//! A file that many registries name is read and kept once.

#![allow(clippy::unwrap_used)]

use crate::ALLOCATOR;
use countersign::config::Config;
use countersign::config::Purpose;
use countersign_testkit::alone;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

const MIB: usize = 1024 * 1024;

const REGISTRIES: usize = 200;

#[test]
fn a_pull_secret_and_authorities_of_two_hundred_registries_take_the_memory_of_one() {
    if !alone("registry_files::a_pull_secret_and_authorities_of_two_hundred_registries_take_the_memory_of_one") {
        return;
    }
    let folder = Folder::new();
    let path = "p".repeat(200);
    let entries: Vec<String> = (0..1000)
        .map(|number| format!(r#""h{number}.example/{path}":{{"username":"u","password":"{}"}}"#, "s".repeat(700)))
        .collect();
    folder.write("secret.json", format!(r#"{{"auths":{{{}}}}}"#, entries.join(",")));
    let authority = Authority::root(CertSpec::root().extension("1.2.3.4", false, &[0; 30_000]));
    folder.write("ca.pem", authority.pem().repeat(20));
    let registries: String = (0..REGISTRIES)
        .map(|number| {
            format!("- {{host: r{number}.example, ca: ca.pem, credentials: {{dockerConfig: secret.json}}}}\n")
        })
        .collect();
    let text = format!("trust: {{directory: trust}}\nregistries:\n{registries}");
    let config = Config::parse(&text, &folder.path().join("c.yaml"), Purpose::Verify).unwrap();
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let digest = config.registry_files_digest();
    let files = config.registry_files(None);
    let (peak, kept) = (ALLOCATOR.peak_usage() - before, ALLOCATOR.current_usage() - before);
    assert_eq!(files.error(), None);
    assert!(peak < 12 * MIB, "{peak} bytes at most");
    assert!(kept < 8 * MIB, "{kept} bytes are kept");
    folder.write("ca.pem", authority.pem());
    assert_ne!(config.registry_files_digest(), digest);
}
