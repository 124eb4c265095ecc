//! The attacks on memory among those of `tests/suite/advisories`, and what an image that carries them costs. The registry's own memory is
//! included.

#![allow(clippy::unwrap_used)]

use crate::ALLOCATOR;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::Descriptor;
use countersign_testkit::alone;
use countersign_testkit::der;
use countersign_testkit::notation;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

const MIB: usize = 1024 * 1024;

/// An engine that has verified an image already, so that shared state is allocated.
async fn used(policy: &str) -> EngineFixture {
    let fixture = EngineFixture::with(policy, |_| {}).await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::Verified);
    fixture
}

/// The code for a new image with one signature, and the peak of the memory that its verification used.
async fn cost(fixture: &EngineFixture, sign: impl FnOnce(&Descriptor) -> Signature) -> (Code, usize) {
    let image = fixture.registry.push_image("app", "v1");
    sign(&image).attach(&fixture.registry, "app", &image);
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let code = fixture.code(&fixture.registry.reference("app", &image)).await;
    (code, ALLOCATOR.peak_usage().saturating_sub(before))
}

/// A subject with a value in hexadecimal digits makes a parser of distinguished names allocate what the digits claim. Here names are
/// compared as they are encoded; a name that prints so matches no identity, and a length beyond the certificate is malformed.
#[tokio::test]
async fn cve_2023_25656_a_subject_with_a_hexadecimal_value_costs_no_memory() {
    if !alone("advisories::cve_2023_25656_a_subject_with_a_hexadecimal_value_costs_no_memory") {
        return;
    }
    let fixture = used(&policy(&["ca:main"], &["x509.subject: C=CH, ST=ZH, O=Testkit"])).await;
    for (name, expected) in [("Bad=#CN", Code::UntrustedIdentity), ("=#04847fffffff41", Code::UntrustedIdentity)] {
        let signer = fixture.root.issue(CertSpec::leaf().common_name(name));
        let (code, peak) = cost(&fixture, |image| Signature::new(&SignRequest::new(&signer, image), Format::Jws)).await;
        assert_eq!(code, expected, "{name}");
        assert!(peak <= MIB, "{name}: {peak} bytes");
    }
    let signer = fixture.root.issue(CertSpec::leaf());
    for tag in [0x04, 0x0c, 0x30] {
        // A value that claims 2 GiB.
        let value = [&[tag, 0x84, 0x7f, 0xff, 0xff, 0xff][..], b"A"].concat();
        let subject = der::sequence([der::set([der::sequence([der::oid("2.5.4.3"), value])])]);
        let leaf = fixture.root.reissue(signer.leaf_der(), |elements| elements[5] = subject);
        let chain = signer.with_certificates(vec![leaf, signer.root_der().to_vec()]);
        let (code, peak) = cost(&fixture, |image| Signature::new(&SignRequest::new(&chain, image), Format::Jws)).await;
        assert_eq!(code, Code::CertificateInvalid, "{tag}");
        assert!(peak <= MIB, "{tag}: {peak} bytes");
    }
}

/// A token of dots is split into as many parts as it has dots. Here an envelope is not split, and a manifest that states more than
/// 1 MiB for it is none of a signature.
#[tokio::test]
async fn cve_2025_30204_an_envelope_of_dots_costs_no_memory() {
    if !alone("advisories::cve_2025_30204_an_envelope_of_dots_costs_no_memory") {
        return;
    }
    let fixture = used(&policy(&["ca:main"], &["*"])).await;
    let header = |dots: usize| {
        format!(r#"{{"payload":"e30","protected":"{}","header":{{"x5c":[]}},"signature":"AA"}}"#, ".".repeat(dots))
            .into_bytes()
    };
    for (envelope, expected) in [
        (vec![b'.'; MIB], Code::EnvelopeMalformed),
        (vec![b'.'; 4 * MIB], Code::SignatureManifestInvalid),
        (header(MIB - 100), Code::EnvelopeMalformed),
    ] {
        let size = envelope.len();
        let (code, peak) = cost(&fixture, |_| Signature::of_envelope(&envelope, Format::Jws.media_type())).await;
        assert_eq!(code, expected, "{size}");
        // The registry's copies and those of the HTTP client, the document, and what was read of it.
        assert!(peak <= 4 * size.max(MIB), "{size}: {peak} bytes");
    }
}

/// Lengths that claim gigabytes, in every structure with lengths. Nothing is allocated for what is not there.
#[tokio::test]
async fn abuse_4_lengths_that_claim_gigabytes_cost_no_memory() {
    if !alone("advisories::abuse_4_lengths_that_claim_gigabytes_cost_no_memory") {
        return;
    }
    let fixture = used(&policy(&["ca:main"], &["*"])).await;
    let signer = fixture.root.issue(CertSpec::leaf());
    // Of COSE: a byte string, a list, a map and a text.
    for head in [0x5a, 0x9a, 0xba, 0x7a] {
        let envelope = [&[0xd2, 0x84][..], &[head, 0x7f, 0xff, 0xff, 0xff], b"AAAA"].concat();
        let (code, peak) = cost(&fixture, |_| Signature::of_envelope(&envelope, Format::Cose.media_type())).await;
        assert_eq!(code, Code::EnvelopeMalformed, "{head:x}");
        assert!(peak <= MIB, "{head:x}: {peak} bytes");
    }
    // Of DER: a certificate and a timestamp.
    let claim = [&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff][..], &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xf0]].concat();
    let chain = signer.with_certificates(vec![claim.clone(), signer.root_der().to_vec()]);
    for format in Format::ALL {
        let (code, peak) = cost(&fixture, |image| Signature::new(&SignRequest::new(&chain, image), format)).await;
        assert_eq!(code, Code::CertificateInvalid, "{format:?}");
        assert!(peak <= MIB, "{format:?}: {peak} bytes");
    }
    fixture.folder.write("truststore/x509/tsa/clock/root.pem", fixture.root.pem());
    fixture.folder.write("trustpolicy.json", policy(&["ca:main", "tsa:clock"], &["*"]));
    let _ = fixture.poll();
    let (code, peak) = cost(&fixture, |image| {
        let request = SignRequest::new(&signer, image).timestamp(&claim);
        Signature::new(&request, Format::Jws)
    })
    .await;
    assert_eq!(code, Code::TimestampInvalid);
    assert!(peak <= MIB, "{peak} bytes");
}
