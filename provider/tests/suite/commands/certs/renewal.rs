//! Renewal, and files that are in the way.

use std::fs;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use time::OffsetDateTime;

use crate::commands::certs::Out;

#[tokio::test]
async fn renewing_keeps_the_authority() {
    let out = Out::new();
    out.made(&[]);
    let (authority, key, server) = (out.read("ca.crt"), out.read("ca.key"), out.read("tls.crt"));
    let page = out.made(&["--renew", "--days", "30"]);
    assert!(page.starts_with("authority     certs/ca.crt, kept, until 2"), "{page}");
    assert!(!page.contains("kubectl patch"), "{page}");
    assert_eq!((out.read("ca.crt"), out.read("ca.key")), (authority, key));
    assert_ne!(out.read("tls.crt"), server);
    assert_eq!(out.handshake("countersign.countersign.svc", false).await, Ok(()));

    // A missing certificate is issued again by the existing authority.
    for name in ["tls.crt", "tls.key", "provider-patch.yaml"] {
        fs::remove_file(out.path(name)).unwrap();
    }
    assert!(out.made(&[]).starts_with("authority     certs/ca.crt, kept, "));
    assert_eq!(out.handshake("countersign.countersign.svc", false).await, Ok(()));
}

#[tokio::test]
async fn renewing_finds_the_authority_among_several_and_in_a_file_from_windows() {
    let out = Out::new();
    out.made(&[]);
    let authority = out.read("ca.crt");
    let other = Authority::root(CertSpec::root());
    let both = format!("\u{feff}{}{authority}", other.pem()).replace('\n', "\r\n");
    fs::write(out.path("ca.crt"), &both).unwrap();
    fs::write(out.path("ca.key"), out.read("ca.key").replace('\n', "\r\n")).unwrap();
    assert!(out.made(&["--renew"]).starts_with("authority     certs/ca.crt, kept, until 2"));
    assert_eq!(out.read("ca.crt"), both);
    // Issued by the authority whose key is there, which alone is trusted.
    fs::write(out.path("ca.crt"), authority).unwrap();
    assert_eq!(out.handshake("countersign.countersign.svc", false).await, Ok(()));
}

#[test]
fn renewing_keeps_the_names_unless_others_are_given() {
    let out = Out::new();
    out.made(&["--name", "endpoint.example.com", "--name", "192.0.2.7", "--name", "2001:db8::7"]);
    let names = |arguments: &[&str]| {
        let page = out.made(arguments);
        let line = page.lines().find_map(|line| line.strip_prefix("server        certs/tls.crt, for ")).unwrap();
        line.rsplit_once(", until ").unwrap().0.to_owned()
    };
    assert_eq!(names(&["--renew"]), "endpoint.example.com, 192.0.2.7, 2001:db8::7");
    assert_eq!(names(&["--renew", "--name", "other.example.com"]), "other.example.com");
    assert_eq!(names(&["--renew", "--namespace", "ns"]), "countersign.ns.svc, countersign.ns.svc.cluster.local");
    fs::write(out.path("tls.crt"), Authority::root(CertSpec::root()).pem()).unwrap();
    let (code, _, errors) = out.certs(&["--renew"]);
    assert_eq!(code, Some(3));
    assert_eq!(errors, "countersign: certs contains a tls.crt without readable names; give each name with --name\n");
}

#[tokio::test]
async fn overwrites_nothing_without_force() {
    let out = Out::new();
    out.made(&[]);
    let before = ["ca.crt", "ca.key", "tls.crt", "tls.key"].map(|name| out.read(name));
    let (code, page, errors) = out.certs(&[]);
    assert_eq!((code, page.as_str()), (Some(3), ""));
    assert_eq!(
        errors,
        "countersign: certs already contains tls.crt, tls.key, provider-patch.yaml; use --renew for a new \
             certificate from the same CA, or --force to create a new CA\n"
    );
    assert_eq!(["ca.crt", "ca.key", "tls.crt", "tls.key"].map(|name| out.read(name)), before);

    out.made(&["--force"]);
    let after = ["ca.crt", "ca.key", "tls.crt", "tls.key"].map(|name| out.read(name));
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    assert_eq!(out.handshake("countersign.countersign.svc", false).await, Ok(()));
}

#[test]
fn refuses_an_authority_that_cannot_be_renewed_from() {
    let refused = |arrange: &dyn Fn(&Out)| {
        let out = Out::new();
        fs::create_dir(out.path("")).unwrap();
        arrange(&out);
        let (code, page, errors) = out.certs(&["--renew"]);
        assert_eq!((code, page.as_str()), (Some(3), ""));
        errors
    };
    let write = |out: &Out, certificate: &str, key: &str| {
        fs::write(out.path("ca.crt"), certificate).unwrap();
        fs::write(out.path("ca.key"), key).unwrap();
    };
    let start = time::macros::datetime!(2020-01-01 00:00 UTC);
    let end = time::macros::datetime!(2026-01-01 00:00 UTC);
    let root = Authority::root(CertSpec::root());
    let root_key = root.as_chain().key_pem();
    let ended = Authority::root(CertSpec::root().valid(start, end));
    let leaf = root.issue(CertSpec::tls_server(&["localhost"]));
    assert_eq!(
        refused(&|_| {}),
        "countersign: certs contains no ca.crt and ca.key, expected the CA that is to be kept\n"
    );
    assert_eq!(
        refused(&|out| fs::write(out.path("ca.crt"), root.pem()).unwrap()),
        "countersign: certs contains ca.crt but not ca.key, expected both; use --force to create a new CA\n"
    );
    assert_eq!(
        refused(&|out| write(out, "nothing", &root_key)),
        "countersign: certs: ca.crt: has no -----BEGIN line, expected CERTIFICATE blocks in PEM\n"
    );
    assert_eq!(
        refused(&|out| write(out, &leaf.pem(), &leaf.key_pem())),
        "countersign: certs: ca.crt is not a CA certificate, expected one that may sign certificates\n"
    );
    assert_eq!(
        refused(&|out| write(out, &ended.pem(), &ended.as_chain().key_pem())),
        "countersign: certs: the CA certificate has expired: found end 2026-01-01T00:00:00Z; use --force to \
             create a new CA\n"
    );
    assert_eq!(
        refused(&|out| write(out, &root.pem(), "hunter2")),
        "countersign: certs: ca.key: has no -----BEGIN line, expected a private key in PEM\n"
    );
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nBA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(
        refused(&|out| write(out, &root.pem(), encrypted)),
        "countersign: certs: ca.key: private key that begins on line 1: found an encrypted key, expected one \
             without a passphrase; decrypt it with `openssl pkey`\n"
    );
    assert_eq!(
        refused(&|out| write(out, &root.pem().replace(" CERT", " TRUSTED CERT"), &root_key)),
        "countersign: certs: ca.crt: PEM block that begins on line 1: found label \"TRUSTED CERTIFICATE\", \
             expected CERTIFICATE; its trust settings are OpenSSL's own and are not read: `openssl x509 -in FILE \
             -out NEW.pem` leaves them out\n"
    );
    assert_eq!(
        refused(&|out| write(out, &root.pem(), &leaf.key_pem())),
        "countersign: certs: ca.key is not the key of ca.crt, expected a matching pair\n"
    );
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let out = Out::new();
    fs::create_dir(out.path("")).unwrap();
    let end = (OffsetDateTime::now_utc() + time::Duration::days(5)).replace_nanosecond(0).unwrap();
    let start = time::macros::datetime!(2020-01-01 00:00 UTC);
    let authority = Authority::root(CertSpec::root().valid(start, end));
    fs::write(out.path("ca.crt"), authority.pem()).unwrap();
    fs::write(out.path("ca.key"), authority.as_chain().key_pem()).unwrap();
    let page = out.made(&[]);
    let end = end.format(&time::format_description::well_known::Rfc3339).unwrap();
    assert_eq!(page.matches(&format!("until {end}\n")).count(), 2, "{page}");
    assert!(
        page.contains(
            "\n# The certificate ends with its authority: create a new authority with --force before that.\n"
        ),
        "{page}"
    );
}

/// The commands that a run prints.
fn commands(page: &str) -> Vec<String> {
    page.lines().filter(|line| line.starts_with("kubectl")).map(str::to_owned).collect()
}

#[test]
fn prints_the_steps_that_are_possible_now_with_the_namespace() {
    let out = Out::new();
    let namespace = "kubectl get namespace trust >/dev/null 2>&1 || kubectl create namespace trust";
    let secret = "kubectl create secret tls countersign-tls --namespace trust --cert certs/tls.crt --key certs/tls.key \
                  --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -";
    let patch = |name: &str| {
        format!(
            "kubectl patch providers.externaldata.gatekeeper.sh countersign-{name} --type merge --patch-file \
             certs/provider-patch.yaml"
        )
    };
    // Neither namespace nor Providers exist yet.
    let page = out.made(&["--namespace", "trust"]);
    assert_eq!(commands(&page), [namespace, secret]);
    assert!(page.contains("\n# The url of the Providers must name the namespace trust: "), "{page}");
    // A renewed certificate has the same names, so that its namespace is known.
    assert_eq!(commands(&out.made(&["--renew"])), [secret]);
    assert_eq!(commands(&out.made(&["--renew", "--secret", "countersign-tls"])).len(), 1);
    assert!(out.read("secret.yaml").contains("\n  namespace: trust\n"));
    // A replaced authority: the Providers exist and need it.
    let page = out.made(&["--force", "--namespace", "trust"]);
    assert_eq!(commands(&page), [patch("verify"), patch("mutate"), secret.to_owned()]);
    // The first certificate of an existing authority.
    for name in ["tls.crt", "tls.key", "provider-patch.yaml", "secret.yaml"] {
        fs::remove_file(out.path(name)).unwrap();
    }
    assert_eq!(commands(&out.made(&["--name", "countersign.trust.svc"])), [namespace, secret]);
}
