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
use countersign::policy_source::Polled;
use countersign::policy_source::StatementState;
use countersign::policy_source::StoreState;
use countersign::policy_source::Trust;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerdictKind;
use countersign_test_support::world::World;
use countersign_test_support::world::policy;
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

fn statement(world: &World, name: &str, store: &str) -> Value {
    json!({
        "name": name,
        "registryScopes": [format!("{}/{name}", world.registry.host())],
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
async fn sound_with(set: impl FnOnce(&mut EngineSettings)) -> World {
    let world = World::with(&policy(&["ca:main"], &["*"]), set).await;
    for repository in ["app", "other", "else"] {
        let image = world.registry.push_image(repository, "v1");
        notation::sign_image(&world.registry, repository, &image, &world.root.issue(CertSpec::leaf()));
    }
    world.folder.write("truststore/x509/ca/other/root.pem", world.root.pem());
    world.folder.write("trustpolicy.json", document(&sound_statements(&world)));
    let _ = world.poll();
    world
}

async fn sound() -> World {
    let world = sound_with(|_| {}).await;
    assert_eq!(codes(&world).await, ["verified", "verified", "verified"]);
    world
}

fn sound_statements(world: &World) -> [Value; 3] {
    [statement(world, "app", "ca:main"), statement(world, "other", "ca:other"), rest("rest")]
}

/// The codes of the images in `app`, `other` and `else`.
async fn codes(world: &World) -> [&'static str; 3] {
    let mut codes = [""; 3];
    for (code, repository) in codes.iter_mut().zip(["app", "other", "else"]) {
        *code = world.code(&format!("{}/{repository}:v1", world.registry.host())).await.as_str();
    }
    codes
}

/// The message about the image in `repository`, which is inconclusive, without this machine's paths and ports; and the
/// statement that the verdict names.
async fn undecided(world: &World, repository: &str) -> (Code, Option<String>, String) {
    let result = world.verify(&format!("{}/{repository}:v1", world.registry.host())).await;
    // Nothing was fetched.
    assert_eq!(result.digest, None);
    let ImageVerdict::Inconclusive(inconclusive) = &*result.verdict else { panic!("{:?}", result.verdict) };
    assert_eq!(inconclusive.signatures.total(), 0);
    let message = inconclusive.reason.detail.as_str().replace(&format!("{}/", world.folder.path().display()), "");
    (
        inconclusive.reason.code,
        inconclusive.statement.as_deref().map(str::to_owned),
        message.replace(&world.registry.host(), "HOST"),
    )
}

fn changed(world: &World) -> std::sync::Arc<Trust> {
    world.at(LATER);
    let Polled::Loaded(trust) = world.poll() else { panic!("nothing has changed, or nothing can be used") };
    trust
}

/// A way to break the store, and the message about it without what every message has.
type StoreCase = (&'static str, fn(&World, &Path), &'static str);

fn rewrite(world: &World, content: impl AsRef<[u8]>) {
    world.folder.write(&format!("{MAIN}/root.pem"), content);
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
        |world, _| {
            fs::rename(world.folder.path().join("truststore/x509/ca"), world.folder.path().join("elsewhere")).unwrap()
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
        |world, _| rewrite(world, ""),
        "file \"root.pem\" is empty, expected certificates in PEM or DER",
    ),
    (
        "the file has white space only",
        |world, _| rewrite(world, " \n"),
        "file \"root.pem\" is empty, expected certificates in PEM or DER",
    ),
    (
        "the file has a byte order mark only",
        |world, _| rewrite(world, "\u{feff}\r\n"),
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
        |world, _| rewrite(world, "garbage"),
        "file \"root.pem\" has no -----BEGIN line, expected certificates in PEM or DER",
    ),
    (
        "half a PEM block",
        |world, _| rewrite(world, &world.root.pem()[..200]),
        "file \"root.pem\": PEM block \"CERTIFICATE\" that begins on line 1: found no end, expected -----END \
         CERTIFICATE-----",
    ),
    (
        "a certificate that may not be there",
        |world, _| rewrite(world, &world.root.issue(CertSpec::leaf()).pem()[..]),
        "is neither a CA certificate nor self-signed: ",
    ),
    (
        "one bad file beside a good one",
        |world, _| world.folder.write(&format!("{MAIN}/second.pem"), "garbage"),
        "file \"second.pem\" has no -----BEGIN line, expected certificates in PEM or DER",
    ),
    (
        "one empty file beside a good one",
        |world, _| world.folder.write(&format!("{MAIN}/second.pem"), ""),
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
        |world, main| {
            fs::remove_dir_all(main).unwrap();
            world.folder.write(MAIN, world.root.pem())
        },
        "truststore/x509/ca/main cannot be read: Not a directory (os error 20)",
    ),
    (
        "a file in place of all stores",
        |world, main| {
            fs::remove_dir_all(main.parent().unwrap().parent().unwrap()).unwrap();
            world.folder.write("truststore/x509", "")
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
        |world, _| rewrite(world, vec![b'x'; 1024 * 1024 + 1]),
        "truststore/x509/ca/main/root.pem has more than 1048576 bytes",
    ),
    (
        "too many files",
        |world, _| (0..1000).for_each(|number| world.folder.write(&format!("{MAIN}/{number}.pem"), world.root.pem())),
        "truststore/x509/ca/main has too many files, expected at most 1000",
    ),
];

/// What breaks the store `other` as well.
fn breaks_all(what: &str) -> bool {
    ["all stores are removed", "a file in place of all stores"].contains(&what)
}

async fn assert_unusable(world: &World, what: &str, problem: &str) {
    let (code, rule, message) = undecided(world, "app").await;
    assert_eq!((code, rule.as_deref()), (Code::TrustStoreUnusable, Some("app")), "{what}");
    let start = "statement \"app\" of the trust policy is disabled: trust store ca:main cannot be used: ";
    let rest = message.strip_prefix(start).unwrap_or_else(|| panic!("{what}: {message}"));
    assert!(rest == problem || what.starts_with("a certificate") && rest.contains(problem), "{what}: {rest}");
    if breaks_all(what) {
        assert_eq!(undecided(world, "other").await.0, Code::TrustStoreUnusable, "{what}");
    } else {
        assert_eq!(codes(world).await, ["trust-store-unusable", "verified", "verified"], "{what}");
    }
}

#[tokio::test]
async fn at_the_start_a_store_that_cannot_be_used_disables_the_statements_that_name_it_and_no_other() {
    for (what, break_it, problem) in ENDED.iter().chain(DAMAGED) {
        let mut world = sound().await;
        break_it(&world, &world.folder.path().join(MAIN));
        world.restart();
        assert_unusable(&world, what, problem).await;
    }
}

#[tokio::test]
async fn a_store_that_is_absent_or_emptied_ends_the_trust_in_it_at_once() {
    for (what, break_it, problem) in ENDED {
        let world = sound().await;
        break_it(&world, &world.folder.path().join(MAIN));
        let trust = changed(&world);
        assert!(trust.generation() > 2, "{what}: verdicts from before are not remembered");
        assert_unusable(&world, what, problem).await;
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_parsed_stays_as_it_was_before() {
    for (what, break_it, problem) in DAMAGED {
        let world = sound().await;
        let generation = changed_generation(&world);
        break_it(&world, &world.folder.path().join(MAIN));
        let trust = changed(&world);
        assert_eq!(codes(&world).await, ["verified", "verified", "verified"], "{what}");
        assert_eq!(trust.generation(), generation, "{what}: what is trusted is the same");
        let StoreState::Kept { store, since, mistakes } = &trust.stores()[&"ca:main".parse().unwrap()] else {
            panic!("{what}: {:?}", trust.stores());
        };
        assert_eq!((store.certificates().len(), since.to_string().as_str()), (1, LATER), "{what}");
        let message = mistakes[0].problem().replace(&format!("{}/", world.folder.path().display()), "");
        assert!(message == *problem || what.starts_with("a certificate") && message.contains(problem), "{message}");
        // It is the moment at which it broke, whatever is wrong with it later.
        world.at("2026-11-21T14:00:00Z");
        let _ = fs::remove_dir_all(world.folder.path().join("truststore/x509"));
        let _ = fs::remove_file(world.folder.path().join("truststore/x509"));
        world.folder.write("truststore/x509/ca/other/root.pem", world.root.pem());
        rewrite(&world, "other garbage");
        assert!(matches!(world.poll(), Polled::Loaded(_)));
        let trust = world.trust.lock().unwrap().handle().current().unwrap();
        assert!(matches!(&trust.stores()[&"ca:main".parse().unwrap()],
            StoreState::Kept { since, .. } if since.to_string() == LATER));
        rewrite(&world, world.root.pem());
        assert!(matches!(world.poll(), Polled::Loaded(_)));
        let trust = world.trust.lock().unwrap().handle().current().unwrap();
        assert!(matches!(&trust.stores()[&"ca:main".parse().unwrap()], StoreState::Current(_)));
        assert_eq!(trust.mistakes(), []);
    }
}

fn changed_generation(world: &World) -> u64 {
    world.trust.lock().unwrap().handle().current().unwrap().generation()
}

#[tokio::test]
async fn drops_the_last_good_store_once_the_store_is_absent() {
    let world = sound().await;
    rewrite(&world, "garbage");
    changed(&world);
    assert_eq!(codes(&world).await, ["verified", "verified", "verified"]);
    fs::remove_file(world.folder.path().join(MAIN).join("root.pem")).unwrap();
    changed(&world);
    assert_eq!(codes(&world).await, ["trust-store-unusable", "verified", "verified"]);
    // Broken again: there is no former one any more.
    rewrite(&world, "garbage");
    changed(&world);
    assert_eq!(codes(&world).await, ["trust-store-unusable", "verified", "verified"]);
    rewrite(&world, world.root.pem());
    changed(&world);
    assert_eq!(codes(&world).await, ["verified", "verified", "verified"]);
}

#[tokio::test]
async fn drops_the_last_good_store_once_no_statement_names_it() {
    let world = sound().await;
    let [app, other, all] = sound_statements(&world);
    world.folder.write("trustpolicy.json", document(&[other.clone(), all.clone()]));
    changed(&world);
    rewrite(&world, "garbage");
    world.folder.write("trustpolicy.json", document(&[app, other, all]));
    changed(&world);
    assert_eq!(codes(&world).await, ["trust-store-unusable", "verified", "verified"]);
}

#[tokio::test]
async fn every_store_of_a_statement_must_be_usable() {
    let world = sound().await;
    let [app, other, all] = sound_statements(&world);
    for (stores, code) in [
        (json!(["ca:main", "ca:absent"]), "trust-store-unusable"),
        (json!(["ca:absent", "ca:main"]), "trust-store-unusable"),
        (json!(["ca:main", "tsa:absent"]), "trust-store-unusable"),
        (json!(["ca:main", "ca:other"]), "verified"),
    ] {
        let app = with(app.clone(), "trustStores", stores);
        world.folder.write("trustpolicy.json", document(&[app, other.clone(), all.clone()]));
        changed(&world);
        assert_eq!(codes(&world).await, [code, "verified", "verified"]);
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
        let mut world = sound().await;
        let [app, other, all] = sound_statements(&world);
        world.folder.write("trustpolicy.json", document(&[with(app, member, value), other, all]));
        let message =
            format!("statement \"app\" of the trust policy is disabled: trust policy statement \"app\", {mistake}");
        let expected = (Code::StatementDisabled, Some("app".to_owned()), message);
        changed(&world);
        for _ in ["later", "at the start"] {
            assert_eq!(undecided(&world, "app").await, expected);
            assert_eq!(codes(&world).await, ["statement-disabled", "verified", "verified"]);
            world.restart();
        }
    }
}

#[tokio::test]
async fn scopes_that_cannot_be_read_disable_whatever_no_other_statement_names() {
    let mut world = sound().await;
    let host = world.registry.host();
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
        let [first, other, all] = sound_statements(&world);
        let first = with(first, "registryScopes", scopes.clone());
        for statements in [vec![first.clone(), other.clone(), all], vec![first, other]] {
            world.folder.write("trustpolicy.json", document(&statements));
            let _ = world.poll();
            for _ in ["later", "at the start"] {
                assert_eq!(codes(&world).await, [app, "verified", "statement-disabled"], "{scopes}");
                let (code, rule, message) = undecided(&world, "else").await;
                assert_eq!((code, rule), (Code::StatementDisabled, None));
                let start = format!(
                    "statement \"app\" of the trust policy is disabled, and its scopes, which are not certain, may \
                     include this repository: trust policy statement \"app\", {mistake}"
                );
                assert!(message.starts_with(&start), "{message}");
                world.restart();
            }
        }
    }
}

#[tokio::test]
async fn two_statements_for_one_repository_disable_both_and_the_rest() {
    let mut world = sound().await;
    let [app, other, all] = sound_statements(&world);
    let scope = format!("{}/app", world.registry.host());
    let second = with(statement(&world, "second", "ca:other"), "registryScopes", json!([scope]));
    world.folder.write("trustpolicy.json", document(&[app, other, second, all]));
    changed(&world);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&world).await, ["statement-disabled", "verified", "statement-disabled"]);
        let twice = "trust policy statement \"second\", registryScopes[0]: found \"HOST/app\", which statement \"app\" already has, expected each scope once";
        let message = format!("statement \"app\" of the trust policy is disabled: {twice}");
        assert_eq!(undecided(&world, "app").await, (Code::StatementDisabled, Some("app".to_owned()), message));
        world.restart();
    }
}

/// A document that cannot be used, and the mistake.
type DocumentCase<'a> = (&'static str, &'a dyn Fn(&World) -> String, &'static str);

#[tokio::test]
async fn an_invalid_document_keeps_the_last_good_one_with_its_current_stores() {
    let twice = |world: &World| document(&[statement(world, "app", "ca:main"), rest("app")]);
    let two_rests = |_: &World| document(&[rest("a"), rest("b")]);
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
        let mut world = sound().await;
        let generation = changed_generation(&world);
        world.folder.write("trustpolicy.json", broken(&world));
        let trust = changed(&world);
        assert_eq!(codes(&world).await, ["verified", "verified", "verified"], "{what}");
        assert_eq!(trust.generation(), generation, "{what}");
        assert_eq!(trust.document(), DocumentState::Kept { since: world.time() }, "{what}");
        let message = trust.mistakes()[0].to_string().replace(&format!("{}/", world.folder.path().display()), "");
        assert!(message.starts_with(mistake), "{what}: {message}");
        assert_eq!(trust.mistakes().len(), 1, "{what}");
        // The trust in a store ends all the same.
        fs::remove_dir_all(world.folder.path().join(MAIN)).unwrap();
        changed(&world);
        assert_eq!(codes(&world).await, ["trust-store-unusable", "verified", "verified"], "{what}");
        // Another root is taken into use too.
        world.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
        changed(&world);
        assert_eq!(codes(&world).await, ["untrusted-chain", "verified", "verified"], "{what}");

        world.restart();
        assert_eq!(codes(&world).await, ["not-ready", "not-ready", "not-ready"], "{what}");
        let message = "no usable trust policy: found none, expected a valid trust policy document";
        assert_eq!(undecided(&world, "app").await, (Code::NotReady, None, message.to_owned()), "{what}");
        world.folder.write("trustpolicy.json", document(&sound_statements(&world)));
        changed(&world);
        assert_eq!(codes(&world).await, ["untrusted-chain", "verified", "verified"], "{what}");
    }
}

#[tokio::test]
async fn a_removed_document_keeps_the_last_good_one() {
    let mut world = sound().await;
    fs::remove_file(world.folder.path().join("trustpolicy.json")).unwrap();
    changed(&world);
    assert_eq!(codes(&world).await, ["verified", "verified", "verified"]);
    world.restart();
    assert_eq!(codes(&world).await, ["not-ready", "not-ready", "not-ready"]);
    assert!(matches!(world.poll(), Polled::Unchanged));
}

#[tokio::test]
async fn a_statement_whose_change_has_a_mistake_is_not_used_in_its_former_version() {
    let world = sound().await;
    let [app, other, all] = sound_statements(&world);
    let broken = with(app.clone(), "trustedIdentities", json!(["x509.subject: CN=x"]));
    world.folder.write("trustpolicy.json", document(&[broken, other.clone(), all.clone()]));
    let generation = changed_generation(&world);
    assert!(changed(&world).generation() > generation);
    assert_eq!(codes(&world).await, ["statement-disabled", "verified", "verified"]);
    world.folder.write("trustpolicy.json", document(&[app, other, all]));
    changed(&world);
    assert_eq!(codes(&world).await, ["verified", "verified", "verified"]);
}

#[tokio::test]
async fn a_skipped_statement_with_a_mistake_skips_nothing() {
    let world = sound().await;
    let [app, other, all] = sound_statements(&world);
    let skip = with(with(app, "trustStores", json!(null)), "trustedIdentities", json!(null));
    let skip = with(skip, "signatureVerification", json!({"level": "skip"}));
    world.folder.write("trustpolicy.json", document(&[skip.clone(), other.clone(), all.clone()]));
    changed(&world);
    assert_eq!(codes(&world).await, ["skipped", "verified", "verified"]);
    let broken = with(skip, "signatureVerification", json!({"level": "skip", "override": {"expiry": "log"}}));
    world.folder.write("trustpolicy.json", document(&[broken, other, all]));
    changed(&world);
    assert_eq!(codes(&world).await, ["statement-disabled", "verified", "verified"]);
}

fn demanding(names: &[&str]) -> impl FnOnce(&mut EngineSettings) {
    let demanded = |name: &&str| ((*name).to_owned(), [("a".to_owned(), "b".to_owned())].into());
    let required = names.iter().map(demanded).collect();
    |settings| settings.required_metadata = required
}

#[tokio::test]
async fn metadata_that_is_demanded_for_a_name_in_no_policy_may_be_meant_for_any_statement() {
    let mut world = sound_with(demanding(&["ap", "other"])).await;
    world.restart();
    // `other` has its own demand, which the image does not meet.
    assert_eq!(codes(&world).await, ["statement-disabled", "metadata-missing", "statement-disabled"]);
    let message = "statement \"app\" of the trust policy is disabled: verification.requiredMetadata: found statement \"ap\", which is not in the trust policy, expected one of app, other, rest";
    assert_eq!(undecided(&world, "app").await, (Code::StatementDisabled, Some("app".to_owned()), message.to_owned()));
    // A document that has the name is taken into use; later ones without it leave that one in use.
    let [app, other, all] = sound_statements(&world);
    let named = with(app.clone(), "name", json!("ap"));
    world.folder.write("trustpolicy.json", document(&[named, other.clone(), all.clone()]));
    changed(&world);
    assert_eq!(codes(&world).await, ["metadata-missing", "metadata-missing", "verified"]);
    world.folder.write("trustpolicy.json", document(&[app, other, all]));
    let trust = changed(&world);
    assert_eq!(codes(&world).await, ["metadata-missing", "metadata-missing", "verified"]);
    assert_eq!(trust.document(), DocumentState::Kept { since: world.time() });
}

#[tokio::test]
async fn metadata_that_is_demanded_of_a_statement_that_skips_disables_it_alone() {
    let mut world = sound_with(demanding(&["app"])).await;
    assert_eq!(codes(&world).await, ["metadata-missing", "verified", "verified"]);
    let [app, other, all] = sound_statements(&world);
    let skip = with(with(app, "trustStores", json!(null)), "trustedIdentities", json!(null));
    let skip = with(skip, "signatureVerification", json!({"level": "skip"}));
    world.folder.write("trustpolicy.json", document(&[skip, other, all]));
    changed(&world);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&world).await, ["statement-disabled", "verified", "verified"]);
        let message = "statement \"app\" of the trust policy is disabled: verification.requiredMetadata: found statement \"app\", which skips verification, expected one that verifies";
        assert_eq!(undecided(&world, "app").await.2, message);
        world.restart();
    }
}

#[tokio::test]
async fn metadata_that_is_demanded_of_a_broken_statement_disables_no_other() {
    let mut world = sound_with(demanding(&["app"])).await;
    let [app, other, all] = sound_statements(&world);
    let broken = with(app, "signatureVerification", json!({"level": "loud"}));
    world.folder.write("trustpolicy.json", document(&[broken, other, all]));
    changed(&world);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&world).await, ["statement-disabled", "verified", "verified"]);
        world.restart();
    }
}

#[tokio::test]
async fn a_cached_verdict_is_unused_while_its_statement_is_disabled() {
    let world = sound().await;
    let reference = format!("{}/app:v1", world.registry.host());
    assert!(world.verify(&reference).await.cached);
    fs::rename(world.folder.path().join(MAIN), world.folder.path().join("away")).unwrap();
    changed(&world);
    assert_eq!(world.code(&reference).await, Code::TrustStoreUnusable);
    fs::rename(world.folder.path().join("away"), world.folder.path().join(MAIN)).unwrap();
    changed(&world);
    // The same content as before: what was cached under it counts.
    let result = world.verify(&reference).await;
    assert_eq!((result.verdict.code(), result.cached), (Code::Verified, true));
    // A store that is kept is the same trust: what is cached stays.
    rewrite(&world, "garbage");
    changed(&world);
    assert!(world.verify(&reference).await.cached);
}

#[tokio::test]
async fn replicas_and_restarts_with_the_same_trust_have_the_same_digest() {
    let mut world = sound().await;
    let digest = |world: &World| world.trust.lock().unwrap().handle().current().unwrap().digest().clone();
    let first = digest(&world);
    world.restart();
    assert_eq!(digest(&world), first);
    world.folder.write("truststore/x509/ca/main/more.pem", Authority::root(CertSpec::root()).pem());
    changed(&world);
    let more = digest(&world);
    assert_ne!(more, first);
    // What is kept counts, not what is on disk.
    rewrite(&world, "garbage");
    changed(&world);
    assert_eq!(digest(&world), more);
    fs::remove_dir_all(world.folder.path().join(MAIN)).unwrap();
    changed(&world);
    assert_ne!(digest(&world), more);
    assert_ne!(digest(&world), first);
}

#[tokio::test]
async fn nothing_is_usable_only_if_no_statement_is() {
    let world = sound().await;
    let [app, _, _] = sound_statements(&world);
    let names = |trust: &Trust| {
        let name = |state: &StatementState| (state.name().to_owned(), matches!(state, StatementState::Usable(_)));
        trust.statements().iter().map(name).collect::<Vec<_>>()
    };
    world.folder.write("trustpolicy.json", document(&[app.clone(), rest("rest")]));
    fs::remove_dir_all(world.folder.path().join(MAIN)).unwrap();
    let trust = changed(&world);
    assert_eq!(names(&trust), [("app".to_owned(), false), ("rest".to_owned(), true)]);
    assert!(trust.is_usable());
    world.folder.write("trustpolicy.json", document(&[app]));
    let trust = changed(&world);
    assert!(!trust.is_usable());
    assert_eq!(trust.warnings(world.time(), Duration::ZERO), []);
    let verdict = world.verify(&format!("{}/app:v1", world.registry.host())).await.verdict;
    assert_eq!(verdict.kind(), VerdictKind::Inconclusive);
    assert_eq!(world.time().to_string(), LATER);
    world.at(START);
}
