//! A trust policy or trust stores with mistakes, at the start and while the service runs: which images are inconclusive,
//! with which code and message, and that all others are judged as before.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use countersign::engine::EngineSettings;
use countersign::policy_source::DocumentState;
use countersign::policy_source::LoadedPolicy;
use countersign::policy_source::PolicyPoll;
use countersign::policy_source::StatementState;
use countersign::policy_source::StoreState;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerdictKind;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;

/// The store that is broken, as a directory.
const MAIN: &str = "truststore/x509/ca/main";

/// What the clock shows at first, and what it shows when files are read again.
const START: &str = "2026-11-21T12:00:00Z";
const LATER: &str = "2026-11-21T13:00:00Z";

fn statement(fixture: &EngineFixture, name: &str, store: &str) -> Value {
    json!({
        "name": name,
        "registryScopes": [format!("{}/{name}", fixture.registry.host())],
        "signatureVerification": {"level": "strict"},
        "trustStores": [store],
        "trustedIdentities": ["*"],
    })
}

/// `statement` with one member replaced; null takes it away.
fn with(mut statement: Value, member: &str, value: Value) -> Value {
    let members = statement.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(member)
    } else {
        members.insert(member.to_owned(), value)
    };
    statement
}

/// For everything else, and weaker than the others.
fn rest(name: &str) -> Value {
    json!({
        "name": name,
        "registryScopes": ["*"],
        "signatureVerification": {"level": "audit"},
        "trustStores": ["ca:other"],
        "trustedIdentities": ["*"],
    })
}

fn document(statements: &[Value]) -> String {
    json!({"version": "1.0", "trustPolicies": statements}).to_string()
}

/// Signed images in the repositories `app`, `other` and `else`; statements `app` with the store `main`, `other` with the
/// store `other`, and `rest` for the third.
async fn sound_with(set: impl FnOnce(&mut EngineSettings)) -> EngineFixture {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), set).await;
    for repository in ["app", "other", "else"] {
        let image = fixture.registry.push_image(repository, "v1");
        notation::sign_image(&fixture.registry, repository, &image, &fixture.root.issue(CertSpec::leaf()));
    }
    fixture.folder.write("truststore/x509/ca/other/root.pem", fixture.root.pem());
    fixture.folder.write("trustpolicy.json", document(&sound_statements(&fixture)));
    let _ = fixture.poll();
    fixture
}

async fn sound() -> EngineFixture {
    let fixture = sound_with(|_| {}).await;
    assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"]);
    fixture
}

fn sound_statements(fixture: &EngineFixture) -> [Value; 3] {
    [statement(fixture, "app", "ca:main"), statement(fixture, "other", "ca:other"), rest("rest")]
}

/// The codes of the images in `app`, `other` and `else`.
async fn codes(fixture: &EngineFixture) -> [&'static str; 3] {
    let mut codes = [""; 3];
    for (code, repository) in codes.iter_mut().zip(["app", "other", "else"]) {
        *code = fixture.code(&format!("{}/{repository}:v1", fixture.registry.host())).await.as_str();
    }
    codes
}

/// The message about the image in `repository`, which is inconclusive, without this machine's paths and ports; and the
/// statement that the verdict names.
async fn undecided(fixture: &EngineFixture, repository: &str) -> (Code, Option<String>, String) {
    let result = fixture.verify(&format!("{}/{repository}:v1", fixture.registry.host())).await;
    // Nothing was fetched.
    assert_eq!(result.digest, None);
    let ImageVerdict::Inconclusive(inconclusive) = &*result.verdict else { panic!("{:?}", result.verdict) };
    assert_eq!(inconclusive.signatures.total(), 0);
    let message = inconclusive.reason.detail.as_str().replace(&format!("{}/", fixture.folder.path().display()), "");
    (
        inconclusive.reason.code,
        inconclusive.statement.as_deref().map(str::to_owned),
        message.replace(&fixture.registry.host(), "HOST"),
    )
}

fn changed(fixture: &EngineFixture) -> std::sync::Arc<LoadedPolicy> {
    fixture.at(LATER);
    let PolicyPoll::Loaded(trust) = fixture.poll() else { panic!("nothing has changed, or nothing can be used") };
    trust
}

/// A way to break the store, and the message about it without what every message has.
type StoreCase = (&'static str, fn(&EngineFixture, &Path), &'static str);

fn rewrite(fixture: &EngineFixture, content: impl AsRef<[u8]>) {
    fixture.folder.write(&format!("{MAIN}/root.pem"), content);
}

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
        "truststore/x509/ca/main cannot be read: Not a directory (os error 20)",
    ),
    (
        "a file in place of all stores",
        |fixture, main| {
            fs::remove_dir_all(main.parent().unwrap().parent().unwrap()).unwrap();
            fixture.folder.write("truststore/x509", "")
        },
        "truststore/x509/ca/main cannot be read: Not a directory (os error 20)",
    ),
    (
        "a link to itself",
        |_, main| {
            fs::remove_file(main.join("root.pem")).unwrap();
            symlink("root.pem", main.join("root.pem")).unwrap()
        },
        "truststore/x509/ca/main/root.pem cannot be read: Too many levels of symbolic links (os error 40)",
    ),
    (
        "too large a file",
        |fixture, _| rewrite(fixture, vec![b'x'; 1024 * 1024 + 1]),
        "truststore/x509/ca/main/root.pem has more than 1048576 bytes",
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

fn changed_generation(fixture: &EngineFixture) -> u64 {
    fixture.trust.lock().unwrap().handle().current().unwrap().generation()
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

#[tokio::test]
async fn a_mistake_in_a_statement_disables_it_at_the_start_and_later() {
    let level = |value: Value| ("signatureVerification", value);
    for ((member, value), mistake) in [
        (
            level(json!({"level": "loud"})),
            "signatureVerification.level: found \"loud\", expected strict, permissive, audit or skip",
        ),
        (
            level(json!({"level": "skip"})),
            "trustStores: found a value although the level is skip, expected none, or another level (and 1 more \
             mistake)",
        ),
        (
            ("trustStores", json!(["cA:main"])),
            "trustStores[0]: trust store type: found \"cA\", expected ca, signingAuthority or tsa",
        ),
        (
            ("trustStore", json!([])),
            "trustStore: is unknown, expected name, registryScopes, signatureVerification, trustStores and \
             trustedIdentities",
        ),
        (
            ("trustedIdentities", json!([])),
            "trustedIdentities: is empty, expected a list of identities as x509.subject:NAME, or [\"*\"]",
        ),
    ] {
        let mut fixture = sound().await;
        let [app, other, all] = sound_statements(&fixture);
        fixture.folder.write("trustpolicy.json", document(&[with(app, member, value), other, all]));
        let message =
            format!("statement \"app\" of the trust policy is disabled: trust policy statement \"app\", {mistake}");
        let expected = (Code::StatementDisabled, Some("app".to_owned()), message);
        changed(&fixture);
        for _ in ["later", "at the start"] {
            assert_eq!(undecided(&fixture, "app").await, expected);
            assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
            fixture.restart();
        }
    }
}

#[tokio::test]
async fn scopes_that_cannot_be_read_disable_whatever_no_other_statement_names() {
    let mut fixture = sound().await;
    let host = fixture.registry.host();
    for (scopes, app, mistake) in [
        (
            json!([format!("{host}/app"), "x"]),
            "statement-disabled",
            "registryScopes[1]: found \"x\", expected * alone, or host[:port]/repository (",
        ),
        (
            json!(["x"]),
            "statement-disabled",
            "registryScopes[0]: found \"x\", expected * alone, or host[:port]/repository (",
        ),
        (
            json!([]),
            "statement-disabled",
            "registryScopes: is empty, expected a list of repositories as host[:port]/repository, or [\"*\"]",
        ),
        (
            json!(null),
            "statement-disabled",
            "registryScopes: is missing, expected a list of repositories as host[:port]/repository, or [\"*\"]",
        ),
    ] {
        let [first, other, all] = sound_statements(&fixture);
        let first = with(first, "registryScopes", scopes.clone());
        for statements in [vec![first.clone(), other.clone(), all], vec![first, other]] {
            fixture.folder.write("trustpolicy.json", document(&statements));
            let _ = fixture.poll();
            for _ in ["later", "at the start"] {
                assert_eq!(codes(&fixture).await, [app, "verified", "statement-disabled"], "{scopes}");
                let (code, rule, message) = undecided(&fixture, "else").await;
                assert_eq!((code, rule), (Code::StatementDisabled, None));
                let start = format!(
                    "statement \"app\" of the trust policy is disabled, and its scopes, which are not certain, may \
                     include this repository: trust policy statement \"app\", {mistake}"
                );
                assert!(message.starts_with(&start), "{message}");
                fixture.restart();
            }
        }
    }
}

#[tokio::test]
async fn two_statements_for_one_repository_disable_both_and_the_rest() {
    let mut fixture = sound().await;
    let [app, other, all] = sound_statements(&fixture);
    let scope = format!("{}/app", fixture.registry.host());
    let second = with(statement(&fixture, "second", "ca:other"), "registryScopes", json!([scope]));
    fixture.folder.write("trustpolicy.json", document(&[app, other, second, all]));
    changed(&fixture);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "statement-disabled"]);
        let twice = "trust policy statement \"second\", registryScopes[0]: found \"HOST/app\", which statement \"app\" already has, expected each scope once";
        let message = format!("statement \"app\" of the trust policy is disabled: {twice}");
        assert_eq!(undecided(&fixture, "app").await, (Code::StatementDisabled, Some("app".to_owned()), message));
        fixture.restart();
    }
}

/// A document that cannot be used, and the mistake.
type DocumentCase<'a> = (&'static str, &'a dyn Fn(&EngineFixture) -> String, &'static str);

#[tokio::test]
async fn an_invalid_document_keeps_the_last_good_one_with_its_current_stores() {
    let twice = |fixture: &EngineFixture| document(&[statement(fixture, "app", "ca:main"), rest("app")]);
    let two_rests = |_: &EngineFixture| document(&[rest("a"), rest("b")]);
    let cases: [DocumentCase<'_>; 6] = [
        ("no JSON", &|_| "{".to_owned(), "trustpolicy.json: trust policy: not one JSON document: "),
        ("nothing", &|_| String::new(), "trustpolicy.json: trust policy: not one JSON document: "),
        (
            "another version",
            &|_| json!({"version": "2.0", "trustPolicies": [rest("a")]}).to_string(),
            "trustpolicy.json: trust policy, version: found \"2.0\", expected \"1.0\"",
        ),
        (
            "no statement",
            &|_| document(&[]),
            "trustpolicy.json: trust policy, trustPolicies: is empty, expected a list of at least one statement",
        ),
        (
            "two statements of one name",
            &twice,
            "trustpolicy.json: trust policy statement \"app\", name: found \"app\", which an earlier statement \
             has, expected a unique name",
        ),
        (
            "two statements for all",
            &two_rests,
            "trustpolicy.json: trust policy statement \"b\", registryScopes[0]: found \"*\", which statement \"a\" already has, expected each scope once",
        ),
    ];
    for (what, broken, mistake) in cases {
        let mut fixture = sound().await;
        let generation = changed_generation(&fixture);
        fixture.folder.write("trustpolicy.json", broken(&fixture));
        let trust = changed(&fixture);
        assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"], "{what}");
        assert_eq!(trust.generation(), generation, "{what}");
        assert_eq!(trust.document(), DocumentState::Kept { since: fixture.time() }, "{what}");
        let message = trust.mistakes()[0].to_string().replace(&format!("{}/", fixture.folder.path().display()), "");
        assert!(message.starts_with(mistake), "{what}: {message}");
        assert_eq!(trust.mistakes().len(), 1, "{what}");
        // The trust in a store ends all the same.
        fs::remove_dir_all(fixture.folder.path().join(MAIN)).unwrap();
        changed(&fixture);
        assert_eq!(codes(&fixture).await, ["trust-store-unusable", "verified", "verified"], "{what}");
        // Another root is taken into use too.
        fixture.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
        changed(&fixture);
        assert_eq!(codes(&fixture).await, ["untrusted-chain", "verified", "verified"], "{what}");

        fixture.restart();
        assert_eq!(codes(&fixture).await, ["not-ready", "not-ready", "not-ready"], "{what}");
        let message = "no usable trust policy: found none, expected a valid trust policy document";
        assert_eq!(undecided(&fixture, "app").await, (Code::NotReady, None, message.to_owned()), "{what}");
        fixture.folder.write("trustpolicy.json", document(&sound_statements(&fixture)));
        changed(&fixture);
        assert_eq!(codes(&fixture).await, ["untrusted-chain", "verified", "verified"], "{what}");
    }
}

#[tokio::test]
async fn a_removed_document_keeps_the_last_good_one() {
    let mut fixture = sound().await;
    fs::remove_file(fixture.folder.path().join("trustpolicy.json")).unwrap();
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"]);
    fixture.restart();
    assert_eq!(codes(&fixture).await, ["not-ready", "not-ready", "not-ready"]);
    assert!(matches!(fixture.poll(), PolicyPoll::Unchanged));
}

#[tokio::test]
async fn a_statement_whose_change_has_a_mistake_is_not_used_in_its_former_version() {
    let fixture = sound().await;
    let [app, other, all] = sound_statements(&fixture);
    let broken = with(app.clone(), "trustedIdentities", json!(["x509.subject: CN=x"]));
    fixture.folder.write("trustpolicy.json", document(&[broken, other.clone(), all.clone()]));
    let generation = changed_generation(&fixture);
    assert!(changed(&fixture).generation() > generation);
    assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
    fixture.folder.write("trustpolicy.json", document(&[app, other, all]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"]);
}

#[tokio::test]
async fn a_skipped_statement_with_a_mistake_skips_nothing() {
    let fixture = sound().await;
    let [app, other, all] = sound_statements(&fixture);
    let skip = with(with(app, "trustStores", json!(null)), "trustedIdentities", json!(null));
    let skip = with(skip, "signatureVerification", json!({"level": "skip"}));
    fixture.folder.write("trustpolicy.json", document(&[skip.clone(), other.clone(), all.clone()]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["skipped", "verified", "verified"]);
    let broken = with(skip, "signatureVerification", json!({"level": "skip", "override": {"expiry": "log"}}));
    fixture.folder.write("trustpolicy.json", document(&[broken, other, all]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
}

fn demanding(names: &[&str]) -> impl FnOnce(&mut EngineSettings) {
    let demanded = |name: &&str| ((*name).to_owned(), [("a".to_owned(), "b".to_owned())].into());
    let required = names.iter().map(demanded).collect();
    |settings| settings.required_metadata = required
}

#[tokio::test]
async fn metadata_that_is_demanded_for_a_name_in_no_policy_may_be_meant_for_any_statement() {
    let mut fixture = sound_with(demanding(&["ap", "other"])).await;
    fixture.restart();
    // `other` has its own demand, which the image does not meet.
    assert_eq!(codes(&fixture).await, ["statement-disabled", "metadata-missing", "statement-disabled"]);
    let message = "statement \"app\" of the trust policy is disabled: verification.requiredMetadata: found statement \"ap\", which is not in the trust policy, expected one of app, other, rest";
    assert_eq!(undecided(&fixture, "app").await, (Code::StatementDisabled, Some("app".to_owned()), message.to_owned()));
    // A document that has the name is taken into use; later ones without it leave that one in use.
    let [app, other, all] = sound_statements(&fixture);
    let named = with(app.clone(), "name", json!("ap"));
    fixture.folder.write("trustpolicy.json", document(&[named, other.clone(), all.clone()]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["metadata-missing", "metadata-missing", "verified"]);
    fixture.folder.write("trustpolicy.json", document(&[app, other, all]));
    let trust = changed(&fixture);
    assert_eq!(codes(&fixture).await, ["metadata-missing", "metadata-missing", "verified"]);
    assert_eq!(trust.document(), DocumentState::Kept { since: fixture.time() });
}

#[tokio::test]
async fn metadata_that_is_demanded_of_a_statement_that_skips_disables_it_alone() {
    let mut fixture = sound_with(demanding(&["app"])).await;
    assert_eq!(codes(&fixture).await, ["metadata-missing", "verified", "verified"]);
    let [app, other, all] = sound_statements(&fixture);
    let skip = with(with(app, "trustStores", json!(null)), "trustedIdentities", json!(null));
    let skip = with(skip, "signatureVerification", json!({"level": "skip"}));
    fixture.folder.write("trustpolicy.json", document(&[skip, other, all]));
    changed(&fixture);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
        let message = "statement \"app\" of the trust policy is disabled: verification.requiredMetadata: found statement \"app\", which skips verification, expected one that verifies";
        assert_eq!(undecided(&fixture, "app").await.2, message);
        fixture.restart();
    }
}

#[tokio::test]
async fn metadata_that_is_demanded_of_a_broken_statement_disables_no_other() {
    let mut fixture = sound_with(demanding(&["app"])).await;
    let [app, other, all] = sound_statements(&fixture);
    let broken = with(app, "signatureVerification", json!({"level": "loud"}));
    fixture.folder.write("trustpolicy.json", document(&[broken, other, all]));
    changed(&fixture);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
        fixture.restart();
    }
}

#[tokio::test]
async fn a_cached_verdict_is_unused_while_its_statement_is_disabled() {
    let fixture = sound().await;
    let reference = format!("{}/app:v1", fixture.registry.host());
    assert!(fixture.verify(&reference).await.cached);
    fs::rename(fixture.folder.path().join(MAIN), fixture.folder.path().join("away")).unwrap();
    changed(&fixture);
    assert_eq!(fixture.code(&reference).await, Code::TrustStoreUnusable);
    fs::rename(fixture.folder.path().join("away"), fixture.folder.path().join(MAIN)).unwrap();
    changed(&fixture);
    // The same content as before: what was cached under it counts.
    let result = fixture.verify(&reference).await;
    assert_eq!((result.verdict.code(), result.cached), (Code::Verified, true));
    // A store that is kept is the same trust: what is cached stays.
    rewrite(&fixture, "garbage");
    changed(&fixture);
    assert!(fixture.verify(&reference).await.cached);
}

#[tokio::test]
async fn replicas_and_restarts_with_the_same_trust_have_the_same_digest() {
    let mut fixture = sound().await;
    let digest = |fixture: &EngineFixture| fixture.trust.lock().unwrap().handle().current().unwrap().digest().clone();
    let first = digest(&fixture);
    fixture.restart();
    assert_eq!(digest(&fixture), first);
    fixture.folder.write("truststore/x509/ca/main/more.pem", Authority::root(CertSpec::root()).pem());
    changed(&fixture);
    let more = digest(&fixture);
    assert_ne!(more, first);
    // What is kept counts, not what is on disk.
    rewrite(&fixture, "garbage");
    changed(&fixture);
    assert_eq!(digest(&fixture), more);
    fs::remove_dir_all(fixture.folder.path().join(MAIN)).unwrap();
    changed(&fixture);
    assert_ne!(digest(&fixture), more);
    assert_ne!(digest(&fixture), first);
}

#[tokio::test]
async fn nothing_is_usable_only_if_no_statement_is() {
    let fixture = sound().await;
    let [app, _, _] = sound_statements(&fixture);
    let names = |trust: &LoadedPolicy| {
        let name = |state: &StatementState| (state.name().to_owned(), matches!(state, StatementState::Usable(_)));
        trust.statements().iter().map(name).collect::<Vec<_>>()
    };
    fixture.folder.write("trustpolicy.json", document(&[app.clone(), rest("rest")]));
    fs::remove_dir_all(fixture.folder.path().join(MAIN)).unwrap();
    let trust = changed(&fixture);
    assert_eq!(names(&trust), [("app".to_owned(), false), ("rest".to_owned(), true)]);
    assert!(trust.is_usable());
    fixture.folder.write("trustpolicy.json", document(&[app]));
    let trust = changed(&fixture);
    assert!(!trust.is_usable());
    assert_eq!(trust.warnings(fixture.time(), Duration::ZERO), []);
    let verdict = fixture.verify(&format!("{}/app:v1", fixture.registry.host())).await.verdict;
    assert_eq!(verdict.kind(), VerdictKind::Inconclusive);
    assert_eq!(fixture.time().to_string(), LATER);
    fixture.at(START);
}
