//! Certificates of the endpoints.

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use time::macros::datetime;

use crate::commands::check::START;
use crate::commands::check::check;
use crate::commands::check::sound;

#[test]
fn checks_every_certificate_of_the_endpoints() {
    let folder = sound();
    let tls = Authority::root(CertSpec::root().common_name("TLS").valid(START, datetime!(2026-02-01 00:00 UTC)));
    let server = tls.issue(CertSpec::tls_server(&["localhost"]).valid(START, datetime!(2026-01-01 00:00 UTC)));
    folder.write("tls.crt", server.pem());
    folder.write("tls.key", "hunter2");
    folder.write("ca.crt", tls.pem());
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    let mistakes: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("mistake       ")).collect();
    assert_eq!(
        mistakes,
        [
            "c.yaml:2: server.tls.certificate: tls.crt: certificate \"C=CH, ST=ZH, O=Testkit, CN=server\" has expired: found end 2026-01-01T00:00:00Z, expected a valid certificate",
            "c.yaml:2: server.tls.certificate: tls.crt: certificate \"C=CH, ST=ZH, O=Testkit, CN=TLS\" has expired: found end 2026-02-01T00:00:00Z, expected a valid certificate",
            "c.yaml:2: server.tls.key: tls.key: has no -----BEGIN line, expected a private key in PEM",
            "c.yaml:2: server.tls.clientCa: ca.crt: all certificates have expired: found last end 2026-02-01T00:00:00Z, expected a valid \
                 certificate",
        ]
    );
    assert!(!page.contains("hunter2"), "{page}");
}

#[test]
fn the_files_of_the_endpoints_must_exist() {
    let folder = sound();
    for name in ["tls.crt", "tls.key", "ca.crt"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    let mistakes: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("mistake       ")).collect();
    let missing = "cannot be read: No such file or directory (os error 2), expected a PEM file";
    let files = ["server.tls.certificate: tls.crt", "server.tls.key: tls.key", "server.tls.clientCa: ca.crt"];
    assert_eq!(mistakes, files.map(|file| format!("c.yaml:2: {file}: {missing}")));
}
