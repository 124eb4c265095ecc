//! The first inputs of the targets: good documents of the testkit, texts of the cases of the tests, and the vectors of others.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use countersign_core_test_support::mutants::Kind;
use countersign_core_test_support::mutants::cases::Case;
use countersign_core_test_support::mutants::cases::all;
use countersign_core_test_support::mutants::node::Node;
use countersign_service::config;
use serde_json::json;

use crate::Target;
use crate::certificates::MESSAGE;
use crate::signed::TSA;

/// The good documents of the mutants and those whose parts they take.
static DOCUMENTS: LazyLock<Vec<(Kind, Vec<u8>)>> = LazyLock::new(|| {
    let of = |case: Case| documents_of(&case).into_iter().map(move |document| (case.kind, document));
    // Cases of a kind have some in common.
    let unique: BTreeSet<_> = all().into_iter().flat_map(of).collect();
    unique.into_iter().collect()
});

fn documents(kinds: &[Kind]) -> Vec<Vec<u8>> {
    let found = DOCUMENTS.iter().filter(|(kind, _)| kinds.contains(kind));
    found.map(|(_, document)| document.clone()).collect()
}

/// The seeds of a target.
#[must_use]
pub fn seeds(target: Target) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = match target {
        Target::Jws => documents(&[Kind::Jws]),
        Target::Cose => documents(&[Kind::Cose]),
        Target::Certificate => documents(&[Kind::Chain]),
        Target::Timestamp => documents(&[Kind::Token]),
        Target::Ocsp => documents(&[Kind::Ocsp]),
        Target::Crl => documents(&[Kind::Crl]),
        Target::Manifest => documents(&[Kind::Manifest, Kind::Index]),
        Target::Policy => vec![
            policy("*", "strict"),
            policy("x509.subject:C=CH,ST=ZH,O=Testkit", "permissive"),
            policy("arn:aws:signer:eu-central-1:123456789012:/signing-profiles/app", "audit"),
            several_statements(),
        ],
        Target::Request => [json!(["a.example/b:1", "a.example/b:1"]), json!([])].map(|keys| request(&keys)).into(),
        Target::Name | Target::Reference | Target::Link | Target::Challenge | Target::Config => {
            texts(target).into_iter().map(String::into_bytes).collect()
        }
    };
    if target == Target::Timestamp {
        // Of the message that the target asks for.
        seeds.push(TSA.token(MESSAGE));
    }
    seeds.extend(vectors(target));
    seeds
}

/// The seeds of a target whose inputs are texts, and texts with their words.
pub(crate) fn texts(target: Target) -> Vec<String> {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match target {
        Target::Name => list(&NAMES),
        Target::Reference => list(&REFERENCES),
        Target::Link => list(&LINKS),
        Target::Challenge => list(&CHALLENGES),
        Target::Config => vec![config::reference_sample(), MINIMAL.to_owned()],
        Target::Jws
        | Target::Cose
        | Target::Certificate
        | Target::Timestamp
        | Target::Ocsp
        | Target::Crl
        | Target::Policy
        | Target::Manifest
        | Target::Request => Vec::new(),
    }
}

/// The document and the others; of a chain each certificate.
fn documents_of(case: &Case) -> Vec<Vec<u8>> {
    let all = std::iter::once(&case.document).chain(&case.others);
    match case.kind {
        Kind::Chain => all.flat_map(|chain| chain.parts.iter().map(Node::encode)).collect(),
        Kind::Jws | Kind::Cose | Kind::Token | Kind::Crl | Kind::Ocsp | Kind::Manifest | Kind::Index => {
            all.map(Node::encode).collect()
        }
    }
}

/// Largest vector that is a seed.
const VECTOR_BYTES: u64 = 64 * 1024;

/// The files of `COUNTERSIGN_VECTORS` that could be documents of the target, by their first byte.
fn vectors(target: Target) -> Vec<Vec<u8>> {
    let first: &[u8] = match target {
        Target::Jws | Target::Policy | Target::Manifest => b"{",
        Target::Cose => &[0xd2],
        Target::Certificate | Target::Timestamp | Target::Ocsp | Target::Crl => &[0x30],
        Target::Name | Target::Reference | Target::Link | Target::Challenge | Target::Request | Target::Config => &[],
    };
    let mut found = Vec::new();
    #[allow(clippy::disallowed_methods, reason = "the caller says where the vectors are")]
    if let (false, Some(folder)) = (first.is_empty(), std::env::var_os("COUNTERSIGN_VECTORS")) {
        add(Path::new(&folder), first, &mut found);
    }
    found
}

fn add(folder: &Path, first: &[u8], found: &mut Vec<Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            add(&path, first, found);
        } else if entry.metadata().is_ok_and(|data| data.len() <= VECTOR_BYTES)
            && let Ok(bytes) = std::fs::read(&path)
            && bytes.first().is_some_and(|byte| first.contains(byte))
        {
            found.push(bytes);
        }
    }
}

fn policy(identity: &str, level: &str) -> Vec<u8> {
    json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "app",
            "registryScopes": ["a.example/b", "a.example/c"],
            "signatureVerification": { "level": level, "override": { "expiry": "log" }, "verifyTimestamp": "always" },
            "trustStores": ["ca:acme", "tsa:stamps"],
            "trustedIdentities": [identity],
        }],
    })
    .to_string()
    .into_bytes()
}

fn several_statements() -> Vec<u8> {
    json!({
        "version": "1.0",
        "trustPolicies": [
            { "name": "unsigned", "registryScopes": ["a.example/d"], "signatureVerification": { "level": "skip" } },
            {
                "name": "others",
                "registryScopes": ["*"],
                "signatureVerification": { "level": "strict", "override": { "revocation": "skip", "authenticTimestamp": "log" } },
                "trustStores": ["signingAuthority:acme"],
                "trustedIdentities": ["x509.subject:C=CH,ST=ZH,O=A", "x509.subject:C=CH,ST=ZH,O=B"],
            },
        ],
    })
    .to_string()
    .into_bytes()
}

fn request(keys: &serde_json::Value) -> Vec<u8> {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": { "keys": keys },
    })
    .to_string()
    .into_bytes()
}

const MINIMAL: &str = "trust:\n  policy: trustpolicy.json\n";

const NAMES: [&str; 7] = [
    "*",
    "x509.subject:C=CH,ST=ZH,O=Testkit,CN=leaf",
    "x509.subject: CN = a\\, b , C=CH;ST=ZH,O=\\41cme \\+ \\#1",
    "x509.subject:C=CH,ST=ZH,O=A,OU=B\nx509.subject:C=CH,ST=ZH,O=A",
    "x509.subject:C=CH,ST=ZH,O=Bad=#CN",
    "arn:aws:signer:eu-central-1:123456789012:/signing-profiles/app",
    "other:thing",
];

const REFERENCES: [&str; 10] = [
    "nginx",
    "nginx:1.27",
    "library/nginx",
    "localhost/app:v1",
    "localhost:5000/team/app:v1",
    "[::1]:5000/app",
    "registry.example:443/a/b_c__d-e.f:Tag_1.2",
    "docker.io/app@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "a.example/app:v1@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "A.Example/App:v1",
];

const LINKS: [&str; 5] = [
    "</v2/a/referrers/sha256:0?n=10&last=b>; rel=\"next\"",
    "<https://a.example/x>; title=\"a, b; <c>\"; rel=\"prev next\"",
    "<a>; rel=prev, <b>; REL=NEXT",
    "</x>; rel=\"next\nb>",
    "<a>; t=\"\\\"<x>; rel=next\"; rel=\"other\"",
];

const CHALLENGES: [&str; 5] = [
    "Bearer realm=\"https://a.example/token\",service=\"a.example\",scope=\"repository:b:pull\"",
    "Basic realm=\"r\", Bearer realm=\"x \\\"y\\\"\"",
    "Negotiate\nBasic realm=r",
    "Bearer realm=\"a\", REALM=\"b\"",
    "Bearer realm=\"unterminated",
];
