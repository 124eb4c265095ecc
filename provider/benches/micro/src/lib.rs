//! What the benchmarks measure: signed envelopes of every kind, large policies and lists, and shared caches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::signature;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;
use countersign_core::evidence::Evidence;
use countersign_core::evidence::EvidenceSettings;
use countersign_core::evidence::Progress;
use countersign_core::notation;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::notation::VerificationInput;
use countersign_core::oci::Descriptor;
use countersign_core::policy::Decision;
use countersign_core::policy::Requirement;
use countersign_core::policy::Store;
use countersign_core::policy::StoreKind;
use countersign_core::policy::TrustPolicy;
use countersign_core::time::UnixTime;
use countersign_core::x509::Certificate;
use countersign_core::x509::Crl;
use countersign_http::LruTtlCache;
use countersign_http::ShardedCache;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::json;

/// The keys that signers may have, with their names in the table.
pub const KEYS: [(&str, KeyType); 6] = [
    ("RSA-2048", KeyType::Rsa2048),
    ("RSA-3072", KeyType::Rsa3072),
    ("RSA-4096", KeyType::Rsa4096),
    ("P-256", KeyType::P256),
    ("P-384", KeyType::P384),
    ("P-521", KeyType::P521),
];

/// Signatures that are checked for an envelope with a chain of two: its own, that of the leaf, and that of the root by itself.
const SIGNATURES: usize = 3;

/// A signature with all that its verification reads. The root, the leaf and the envelope have keys of one kind.
pub struct Signed {
    format: EnvelopeFormat,
    envelope: Vec<u8>,
    target: Descriptor,
    policy: TrustPolicy,
    stores: Vec<Store>,
}

impl Signed {
    /// An envelope of this format, with a certificate of a root in the store of the policy.
    ///
    /// # Panics
    /// The test kit does not make what it states.
    #[must_use]
    pub fn new(format: Format, key: KeyType) -> Self {
        let root = Authority::root(CertSpec::root().key(key));
        let leaf = root.issue(CertSpec::leaf().key(key));
        let image = countersign_testkit::Descriptor::sample("image");
        let policy = json!({"version": "1.0", "trustPolicies": [{"name": "app", "registryScopes": ["*"],
            "signatureVerification": {"level": "strict"}, "trustStores": ["ca:main"], "trustedIdentities": ["*"]}]});
        let files = [("root.pem".to_owned(), root.pem().into_bytes())];
        Self {
            format: match format {
                Format::Jws => EnvelopeFormat::Jws,
                Format::Cose => EnvelopeFormat::Cose,
            },
            envelope: SignRequest::new(&leaf, &image).envelope(format),
            target: Descriptor::new(
                image.media_type.parse().expect("a type"),
                image.digest.parse().expect("a digest"),
                image.size,
            ),
            policy: TrustPolicy::parse(policy.to_string().as_bytes()).expect("a policy"),
            stores: vec![Store::parse(StoreKind::Ca, "main".parse().expect("a name"), &files).expect("a store")],
        }
    }

    /// Parses and verifies the envelope, as for an image of a cluster.
    ///
    /// # Panics
    /// It is not verified.
    pub fn verify(&self) {
        let rule = self.policy.rules().next().expect("a statement");
        let Decision::Verify(Requirement::Notation(requirement)) = rule.decision() else { panic!("it verifies") };
        let input = VerificationInput {
            target: &self.target,
            requirement,
            stores: &self.stores.iter().collect::<Vec<_>>(),
            required_metadata: &BTreeMap::new(),
            evidence: &EvidenceSettings::default(),
            now: UnixTime::from_rfc3339("2026-11-21T12:00:00Z").expect("a time"),
        };
        let opened = notation::open(&self.envelope, self.format, &input).expect("the signature is valid");
        match notation::judge(&opened, &Evidence::none()) {
            Progress::Done(judged) => drop(judged.expect("the signature is valid")),
            Progress::Needs(_) => panic!("no evidence is needed"),
        }
    }
}

/// The checks of signatures of a verification, and nothing else: by the library, over a message as long as a payload with its headers.
pub struct Raw {
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Raw {
    /// Signatures of this kind.
    #[must_use]
    pub fn new(kind: KeyType) -> Self {
        let (key, message) = (Key::cached(kind, 0), vec![7; 5000]);
        let algorithm: &'static dyn VerificationAlgorithm = match kind {
            KeyType::Rsa2048 => &signature::RSA_PSS_2048_8192_SHA256,
            KeyType::Rsa3072 => &signature::RSA_PSS_2048_8192_SHA384,
            KeyType::Rsa4096 => &signature::RSA_PSS_2048_8192_SHA512,
            KeyType::P256 => &signature::ECDSA_P256_SHA256_FIXED,
            KeyType::P384 => &signature::ECDSA_P384_SHA384_FIXED,
            KeyType::P521 => &signature::ECDSA_P521_SHA512_FIXED,
            KeyType::Ed25519 => &signature::ED25519,
        };
        Self { algorithm, signature: key.sign(&message), key: key.spki_der(), message }
    }

    /// Checks as many signatures as the verification of an envelope.
    ///
    /// # Panics
    /// One is not valid.
    pub fn verify(&self) {
        for _ in 0..SIGNATURES {
            let key = UnparsedPublicKey::new(self.algorithm, &self.key);
            key.verify(&self.message, &self.signature).expect("the signature is valid");
        }
    }
}

/// A policy with this many statements, each for a repository of its own: `registry.example/team/N`.
///
/// # Panics
/// The policy is not usable.
#[must_use]
pub fn policy(statements: usize) -> TrustPolicy {
    let statement = |number: usize| {
        json!({"name": format!("statement-{number}"), "registryScopes": [format!("registry.example/team/{number}")],
            "signatureVerification": {"level": "strict"}, "trustStores": ["ca:main"], "trustedIdentities": ["*"]})
    };
    let statements: Vec<_> = (0..statements).map(statement).collect();
    let document = json!({"version": "1.0", "trustPolicies": statements});
    TrustPolicy::parse(document.to_string().as_bytes()).expect("a policy")
}

/// A list with this many revoked certificates.
///
/// # Panics
/// The list is not readable.
#[must_use]
pub fn crl(entries: u64) -> Crl {
    let authority = Authority::root(CertSpec::root());
    let issuer = Certificate::parse(authority.der()).expect("a certificate");
    Crl::read(authority.crl(&CrlSpec::new().many(entries)), &issuer).expect("a list")
}

/// The serial number of the entry at this position of [`crl`].
#[must_use]
pub fn serial(number: u64) -> Vec<u8> {
    CrlSpec::many_serial(number).to_vec()
}

/// Look-ups in a second of this many threads that share a cache of 3 MiB with 500 images, each `count` times: with one lock, and with one
/// for each part.
#[must_use]
pub fn look_ups_by(threads: usize, count: usize) -> [f64; 2] {
    const BYTES: usize = 3 * 1024 * 1024;
    let image = |number| format!("registry.example/team/app-{number}@sha256:{:064x}", number);
    let images: Vec<String> = (0..500).map(image).collect();
    let (one, parts) = (LruTtlCache::new(BYTES), ShardedCache::new(BYTES));
    for (number, image) in images.iter().enumerate() {
        one.put(image.clone(), Arc::new(number), 3000, None);
        parts.put(image.clone(), Arc::new(number), 3000, None);
    }
    let now = Instant::now();
    let by = |look_up: &(dyn Fn(&str) -> Option<Arc<usize>> + Sync)| {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let from_own_place = images.iter().cycle().skip(thread * images.len() / threads).take(count);
                scope.spawn(move || from_own_place.for_each(|image| drop(std::hint::black_box(look_up(image)))));
            }
        });
        (threads * count) as f64 / began.elapsed().as_secs_f64()
    };
    [by(&|image| one.get(image, now)), by(&|image| parts.get(image, now))]
}
