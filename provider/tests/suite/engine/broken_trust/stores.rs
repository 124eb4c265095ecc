//! Trust stores that are absent, empty or damaged.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use countersign::policy_source::PolicyPoll;
use countersign::policy_source::StoreState;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::pki::CertSpec;
use serde_json::json;

use crate::engine::broken_trust::LATER;
use crate::engine::broken_trust::MAIN;
use crate::engine::broken_trust::StoreCase;
use crate::engine::broken_trust::changed;
use crate::engine::broken_trust::changed_generation;
use crate::engine::broken_trust::codes;
use crate::engine::broken_trust::document;
use crate::engine::broken_trust::rewrite;
use crate::engine::broken_trust::sound;
use crate::engine::broken_trust::sound_statements;
use crate::engine::broken_trust::undecided;
use crate::engine::broken_trust::with;

/// Ways to end the trust in a store.
const ENDED: &[StoreCase] = &[
    (
        "the directory is removed",
        |_, main| fs::remove_dir_all(main).unwrap(),
        "found no directory truststore/x509/ca/main, expected one with certificate files",
    ),
    (
        "all stores are removed",
        |fixture, _| {
            fs::rename(fixture.folder.path().join("truststore/x509/ca"), fixture.folder.path().join("elsewhere"))
                .unwrap()
        },
        "found no directory truststore/x509/ca/main, expected one with certificate files",
    ),
    (
        "the directory is a link that leads nowhere",
        |_, main| {
            fs::remove_dir_all(main).unwrap();
            symlink("nowhere", main).unwrap()
        },
        "found no directory truststore/x509/ca/main, expected one with certificate files",
    ),
    (
        "all files are removed",
        |_, main| fs::remove_file(main.join("root.pem")).unwrap(),
        "found no certificates, expected at least one",
    ),
    (
        "all files are hidden",
        |_, main| fs::rename(main.join("root.pem"), main.join(".root.pem")).unwrap(),
        "found no certificates, expected at least one",
    ),
    (
        "all files are in a sub-directory",
        |_, main| {
            fs::create_dir(main.join("sub")).unwrap();
            fs::rename(main.join("root.pem"), main.join("sub/root.pem")).unwrap()
        },
        "found no certificates, expected at least one",
    ),
    (
        "the file is emptied",
        |fixture, _| rewrite(fixture, ""),
        "file \"root.pem\" is empty, expected certificates in PEM or DER",
    ),
    (
        "the file has white space only",
        |fixture, _| rewrite(fixture, " \n"),
        "file \"root.pem\" is empty, expected certificates in PEM or DER",
    ),
    (
        "the file has a byte order mark only",
        |fixture, _| rewrite(fixture, "\u{feff}\r\n"),
        "file \"root.pem\" is empty, expected certificates in PEM or DER",
    ),
    (
        "the file is a link that leads nowhere",
        |_, main| {
            fs::remove_file(main.join("root.pem")).unwrap();
            symlink("nowhere", main.join("root.pem")).unwrap()
        },
        "truststore/x509/ca/main/root.pem is missing, expected a file",
    ),
];

/// Ways to damage a store that are no end of the trust in it.
const DAMAGED: &[StoreCase] = &[
    (
        "no certificate",
        |fixture, _| rewrite(fixture, "garbage"),
        "file \"root.pem\" has no -----BEGIN line, expected certificates in PEM or DER",
    ),
    (
        "half a PEM block",
        |fixture, _| rewrite(fixture, &fixture.root.pem()[..200]),
        "file \"root.pem\": PEM block \"CERTIFICATE\" that begins on line 1: found no end, expected -----END \
         CERTIFICATE-----",
    ),
    (
        "a certificate that may not be there",
        |fixture, _| rewrite(fixture, &fixture.root.issue(CertSpec::leaf()).pem()[..]),
        "is neither a CA certificate nor self-signed: ",
    ),
    (
        "one bad file beside a good one",
        |fixture, _| fixture.folder.write(&format!("{MAIN}/second.pem"), "garbage"),
        "file \"second.pem\" has no -----BEGIN line, expected certificates in PEM or DER",
    ),
    (
        "one empty file beside a good one",
        |fixture, _| fixture.folder.write(&format!("{MAIN}/second.pem"), ""),
        "file \"second.pem\" is empty, expected certificates in PEM or DER",
    ),
    (
        "one link that leads nowhere beside a good file",
        |_, main| symlink("nowhere", main.join("second.pem")).unwrap(),
        "truststore/x509/ca/main/second.pem is missing, expected a file",
    ),
    (
        "a socket beside a good file",
        |_, main| drop(UnixListener::bind(main.join("socket")).unwrap()),
        "truststore/x509/ca/main/socket is a directory or a special file, expected a regular file",
    ),
    (
        "a file in place of the directory",
        |fixture, main| {
            fs::remove_dir_all(main).unwrap();
            fixture.folder.write(MAIN, fixture.root.pem())
        },
        "truststore/x509/ca/main cannot be read: Not a directory (os error 20), expected a readable file or directory",
    ),
    (
        "a file in place of all stores",
        |fixture, main| {
            fs::remove_dir_all(main.parent().unwrap().parent().unwrap()).unwrap();
            fixture.folder.write("truststore/x509", "")
        },
        "truststore/x509/ca/main cannot be read: Not a directory (os error 20), expected a readable file or directory",
    ),
    (
        "a link to itself",
        |_, main| {
            fs::remove_file(main.join("root.pem")).unwrap();
            symlink("root.pem", main.join("root.pem")).unwrap()
        },
        "truststore/x509/ca/main/root.pem cannot be read: Too many levels of symbolic links (os error 40), expected a readable file or directory",
    ),
    (
        "too large a file",
        |fixture, _| rewrite(fixture, vec![b'x'; 1024 * 1024 + 1]),
        "truststore/x509/ca/main/root.pem has more than 1048576 bytes, expected at most 1048576 bytes",
    ),
    (
        "too many files",
        |fixture, _| {
            (0..1000).for_each(|number| fixture.folder.write(&format!("{MAIN}/{number}.pem"), fixture.root.pem()))
        },
        "truststore/x509/ca/main has too many files, expected at most 1000",
    ),
];

/// What breaks the store `other` as well.
fn breaks_all(what: &str) -> bool {
    ["all stores are removed", "a file in place of all stores"].contains(&what)
}

async fn assert_unusable(fixture: &EngineFixture, what: &str, problem: &str) {
    let (code, rule, message) = undecided(fixture, "app").await;
    assert_eq!((code, rule.as_deref()), (Code::TrustStoreUnusable, Some("app")), "{what}");
    let start = "statement \"app\" of the trust policy is disabled: trust store ca:main cannot be used: ";
    let rest = message.strip_prefix(start).unwrap_or_else(|| panic!("{what}: {message}"));
    assert!(rest == problem || what.starts_with("a certificate") && rest.contains(problem), "{what}: {rest}");
    if breaks_all(what) {
        assert_eq!(undecided(fixture, "other").await.0, Code::TrustStoreUnusable, "{what}");
    } else {
        assert_eq!(codes(fixture).await, ["trust-store-unusable", "verified", "verified"], "{what}");
    }
}

#[tokio::test]
async fn at_the_start_a_store_that_cannot_be_used_disables_the_statements_that_name_it_and_no_other() {
    for (what, break_it, problem) in ENDED.iter().chain(DAMAGED) {
        let mut fixture = sound().await;
        break_it(&fixture, &fixture.folder.path().join(MAIN));
        fixture.restart();
        assert_unusable(&fixture, what, problem).await;
    }
}

#[tokio::test]
async fn a_store_that_is_absent_or_emptied_ends_the_trust_in_it_at_once() {
    for (what, break_it, problem) in ENDED {
        let fixture = sound().await;
        break_it(&fixture, &fixture.folder.path().join(MAIN));
        let trust = changed(&fixture);
        assert!(trust.generation() > 2, "{what}: verdicts from before are not remembered");
        assert_unusable(&fixture, what, problem).await;
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_parsed_stays_as_it_was_before() {
    for (what, break_it, problem) in DAMAGED {
        let fixture = sound().await;
        let generation = changed_generation(&fixture);
        break_it(&fixture, &fixture.folder.path().join(MAIN));
        let trust = changed(&fixture);
        assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"], "{what}");
        assert_eq!(trust.generation(), generation, "{what}: what is trusted is the same");
        let StoreState::Kept { store, since, mistakes } = &trust.stores()[&"ca:main".parse().unwrap()] else {
            panic!("{what}: {:?}", trust.stores());
        };
        assert_eq!((store.certificates().len(), since.to_string().as_str()), (1, LATER), "{what}");
        let message = mistakes[0].problem().replace(&format!("{}/", fixture.folder.path().display()), "");
        assert!(message == *problem || what.starts_with("a certificate") && message.contains(problem), "{message}");
        // It is the moment at which it broke, whatever is wrong with it later.
        fixture.at("2026-11-21T14:00:00Z");
        let _ = fs::remove_dir_all(fixture.folder.path().join("truststore/x509"));
        let _ = fs::remove_file(fixture.folder.path().join("truststore/x509"));
        fixture.folder.write("truststore/x509/ca/other/root.pem", fixture.root.pem());
        rewrite(&fixture, "other garbage");
        assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
        let trust = fixture.trust.lock().unwrap().handle().current().unwrap();
        assert!(matches!(&trust.stores()[&"ca:main".parse().unwrap()],
            StoreState::Kept { since, .. } if since.to_string() == LATER));
        rewrite(&fixture, fixture.root.pem());
        assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
        let trust = fixture.trust.lock().unwrap().handle().current().unwrap();
        assert!(matches!(&trust.stores()[&"ca:main".parse().unwrap()], StoreState::Current(_)));
        assert_eq!(trust.mistakes(), []);
    }
}

#[tokio::test]
async fn drops_the_last_good_store_once_the_store_is_absent() {
    let fixture = sound().await;
    rewrite(&fixture, "garbage");
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"]);
    fs::remove_file(fixture.folder.path().join(MAIN).join("root.pem")).unwrap();
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["trust-store-unusable", "verified", "verified"]);
    // Broken again: there is no former one any more.
    rewrite(&fixture, "garbage");
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["trust-store-unusable", "verified", "verified"]);
    rewrite(&fixture, fixture.root.pem());
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"]);
}

#[tokio::test]
async fn drops_the_last_good_store_once_no_statement_names_it() {
    let fixture = sound().await;
    let [app, other, all] = sound_statements(&fixture);
    fixture.folder.write("trustpolicy.json", document(&[other.clone(), all.clone()]));
    changed(&fixture);
    rewrite(&fixture, "garbage");
    fixture.folder.write("trustpolicy.json", document(&[app, other, all]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["trust-store-unusable", "verified", "verified"]);
}

#[tokio::test]
async fn every_store_of_a_statement_must_be_usable() {
    let fixture = sound().await;
    let [app, other, all] = sound_statements(&fixture);
    for (stores, code) in [
        (json!(["ca:main", "ca:absent"]), "trust-store-unusable"),
        (json!(["ca:absent", "ca:main"]), "trust-store-unusable"),
        (json!(["ca:main", "tsa:absent"]), "trust-store-unusable"),
        (json!(["ca:main", "ca:other"]), "verified"),
    ] {
        let app = with(app.clone(), "trustStores", stores);
        fixture.folder.write("trustpolicy.json", document(&[app, other.clone(), all.clone()]));
        changed(&fixture);
        assert_eq!(codes(&fixture).await, [code, "verified", "verified"]);
    }
}
