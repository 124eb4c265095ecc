//! `trust.stores`: every mistake with its message, and what the trust policy does with the content that was fetched.

use std::collections::BTreeMap;

use countersign::config::StoreSource;
use countersign::config::TrustLocation;
use countersign::policy_source::FetchedStores;
use countersign::policy_source::PolicyPoll;
use countersign::policy_source::PolicySource;
use countersign::policy_source::StoreContent;
use countersign::policy_source::StoreFailure;
use countersign::policy_source::StoreFailureCause;
use countersign::policy_source::StoreState;
use countersign_core::policy::StoreRef;
use countersign_core::time::UnixTime;
use countersign_test_support::fixture::policy;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use super::mistakes;
use super::parse;
use crate::config::Purpose;

const PIN: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const ORIGIN: &str = "https://pki.example/shop.pem";

/// The mistakes of a configuration with this list.
#[track_caller]
fn check(stores: &str, wanted: &[&str]) {
    let text = format!("trust: {{directory: trust, stores: {stores}}}");
    assert_eq!(mistakes(&text, Purpose::Verify), wanted, "{stores}");
}

fn url(location: &str) -> String {
    format!("[{{store: 'ca:shop', url: {{location: '{location}', sha256: {PIN}}}}}]")
}

fn sources(location: &str) -> BTreeMap<StoreRef, StoreSource> {
    let text = format!("trust: {{directory: trust, stores: {}}}", url(location));
    parse(&text, Purpose::Verify).unwrap().trust.stores
}

#[test]
fn a_store_with_a_pinned_url_is_read_and_shown() {
    let openssl = in_pairs(&PIN.to_uppercase());
    for pin in [
        PIN.to_owned(),
        format!("'sha256:{PIN}'"),
        PIN.to_uppercase(),
        format!("'{openssl}'"),
        format!("'{}'", openssl.to_lowercase()),
    ] {
        let text = format!(
            "trust: {{directory: trust, stores: [{{store: 'tsa:t', url: {{location: 'HTTPS://PKI.example:443/a', sha256: {pin}, ca: ca.pem}}}}]}}"
        );
        let config = parse(&text, Purpose::Verify).unwrap();
        let StoreSource::Url(source) = &config.trust.stores[&"tsa:t".parse::<StoreRef>().unwrap()] else {
            panic!("{config}")
        };
        assert_eq!(source.location.to_string(), "https://pki.example/a");
        let shown = format!(
            "trust.stores={{store=tsa:t url.location=https://pki.example/a url.sha256=sha256:{PIN} url.ca=\"/etc/cs/ca.pem\"}}"
        );
        assert!(config.to_string().contains(&shown), "{config}");
    }
}

#[test]
fn a_location_is_https_without_anything_that_may_be_secret() {
    let wanted = "expected an https URL of a file, without a login, a query and a fragment, as these may be secrets: the content is \
                  pinned by its digest, and may be public, for example https://pki.example.com/shop-root.pem";
    for location in [
        "http://pki.example/a",
        "ftp://pki.example/a",
        "pki.example/a",
        "https://user:password@pki.example/a",
        "https://user@pki.example/a",
        "https://pki.example/a?sig=secret",
        "https://pki.example/a#part",
        "https:///pki.example/a",
        "https://pki.example\\@evil.example/a",
        "https:pki.example",
        " https://pki.example/a",
        "https://",
        "",
    ] {
        let (found, wanted) = match location {
            _ if location.contains('@') => ("a string with @, which is not shown".to_owned(), wanted.to_owned()),
            _ if location.contains('?') => {
                let wanted = wanted.split_once(", for example").map_or(wanted, |(wanted, _)| wanted);
                ("a URL with a query, which is not shown".to_owned(), wanted.to_owned())
            }
            _ => (format!("{location:?}"), wanted.to_owned()),
        };
        let message = mistakes(&format!("trust: {{directory: trust, stores: {}}}", url(location)), Purpose::Verify);
        assert_eq!(message, [format!(":1: trust.stores[0].url.location: found {found}, {wanted}")]);
    }
}

/// The digits in pairs with colons between them, as OpenSSL prints them.
fn in_pairs(digits: &str) -> String {
    digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect::<Vec<_>>().join(":")
}

#[test]
fn mistakes_in_stores_are_all_named() {
    let name = "expected TYPE:NAME as in trustStores of the trust policy, with the type ca, signingAuthority or tsa, for example \
                ca:shop";
    let pin = format!("expected the SHA-256 of the file, 64 hexadecimal digits, for example {PIN}");
    for bad in ["shop", "CA:shop", "ca:", "ca:../x", "x:shop", "ca:a/b"] {
        check(
            &format!("[{{store: '{bad}', url: {{location: '{ORIGIN}', sha256: {PIN}}}}}]"),
            &[&format!(":1: trust.stores[0].store: found \"{bad}\", {name}")],
        );
    }
    let in_pairs = in_pairs(PIN);
    let pairs_of_four = format!("{}:{}", &PIN[..4], &in_pairs[6..]);
    for bad in ["abc", &format!("sha512:{PIN}"), &PIN[1..], &in_pairs[1..], &format!("{in_pairs}:"), &pairs_of_four] {
        check(
            &format!("[{{store: 'ca:shop', url: {{location: '{ORIGIN}', sha256: '{bad}'}}}}]"),
            &[&format!(":1: trust.stores[0].url.sha256: found \"{bad}\", {pin}")],
        );
    }
    check(
        "[{url: {location: x}}, {store: 'ca:a'}]",
        &[
            &format!(":1: trust.stores[0].store: found nothing, {name}"),
            ":1: trust.stores[0].url.location: found \"x\", expected an https URL of a file, without a login, a query and a fragment, as \
             these may be secrets: the content is pinned by its digest, and may be public, for example \
             https://pki.example.com/shop-root.pem",
            &format!(":1: trust.stores[0].url.sha256: found nothing, {pin}"),
            ":1: trust.stores[1].url: found nothing, expected where the certificates of the store are: url or keyVault",
        ],
    );
    let one = format!("{{store: 'ca:shop', url: {{location: '{ORIGIN}', sha256: {PIN}}}}}");
    check(&format!("[{one}, {one}]"), &[":1: trust.stores[1].store: found ca:shop twice, expected each store once"]);
    check(
        "[{store: 'ca:a', keyvault: {}}]",
        &[
            ":1: trust.stores[0].keyvault: found an unknown key, expected one of store, url, keyVault; `keyVault` seems to be meant",
            ":1: trust.stores[0].url: found nothing, expected where the certificates of the store are: url or keyVault",
        ],
    );
    let many: Vec<String> = (0..33).map(|number| one.replace("shop", &format!("s{number}"))).collect();
    check(&format!("[{}]", many.join(", ")), &[":1: trust.stores: found 33 stores, expected at most 32"]);
}

fn at(minute: u32) -> UnixTime {
    UnixTime::from_rfc3339(&format!("2026-11-21T12:{minute:02}:00Z")).unwrap()
}

/// A folder whose policy names `ca:shop`, its source, and the stores that are fetched.
fn start() -> (Folder, PolicySource, FetchedStores) {
    let folder = Folder::new();
    folder.write("trustpolicy.json", policy(&["ca:shop"], &["*"]));
    let fetched = FetchedStores::new(&sources(ORIGIN));
    let source = source(&folder, &fetched);
    (folder, source, fetched)
}

fn source(folder: &Folder, fetched: &FetchedStores) -> PolicySource {
    PolicySource::new(TrustLocation::Directory(folder.path().to_owned()), []).with_fetched(fetched.clone())
}

/// The kind of the state of the only store, and its mistakes.
fn state(source: &PolicySource) -> (&'static str, Vec<String>) {
    let policy = source.handle().current().unwrap();
    let state = policy.stores().values().next().unwrap();
    let kind = match state {
        StoreState::Current(_) => "current",
        StoreState::Kept { .. } => "kept",
        StoreState::Unusable { .. } => "unusable",
    };
    assert_eq!(policy.is_usable(), kind != "unusable");
    (kind, state.mistakes().iter().map(ToString::to_string).collect())
}

/// The advice about the first mistake of the only store.
fn advice(source: &PolicySource) -> Option<String> {
    let policy = source.handle().current().unwrap();
    policy.stores().values().next().unwrap().mistakes()[0].advice().map(|advice| advice.to_string())
}

fn root() -> Vec<u8> {
    Authority::root(CertSpec::root()).pem().into_bytes()
}

fn files(bytes: Vec<u8>) -> StoreContent {
    StoreContent { files: vec![("shop.pem".to_owned(), bytes)], ..StoreContent::default() }
}

#[test]
fn a_store_is_unusable_until_it_was_fetched() {
    let (_folder, mut source, fetched) = start();
    let store = fetched.stores().next().unwrap();
    let policy = source.load(at(0)).unwrap();
    assert!(policy.mistakes()[0].is_not_tried());
    let mistake = format!("trust store ca:shop: nothing was fetched from {ORIGIN} yet, expected its certificates");
    assert_eq!(state(&source), ("unusable", vec![mistake]));
    assert!(matches!(source.poll(at(1)), PolicyPoll::Unchanged));

    store.failed(
        StoreFailure::new(StoreFailureCause::Absent, "found status 404 of pki.example, expected 200"),
        at(1),
        at(2),
    );
    let PolicyPoll::Loaded(policy) = source.poll(at(1)) else { panic!("not loaded") };
    assert!(!policy.mistakes()[0].is_not_tried());
    let why = format!(
        "trust store ca:shop: nothing was fetched from {ORIGIN}: found status 404 of pki.example, expected 200; it is tried \
         again"
    );
    assert_eq!(state(&source), ("unusable", vec![why]));
    let about_the_url =
        format!("put the file at {ORIGIN}, or correct the location in trust.stores; it is fetched again by itself");
    assert_eq!(advice(&source), Some(about_the_url));
    assert_eq!(policy.generation(), 1);

    store.succeeded(files(root()), at(2), None);
    let PolicyPoll::Loaded(policy) = source.poll(at(2)) else { panic!("not loaded") };
    assert_eq!((policy.generation(), state(&source)), (2, ("current", Vec::new())));
    assert!(matches!(source.poll(at(3)), PolicyPoll::Unchanged));
}

#[test]
fn the_last_content_stays_in_use_while_it_cannot_be_fetched() {
    let (folder, mut source, fetched) = start();
    let store = fetched.stores().next().unwrap();
    store.succeeded(files(root()), at(0), Some(at(60 - 1)));
    let digest = source.load(at(0)).unwrap().digest().clone();
    store.failed(StoreFailure::new(StoreFailureCause::Unreachable, "no route"), at(5), at(6));
    store.failed(StoreFailure::new(StoreFailureCause::Unreachable, "no route"), at(6), at(7));
    let PolicyPoll::Loaded(policy) = source.poll(at(7)) else { panic!("not loaded") };
    // The same content, so that verdicts stay.
    assert_eq!((policy.digest(), policy.generation()), (&digest, 1));
    let why = format!(
        "trust store ca:shop: the content fetched from {ORIGIN} at 2026-11-21T12:00:00Z stays in use: no route; it is tried again"
    );
    assert_eq!(state(&source), ("kept", vec![why.clone()]));
    let StoreState::Kept { since, .. } = policy.stores().values().next().unwrap() else { panic!("not kept") };
    assert_eq!(*since, at(5));
    // Another source, as of a changed configuration with other files, has the content too.
    let mut other = self::source(&folder, &fetched);
    other.load(at(8)).unwrap();
    assert_eq!(state(&other), ("kept", vec![why]));

    store.succeeded(files(root()), at(9), None);
    let PolicyPoll::Loaded(policy) = source.poll(at(9)) else { panic!("not loaded") };
    assert_eq!((policy.generation(), state(&source)), (2, ("current", Vec::new())));
    assert_ne!(policy.digest(), &digest);
}

#[test]
fn an_emptied_store_is_not_trusted_and_content_that_cannot_be_read_keeps_the_former() {
    let (_folder, mut source, fetched) = start();
    let store = fetched.stores().next().unwrap();
    store.succeeded(files(root()), at(0), None);
    source.load(at(0)).unwrap();
    store.succeeded(files(b"garbage".to_vec()), at(1), None);
    source.poll(at(1));
    let garbage = format!(
        "{ORIGIN}: trust store ca:shop: file \"shop.pem\" has no -----BEGIN line, expected certificates in PEM or DER"
    );
    assert_eq!(state(&source), ("kept", vec![garbage.clone()]));
    store.succeeded(StoreContent::default(), at(2), None);
    source.poll(at(2));
    let empty = format!("{ORIGIN}: trust store ca:shop: found no certificates, expected at least one");
    assert_eq!(state(&source).0, "unusable");
    assert_eq!(state(&source).1.len(), 1, "{empty}");
    // There is no former content any more.
    store.succeeded(files(b"garbage".to_vec()), at(3), None);
    source.poll(at(3));
    assert_eq!(state(&source), ("unusable", vec![garbage]));
    let about_the_content = format!(
        "put readable certificates at {ORIGIN}, and the digest of the file into trust.stores; countersign check --online names every \
         mistake"
    );
    assert_eq!(advice(&source), Some(about_the_content));
}

#[test]
fn a_store_that_is_also_a_directory_is_a_mistake() {
    let (folder, mut source, fetched) = start();
    folder.write("truststore/x509/ca/shop/a.pem", root());
    fetched.stores().next().unwrap().succeeded(files(root()), at(0), None);
    source.load(at(0)).unwrap();
    let directory = folder.path().join("truststore/x509/ca/shop");
    let twice = format!(
        "trust store ca:shop: found the directory {} beside the source {ORIGIN} of trust.stores, expected one or the other",
        directory.display()
    );
    assert_eq!(state(&source), ("unusable", vec![twice.clone()]));
    let either = "remove the directory of the store, or its entry ca:shop of trust.stores; countersign check names every mistake";
    assert_eq!(advice(&source).as_deref(), Some(either));
    std::fs::remove_dir_all(&directory).unwrap();
    source.poll(at(1));
    assert_eq!(state(&source), ("current", Vec::new()));
    // What was in use is still.
    folder.write("truststore/x509/ca/shop/a.pem", root());
    source.poll(at(2));
    assert_eq!(state(&source), ("kept", vec![twice]));
}

#[test]
fn content_stays_with_an_equal_source_only() {
    let (_folder, mut former, fetched) = start();
    fetched.stores().next().unwrap().succeeded(files(root()), at(0), None);
    former.load(at(0)).unwrap();
    let location = former.location().clone();
    let same = fetched.successor(&sources(ORIGIN));
    let mut source = former.successor(location.clone(), []).with_fetched(same);
    source.load(at(1)).unwrap();
    assert_eq!(state(&source), ("current", Vec::new()));
    let other = fetched.successor(&sources("https://other.example/shop.pem"));
    other.stores().next().unwrap().succeeded(files(b"garbage".to_vec()), at(2), None);
    let mut source = former.successor(location, []).with_fetched(other);
    source.load(at(2)).unwrap();
    assert_eq!(state(&source).0, "unusable");
}

#[test]
fn a_version_that_has_ended_is_not_trusted_although_the_others_are_too_many() {
    let (_folder, mut source, fetched) = start();
    let store = fetched.stores().next().unwrap();
    let ended = Authority::root(CertSpec::root());
    let content = |files| StoreContent { files, ..StoreContent::default() };
    store.succeeded(content(vec![("shop/1".to_owned(), ended.der().to_vec())]), at(0), None);
    source.load(at(0)).unwrap();
    assert_eq!(state(&source).0, "current");
    // The vault has disabled shop/1. Each file can be in a store, and both together have less than 1 MiB.
    let many = |count| (0..count).flat_map(|_| Authority::root(CertSpec::root()).der().to_vec()).collect::<Vec<u8>>();
    let files = vec![("a/1".to_owned(), many(501)), ("b/1".to_owned(), many(500))];
    assert!(files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() < 1024 * 1024);
    store.succeeded(content(files), at(1), None);
    source.poll(at(1));
    let policy = source.handle().current().unwrap();
    let certificate = countersign_core::x509::Certificate::parse(ended.der()).unwrap();
    let trusted = policy.stores().values().next().unwrap().store().is_some_and(|store| store.contains(&certificate));
    assert!(!trusted, "{:?}", state(&source));
}
