//! Advisories of other verifiers, registries and clients of registries, and of parsers of the same formats: each class of attack that
//! can reach Countersign too.

use std::collections::BTreeMap;

use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerdictKind;
use countersign_registry::RegistryPattern;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_test_support::mounted::MountedService;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::IssuingPoint;
use countersign_testkit::crl::PointSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::crl::points;
use countersign_testkit::der;
use countersign_testkit::notation;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::SignerParts;
use countersign_testkit::timestamp::TokenParts;
use countersign_testkit::timestamp::Tsa;
use serde_json::Value;
use serde_json::json;

use crate::advisories::PASSWORD;
use crate::advisories::USER;
use crate::advisories::assert_got_no_credential;
use crate::advisories::code;
use crate::advisories::code_by;
use crate::advisories::manifest;
use crate::advisories::with_credential;
use crate::documents::markdown;
use crate::engine::evidence::fixture::Fixture;

/// The OCI specifications: a document that is an index to one reader and a manifest to another runs another image than the one that
/// was signed. Here a document must be one of them by its members, and its Content-Type must be the type that it states.
#[tokio::test]
async fn cve_2021_41190_a_document_that_is_an_index_and_a_manifest_is_refused() {
    let fixture = EngineFixture::new().await;
    let (registry, signer) = (&fixture.registry, fixture.root.issue(CertSpec::leaf()));
    let both = |stated: &str| json!({"mediaType": stated, "config": {}, "layers": [], "manifests": []});
    let only = json!({"mediaType": IMAGE_MANIFEST, "config": {}, "layers": []});
    let silent = json!({"schemaVersion": 2, "config": {}, "layers": [], "manifests": []});
    for (mut document, content_type, expected) in [
        (only.clone(), IMAGE_MANIFEST, Code::Verified),
        (only, IMAGE_INDEX, Code::RegistryAnswerInvalid),
        (both(IMAGE_MANIFEST), IMAGE_MANIFEST, Code::RegistryAnswerInvalid),
        (both(IMAGE_INDEX), IMAGE_INDEX, Code::RegistryAnswerInvalid),
        (silent.clone(), IMAGE_MANIFEST, Code::RegistryAnswerInvalid),
        (silent, IMAGE_INDEX, Code::RegistryAnswerInvalid),
    ] {
        // Different bytes, as the same ones are the same image.
        document["annotations"] = json!({"type": content_type});
        let image = registry.put_manifest("app", content_type, document.to_string().as_bytes());
        notation::sign_image(registry, "app", &image, &signer);
        assert_eq!(fixture.code(&registry.reference("app", &image)).await, expected, "{document} {content_type}");
    }
}

/// containerd: a descriptor names addresses for its content, and the credential of the registry goes there. Here `urls` are not read.
#[tokio::test]
async fn cve_2020_15157_the_urls_of_a_descriptor_get_no_request() {
    let fixture = EngineFixture::new().await;
    let (registry, other) = (&fixture.registry, &fixture.other);
    registry.require_basic(USER, PASSWORD);
    let image = registry.push_image("app", "v1");
    let request = SignRequest::new(&fixture.root.issue(CertSpec::leaf()), &image);
    let signature = Signature::new(&request, Format::Jws);
    other.serve_file("/envelope", "application/octet-stream", signature.envelope());
    let mut document: Value = serde_json::from_slice(&signature.manifest(&image)).unwrap();
    document["layers"][0]["urls"] = json!([format!("{}/envelope", other.url())]);
    // The registry does not have the envelope.
    let _ = registry.put_manifest("app", signature.manifest_media_type(), document.to_string().as_bytes());
    let found = code_by(&with_credential(&fixture), &registry.reference("app", &image)).await;
    assert_eq!((found, other.connections()), (Code::SignatureUnavailable, 0));
}

/// Go: after a redirect away and back, the credential is sent again, to a path that the attacker chose. Here it stays away.
#[tokio::test]
async fn cve_2024_45336_a_redirect_away_and_back_does_not_restore_the_credential() {
    let fixture = EngineFixture::new().await;
    let (registry, other) = (&fixture.registry, &fixture.other);
    registry.require_basic(USER, PASSWORD);
    let image = registry.push_image("app", "v1");
    let request = SignRequest::new(&fixture.root.issue(CertSpec::leaf()), &image);
    let signature = Signature::new(&request, Format::Jws);
    signature.attach(registry, "app", &image);
    registry.serve_file("/chosen", "application/octet-stream", signature.envelope());
    let _ = registry.when(Route::Blob).redirect(307, &format!("{}/away", other.url()));
    let _ = other.when(Route::Other).redirect(307, &format!("{}/chosen", registry.url()));
    let found = code_by(&with_credential(&fixture), &registry.reference("app", &image)).await;
    assert_eq!(found, Code::Verified);
    let chosen: Vec<_> = registry.requests().into_iter().filter(|request| request.path == "/chosen").collect();
    assert_eq!(chosen.iter().map(|request| request.authorization()).collect::<Vec<_>>(), [None]);
    assert_got_no_credential(other);
}

/// Kyverno: the registry decided which digest was verified and which one the pod got. Here the digest of a verdict, which mutation
/// writes into the pod, is that of the bytes that were hashed, also if the registry has named another one before or in the headers.
#[tokio::test]
async fn cve_2023_47630_the_digest_of_a_verdict_is_that_of_the_bytes_that_were_received() {
    let fixture = EngineFixture::new().await;
    let registry = &fixture.registry;
    let good = registry.put_manifest("app", IMAGE_MANIFEST, manifest("good").as_bytes());
    notation::sign_image(registry, "app", &good, &fixture.root.issue(CertSpec::leaf()));
    let evil = registry.put_manifest("app", IMAGE_MANIFEST, manifest("evil").as_bytes());
    let tag = format!("{}/app:v1", registry.host());
    registry.tag("app", "v1", &good.digest);
    for (tagged, claimed, expected) in [
        (&good, None, Code::Verified),
        // The tag moves, and the headers still name the good image.
        (&evil, None, Code::Unsigned),
        (&evil, Some(&good.digest), Code::RegistryAnswerInvalid),
        (&good, Some(&evil.digest), Code::RegistryAnswerInvalid),
    ] {
        registry.tag("app", "v1", &tagged.digest);
        let of_tag = |registry: &countersign_testkit::registry::Registry| {
            claimed.map(|digest| {
                registry.when(Route::Manifest).path_contains("/v1").header("docker-content-digest", digest)
            })
        };
        let fault = of_tag(registry);
        // An engine that knows nothing of the tag yet.
        let engine = fixture.successor(|settings| settings.max_signatures += 1);
        assert_eq!(code_by(&engine, &tag).await, expected, "{tagged:?} {claimed:?}");
        let result = fixture.verify(&tag).await;
        let is_verified = result.verdict.kind() == VerdictKind::Verified;
        assert!(!is_verified || result.digest.is_some_and(|digest| digest.as_str() == good.digest), "{claimed:?}");
        if let Some(fault) = fault {
            fault.remove();
        }
    }
}

/// idna: `xn--example-.org` and `example.org` became equal for one reader and not for another. Here a label that begins with `xn--`
/// and is not a valid name is no host, and a valid one is another host than those that it looks like.
#[test]
fn cve_2024_12224_a_punycode_host_is_not_the_host_that_it_imitates() {
    for host in ["xn--example-.org", "xn--registry-.example.com", "registry.example.xn--", "registry.xn--example-.com"]
    {
        assert!(format!("{host}/app:v1").parse::<ImageRef>().is_err(), "{host}");
    }
    let pattern: RegistryPattern = "registry.example.com".parse().unwrap();
    let imitation: ImageRef = "xn--rgistry-dya.example.com/app:v1".parse().unwrap();
    assert!(!pattern.is_for(imitation.repository()));
}

/// The code for an image whose signature has the token that `make` makes, under a statement that trusts this root for timestamps.
async fn with_token(root: &Authority, make: impl FnOnce(&[u8]) -> Vec<u8>) -> Code {
    let fixture = EngineFixture::new().await;
    fixture.folder.write("truststore/x509/tsa/clock/root.pem", root.pem());
    fixture.folder.write("trustpolicy.json", policy(&["ca:main", "tsa:clock"], &["*"]));
    let _ = fixture.poll();
    let signer = fixture.root.issue(CertSpec::leaf());
    code(&fixture, |image| {
        let request = SignRequest::new(&signer, image);
        let envelope = request.timestamped(Format::Jws, make);
        Signature::of_request(&request, &envelope, Format::Jws)
    })
    .await
}

/// A token of `tsa` after a change.
fn changed(tsa: &Tsa, signature: &[u8], change: impl FnOnce(&mut TokenParts)) -> Vec<u8> {
    let mut parts = tsa.parts(signature);
    change(&mut parts);
    parts.seal()
}

/// Sigstore's timestamp authority and rfc3161-client (CVE-2026-33753): the signature was verified with one certificate of the token,
/// and the purpose was looked up in another one, which the attacker had put first. Here all is about the certificate that signed.
#[tokio::test]
async fn cve_2026_39984_the_certificate_that_signed_a_timestamp_is_the_one_that_is_checked() {
    let root = Authority::root(CertSpec::root().common_name("TSA root"));
    let (good, other) = (Tsa::new(&root), Tsa::of(root.issue(CertSpec::leaf())));
    assert_eq!(with_token(&root, |signature| good.token(signature)).await, Code::Verified);
    assert_eq!(with_token(&root, |signature| other.token(signature)).await, Code::TimestampInvalid);
    let borrowed = good.chain().leaf_der().to_vec();
    for place in [0, 1, 2] {
        let add = |parts: &mut TokenParts| parts.certificates.insert(place, borrowed.clone());
        let found = with_token(&root, |signature| changed(&other, signature, add)).await;
        assert_eq!(found, Code::TimestampInvalid, "{place}");
    }
}

/// AWS-LC (RUSTSEC-2026-0046): of several signers of a CMS message, only the chain of the last one was verified. Here each signature
/// counts only with its own chain, whatever its place.
#[tokio::test]
async fn cve_2026_3336_each_signer_of_a_timestamp_needs_its_own_chain() {
    let root = Authority::root(CertSpec::root().common_name("TSA root"));
    let good = Tsa::new(&root);
    let attacker = Tsa::new(&Authority::root(CertSpec::root().common_name("attacker")));
    let forged = || SignerParts { key: attacker.chain().key().clone(), ..SignerParts::new(good.chain()) };
    for place in [0, 1] {
        // The trusted authority has not signed: there are its certificates, and a signature in its name.
        let add = |parts: &mut TokenParts| {
            parts.certificates.extend(good.chain().der().iter().cloned());
            parts.signers.insert(place, forged());
        };
        let found = with_token(&root, |signature| changed(&attacker, signature, add)).await;
        assert_eq!(found, Code::TimestampInvalid, "{place}");
    }
}

/// AWS-LC (RUSTSEC-2026-0047): the signature of a CMS message with signed attributes was not verified. Here they are what is signed,
/// and must have the digest of the content exactly once.
#[tokio::test]
async fn cve_2026_3338_the_signed_attributes_of_a_timestamp_are_verified_and_name_its_content() {
    let root = Authority::root(CertSpec::root().common_name("TSA root"));
    let tsa = Tsa::new(&root);
    // Another time in the content, which the attributes do not name any more.
    let (real, later) = (b"20260102030406Z", b"20260302030406Z");
    let other_time = with_token(&root, |signature| {
        let mut token = tsa.token(signature);
        let at = token.windows(real.len()).position(|part| part == real).unwrap();
        token[at..at + real.len()].copy_from_slice(later);
        token
    });
    assert_eq!(other_time.await, Code::TimestampInvalid);
    for digests in [0, 2] {
        let change = |parts: &mut TokenParts| parts.signers[0].message_digests = digests;
        let found = with_token(&root, |signature| changed(&tsa, signature, change)).await;
        assert_eq!(found, Code::TimestampInvalid, "{digests}");
    }
    let another_key = |parts: &mut TokenParts| parts.signers[0].key = root.key().clone();
    let found = with_token(&root, |signature| changed(&tsa, signature, another_key)).await;
    assert_eq!(found, Code::TimestampInvalid);
}

/// rustls-webpki: a bit string without bits in a CRL ended the process, before the signature of the list was verified.
#[tokio::test]
async fn rustsec_2026_0104_a_bit_string_without_bits_in_a_crl_is_no_panic() {
    for reasons in [&[][..], &[0], &[1], &[8, 0xff], &[0xff]] {
        let fixture = Fixture::new().await;
        let signer = fixture.signer_with_crl();
        let point = der::sequence([der::element(0x83, reasons)]);
        fixture.crl_is(&CrlSpec::new().raw_issuing_point(&point));
        assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked, "{reasons:?}");
    }
}

/// rustls-webpki, and AWS-LC (RUSTSEC-2026-0048): only the first distribution point of a certificate was compared with a list, so a
/// revoked certificate passed. Here further points are asked while the lists do not cover every reason.
#[tokio::test]
async fn rustsec_2026_0049_a_certificate_that_is_revoked_on_the_list_of_its_second_point_is_revoked() {
    for is_revoked in [false, true] {
        let fixture = Fixture::new().await;
        let [first, second] = ["/first.crl", "/second.crl"].map(|path| fixture.responder.url(path));
        let of = |url: &str| CrlSpec::new().issuing_point(&IssuingPoint::new().urls(&[url]));
        let value = points(&[PointSpec::new(&[&first]), PointSpec::new(&[&second])]);
        let signer = fixture.issue(|leaf| leaf.extension("2.5.29.31", false, &value));
        let list = of(&second);
        let list = if is_revoked { list.revoked(&Revoked::certificate(signer.leaf_der())) } else { list };
        // The list at the first address is that of another point.
        fixture.responder.crl("/first.crl", fixture.engine.root.crl(&of("http://elsewhere.example/a.crl")));
        fixture.responder.crl("/second.crl", fixture.engine.root.crl(&list));
        let expected = if is_revoked { Code::Revoked } else { Code::Verified };
        assert_eq!(fixture.code(&signer).await, expected);
    }
}

/// tracing-subscriber (RUSTSEC-2025-0055): escape sequences in texts of others reach the terminal of whoever reads the log. Here such
/// texts are escaped where they enter a message.
#[tokio::test]
async fn cve_2025_58160_no_text_of_others_brings_a_control_character_into_a_message() {
    const WIPE: &str = "\u{1b}[2J\r\nERROR \u{202e}";
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["x509.subject: C=CH, ST=ZH, O=Acme"]), |_| {}).await;
    let registry = &fixture.registry;
    let image = registry.push_image("app", "v1");
    notation::sign_image(registry, "app", &image, &fixture.root.issue(CertSpec::leaf().common_name(WIPE)));
    let denial = json!({"errors": [{"code": "DENIED", "message": WIPE}]}).to_string();
    let reply = Reply::status(403).header("content-type", "application/json").body(denial);
    for (refused, expected) in [(false, Code::UntrustedIdentity), (true, Code::RegistryDenied)] {
        if refused {
            let _ = registry.when(Route::Manifest).reply(reply.clone());
        }
        let message = match &*fixture.verify(&registry.reference("app", &image)).await.verdict {
            ImageVerdict::Rejected(rejected) => rejected.reason.to_string(),
            ImageVerdict::Inconclusive(inconclusive) => inconclusive.reason.to_string(),
            other @ (ImageVerdict::Verified(_) | ImageVerdict::Skipped(_)) => panic!("{other:?}"),
        };
        assert!(message.starts_with(expected.as_str()) && message.contains("[2J"), "{message}");
        assert!(!message.contains(|c: char| c.is_control() || c == '\u{202e}'), "{message}");
    }
}

/// Sigstore's timestamp authority: each path that a client invented became a series of the metrics, and memory without end. Here
/// clients and pod specs have no influence on the number of series.
#[tokio::test]
async fn cve_2026_49835_no_request_adds_a_series_of_its_own() {
    let service = MountedService::start().await;
    let client = service.client(service.gatekeeper(&service.clients));
    let series = async || {
        let text = service.health("/metrics").await;
        text.lines().filter(|line| !line.starts_with('#')).count()
    };
    let ask = async |number: usize| {
        let other = client.post(&format!("/v1/verify/{number}"), "{}").await.unwrap();
        assert_ne!(other["systemError"], "");
        for image in [format!("evil{number}.example/app:v1"), service.image(&format!("app{number}:v1"))] {
            assert_eq!(client.verdict(&image).await.unwrap(), "undecided");
        }
    };
    ask(0).await;
    let before = series().await;
    for number in 1..50 {
        ask(number).await;
    }
    assert_eq!(series().await, before);
    service.stop().await;
}

/// The smallest versions of libraries that have the fixes of advisories about what they do here.
const FIXED: [(&str, [u32; 3], &str); 11] = [
    ("aws-lc-sys", [0, 39, 0], "RUSTSEC-2026-0044 to RUSTSEC-2026-0048"),
    ("bytes", [1, 11, 1], "RUSTSEC-2026-0007"),
    ("h2", [0, 4, 16], "RUSTSEC-2024-0003, RUSTSEC-2024-0332, RUSTSEC-2026-0258"),
    ("hyper", [1, 0, 0], "RUSTSEC-2021-0078, RUSTSEC-2021-0079"),
    ("idna", [1, 0, 3], "RUSTSEC-2024-0421"),
    ("lru", [0, 18, 2], "RUSTSEC-2026-0002, RUSTSEC-2026-0253"),
    ("rustls", [0, 23, 45], "RUSTSEC-2024-0336, RUSTSEC-2024-0399, RUSTSEC-2026-0285"),
    ("rustls-webpki", [0, 103, 13], "RUSTSEC-2023-0053, RUSTSEC-2026-0049, 0098, 0099, 0104"),
    ("time", [0, 3, 47], "RUSTSEC-2026-0009"),
    ("tokio", [1, 44, 2], "RUSTSEC-2025-0023"),
    ("tracing-subscriber", [0, 3, 20], "RUSTSEC-2025-0055"),
];

/// Advisories of libraries that are fixed there, without an attack of their own on this product.
#[test]
fn rustsec_advisories_of_libraries_are_fixed_in_the_versions_of_the_lock_file() {
    let lock = markdown::read("Cargo.lock");
    let mut locked = BTreeMap::<&str, Vec<[u32; 3]>>::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.unwrap().trim_end_matches('"')
        };
        let mut numbers = value("version").split(['.', '-', '+']).map(|number| number.parse().unwrap_or(0));
        let version = std::array::from_fn(|_| numbers.next().unwrap_or(0));
        locked.entry(value("name")).or_default().push(version);
    }
    for (name, least, advisories) in FIXED {
        let versions = &locked[name];
        assert!(versions.iter().all(|version| *version >= least), "{name} {versions:?}: {advisories}");
    }
}
