//! The general list of abuse: what every verifier of signatures must survive, from the image to the verdict. The suites of core try
//! the same with every byte, see `core/tests/suite/notation/mutation.rs`.

use std::time::Duration;

use countersign_core::verdict::Code;
use countersign_core::verdict::VerdictKind;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::Descriptor;
use countersign_testkit::Hash;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::notation;
use countersign_testkit::notation::Signature;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::eku;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::SignerParts;
use countersign_testkit::timestamp::TokenParts;
use countersign_testkit::timestamp::Tsa;
use time::macros::datetime;
use tokio::time::Instant;

use crate::advisories::code;
use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;
use crate::engine::evidence::fixture::OCSP;
use crate::engine::signed;

/// The kind of the verdict about an image whose only envelope is one by a trusted signer, changed by `change`.
async fn changed(fixture: &EngineFixture, format: Format, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> VerdictKind {
    let signer = fixture.root.issue(CertSpec::leaf());
    // Without the signing agent, which is not signed.
    let sign = |image: &_| {
        let envelope = SignRequest::new(&signer, image).signing_agent(None).envelope(format);
        Signature::of_envelope(&change(envelope), format.media_type())
    };
    code(fixture, sign).await.kind()
}

/// One bit of a good envelope is flipped. None of them verifies.
#[tokio::test]
async fn abuse_1_an_envelope_with_a_flipped_bit_is_rejected() {
    let fixture = EngineFixture::new().await;
    for format in Format::ALL {
        assert_eq!(changed(&fixture, format, |envelope| envelope).await, VerdictKind::Verified);
        for part in 0..48 {
            let flip = |mut envelope: Vec<u8>| {
                let at = envelope.len() * part / 48;
                envelope[at] ^= [0x01, 0x20, 0x80][part % 3];
                envelope
            };
            assert_eq!(changed(&fixture, format, flip).await, VerdictKind::Rejected, "{format:?} {part}");
        }
    }
}

/// A trusted signer has signed something else: another image, the same digest as an image of another type or size, or an index that
/// contains the image.
#[tokio::test]
async fn abuse_2_a_trusted_signature_about_another_target_is_rejected() {
    let fixture = EngineFixture::new().await;
    let (registry, signer) = (&fixture.registry, fixture.root.issue(CertSpec::leaf()));
    let image = registry.push_image("app", "v1");
    let index = registry.push_index("app", "all", std::slice::from_ref(&image));
    let other = registry.push_image("app", "v2");
    for target in [
        other,
        Descriptor { media_type: IMAGE_INDEX.to_owned(), ..image.clone() },
        Descriptor { media_type: "application/vnd.docker.distribution.manifest.v2+json".to_owned(), ..image.clone() },
        Descriptor { size: image.size + 1, ..image.clone() },
        index.clone(),
    ] {
        for format in Format::ALL {
            Signature::new(&SignRequest::new(&signer, &target), format).attach(registry, "app", &image);
        }
    }
    assert_eq!(fixture.code(&registry.reference("app", &image)).await, Code::TargetMismatch);
    // A signature of the image is none of an index that contains it, and the reverse.
    notation::sign_image(registry, "app", &image, &signer);
    assert_eq!(fixture.code(&registry.reference("app", &image)).await, Code::Verified);
    assert_eq!(fixture.code(&registry.reference("app", &index)).await, Code::Unsigned);
}

/// The certificates beside a signature are exchanged. Only the complete chain of the key that signed verifies.
#[tokio::test]
async fn abuse_3_a_signature_with_the_certificates_of_another_chain_is_rejected() {
    let fixture = EngineFixture::new().await;
    let signer = fixture.root.issue(CertSpec::leaf());
    let [leaf, root] = signer.der() else { panic!("a chain of two") };
    let namesake = fixture.root.issue(CertSpec::leaf());
    let twin = Authority::root(CertSpec::root());
    let same_key = twin.issue(CertSpec::leaf().with_key(signer.key()));
    for (certificates, expected) in [
        (vec![leaf, root], Code::Verified),
        // Of another signer with the same subject.
        (vec![&namesake.der()[0], root], Code::SignatureMismatch),
        // A leaf with the same key by another authority with the same name, with its root and with the trusted one.
        (vec![&same_key.der()[0], &same_key.der()[1]], Code::UntrustedChain),
        (vec![&same_key.der()[0], root], Code::ChainInvalid),
        // Another root with the same name.
        (vec![leaf, &same_key.der()[1]], Code::ChainInvalid),
        (vec![root, leaf], Code::CertificateInvalid),
        (vec![leaf], Code::ChainInvalid),
        (vec![root], Code::CertificateInvalid),
        (vec![leaf, root, root], Code::ChainInvalid),
        (vec![leaf; 100], Code::EnvelopeMalformed),
    ] {
        let chain = signer.with_certificates(certificates.into_iter().cloned().collect());
        for format in Format::ALL {
            let sign = |image: &_| Signature::new(&SignRequest::new(&chain, image), format);
            assert_eq!(code(&fixture, sign).await, expected, "{format:?} {} certificates", chain.der().len());
        }
    }
}

/// Structures with lengths end early, or are nested deeply. Nothing of them verifies, and nothing panics: a panic would be
/// `internal-error`, which is inconclusive.
#[tokio::test]
async fn abuse_4_a_truncated_or_deeply_nested_structure_is_rejected() {
    let fixture = EngineFixture::new().await;
    for format in Format::ALL {
        for part in 0..32 {
            let cut = |envelope: Vec<u8>| envelope[..envelope.len() * part / 32].to_vec();
            assert_eq!(changed(&fixture, format, cut).await, VerdictKind::Rejected, "{format:?} {part}");
        }
        let deep = match format {
            Format::Jws => format!("{{\"payload\":{}", "[".repeat(200_000)).into_bytes(),
            Format::Cose => [vec![0xd2, 0x84], vec![0x81; 200_000]].concat(),
        };
        assert_eq!(changed(&fixture, format, |_| deep).await, VerdictKind::Rejected, "{format:?}");
    }
    let fixture = Fixture::new().await;
    let signer = fixture.issue(|leaf| leaf.ocsp_url(&fixture.responder.url(OCSP)).crl_url(&fixture.responder.url(CRL)));
    let response = fixture.engine.root.ocsp(&OcspSpec::new([Single::good(signer.leaf_der())]));
    let list = fixture.engine.root.crl(&CrlSpec::new());
    for part in 0..32 {
        let cut = |bytes: &[u8]| bytes[..bytes.len() * part / 32].to_vec();
        let (response, list) = (cut(&response), cut(&list));
        fixture.responder.ocsp(OCSP, move |_| response.clone());
        fixture.responder.crl(CRL, list);
        fixture.at(&format!("2026-11-21T12:{part:02}:00Z"));
        assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked, "{part}");
    }
}

/// The registry, or a responder of evidence, sends a byte per second. The deadline of the request holds, and the image is
/// inconclusive.
#[tokio::test(start_paused = true)]
async fn abuse_5_one_byte_per_second_does_not_outlast_the_deadline() {
    let deadline = Duration::from_millis(1800);
    for route in [Route::Manifest, Route::Referrers, Route::Blob] {
        let (fixture, image) = signed().await;
        let _ = fixture.registry.when(route).slow_drip(Duration::from_secs(1));
        let start = Instant::now();
        let result = fixture.verify_within(&fixture.registry.reference("app", &image), deadline).await;
        assert_eq!(result.verdict.code(), Code::RegistryTimeout, "{route:?}");
        assert!(start.elapsed() <= deadline + Duration::from_millis(100), "{route:?}: {:?}", start.elapsed());
    }
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let _ = fixture.responder.when(CRL).slow_drip(Duration::from_secs(1));
    let (image, start) = (fixture.image(&signer), Instant::now());
    let result = fixture.engine.verify_within(&image, deadline).await;
    assert_eq!(result.verdict.kind(), VerdictKind::Inconclusive, "{:?}", result.verdict);
    assert!(start.elapsed() <= deadline + Duration::from_millis(100), "{:?}", start.elapsed());
}

/// Bodies without a length that never end are cut at the limit of their kind. No compressed body is requested, and one that is sent
/// all the same is not unpacked: a small body that becomes a large one does not exist here.
#[tokio::test]
async fn abuse_6_an_endless_or_compressed_body_is_refused() {
    let (fixture, image) = signed().await;
    let (registry, reference) = (&fixture.registry, fixture.registry.reference("app", &image));
    for route in [Route::Manifest, Route::Referrers, Route::Blob] {
        let fault = registry.when(route).endless_body();
        assert_eq!(fixture.code(&reference).await.kind(), VerdictKind::Inconclusive, "{route:?}");
        fault.remove();
        // `{}` by gzip.
        let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0";
        let reply = Reply::status(200).header("content-encoding", "gzip").header("content-type", IMAGE_MANIFEST);
        let fault = registry.when(route).reply(reply.body(packed.as_slice()));
        assert_eq!(fixture.code(&reference).await.kind(), VerdictKind::Inconclusive, "{route:?}");
        fault.remove();
    }
    assert!(registry.requests().iter().all(|request| request.header("accept-encoding") == Some("identity")));
    assert_eq!(fixture.code(&reference).await, Code::Verified);
}

/// At the ends of a period, and one second outside of it. Both ends of a certificate's validity are inside; a signature has expired
/// in the second of its expiry.
#[tokio::test]
async fn abuse_7_the_ends_of_periods_are_exact_to_the_second() {
    let fixture = EngineFixture::new().await;
    let (registry, period) = (&fixture.registry, (datetime!(2026-11-01 00:00 UTC), datetime!(2026-12-01 00:00 UTC)));
    let signer = fixture.root.issue(CertSpec::leaf().valid(period.0, period.1));
    let image = registry.push_image("app", "v1");
    notation::sign_image(registry, "app", &image, &signer);
    let lasting = fixture.root.issue(CertSpec::leaf());
    let expiring = registry.push_image("app", "v2");
    let request = SignRequest::new(&lasting, &expiring).expiry(period.1);
    Signature::new(&request, Format::Jws).attach(registry, "app", &expiring);
    for (time, certificate, expiry) in [
        ("2026-10-31T23:59:59Z", Code::CertificateOutsideValidity, Code::Verified),
        ("2026-11-01T00:00:00Z", Code::Verified, Code::Verified),
        ("2026-11-30T23:59:59Z", Code::Verified, Code::Verified),
        ("2026-12-01T00:00:00Z", Code::Verified, Code::Expired),
        ("2026-12-01T00:00:01Z", Code::CertificateOutsideValidity, Code::Expired),
    ] {
        fixture.at(time);
        assert_eq!(fixture.code(&registry.reference("app", &image)).await, certificate, "{time}");
        assert_eq!(fixture.code(&registry.reference("app", &expiring)).await, expiry, "{time}");
    }
}

/// A timestamp of another signature, of the payload, with SHA-1, of no trusted signer among two, and of an authority whose
/// certificate is for code signing too.
#[tokio::test]
async fn abuse_8_a_timestamp_of_something_else_or_in_another_form_is_refused() {
    let fixture = EngineFixture::new().await;
    let tsa_root = Authority::root(CertSpec::root().common_name("TSA root"));
    fixture.folder.write("truststore/x509/tsa/clock/root.pem", tsa_root.pem());
    fixture.folder.write("trustpolicy.json", policy(&["ca:main", "tsa:clock"], &["*"]));
    let _ = fixture.poll();
    let signer = fixture.root.issue(CertSpec::leaf());
    let tsa = Tsa::new(&tsa_root);
    let both = CertSpec::tsa().ekus(&[eku::TIME_STAMPING, eku::CODE_SIGNING]).ekus_critical(true);
    let both = Tsa::of(tsa_root.issue(both));
    let untrusted = Tsa::new(&Authority::root(CertSpec::root().common_name("untrusted")));
    let changed = |change: &dyn Fn(&mut TokenParts), signature: &[u8]| {
        let mut parts = tsa.parts(signature);
        change(&mut parts);
        parts.seal()
    };
    let other = SignRequest::new(&signer, &Descriptor::sample("other"));
    type Make<'a> = &'a dyn Fn(&SignRequest, &[u8]) -> Vec<u8>;
    let tokens: [(&str, Make<'_>, Code); 7] = [
        ("correct", &|_, signature| tsa.token(signature), Code::Verified),
        ("of another signature", &|_, _| tsa.token(&other.jws_parts().signing_input()), Code::TimestampInvalid),
        ("of the payload", &|request, _| tsa.token(&request.jws_parts().payload), Code::TimestampInvalid),
        (
            "by SHA-1",
            &|_, signature| {
                changed(&|parts| parts.info = parts.info.clone().imprint_of(Hash::Sha1, signature), signature)
            },
            Code::TimestampInvalid,
        ),
        (
            "by two signers, the good one second",
            &|_, signature| changed(&|parts| parts.signers.insert(0, SignerParts::new(untrusted.chain())), signature),
            Code::Verified,
        ),
        ("by an authority that is not trusted", &|_, signature| untrusted.token(signature), Code::TimestampInvalid),
        ("for code signing too", &|_, signature| both.token(signature), Code::TimestampInvalid),
    ];
    for (what, token, expected) in tokens {
        for format in Format::ALL {
            let sign = |image: &_| {
                let request = SignRequest::new(&signer, image);
                let envelope = request.timestamped(format, |signature| token(&request, signature));
                Signature::of_request(&request, &envelope, format)
            };
            assert_eq!(code(&fixture, sign).await, expected, "{what} {format:?}");
        }
    }
}
