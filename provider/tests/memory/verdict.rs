//! What verdicts about an image cost in memory when a hostile pusher has written its signatures: 100 referrers, each with a
//! text of a megabyte that ends up in a reason, and many who wait for the verdict.
//!
//! The registry's own memory is included.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use crate::ALLOCATOR;
use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::Descriptor;
use countersign_testkit::alone;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

const MIB: usize = 1024 * 1024;

/// Callers that wait for the same verdict.
const CALLERS: usize = 200;

/// An image with 100 signatures that only take memory. Its digest names it.
fn push(fixture: &EngineFixture, tag: &str) -> ImageRef {
    let registry = &fixture.registry;
    let image = registry.push_image("app", tag);
    let chain = fixture.root.issue(CertSpec::leaf());
    // As much as a protected header, which has the name twice, and about as much as a manifest may have.
    let (name, long) = ("x".repeat(31 * 1024), "x".repeat(MIB));
    for number in 0..50 {
        let request = SignRequest::new(&chain, &image).critical_attribute(&format!("{name}{number}"), 1);
        Signature::new(&request, Format::Cose).attach(registry, "app", &image);
        let manifest = format!(
            r#"{{"mediaType":"{}","artifactType":"{long}{number}","config":{{}},"layers":[]}}"#,
            image.media_type
        );
        let pushed = registry.put_manifest("app", &image.media_type, manifest.as_bytes());
        let entry = Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..pushed };
        registry.list_referrer("app", &image.digest, entry);
    }
    registry.reference("app", &image).parse().unwrap()
}

#[tokio::test]
async fn verdicts_with_large_texts_use_kilobytes_in_the_cache() {
    if !alone("verdict::verdicts_with_large_texts_use_kilobytes_in_the_cache") {
        return;
    }
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| {
        settings.rejected_lifetime = Duration::from_secs(300);
        settings.flight_time = Duration::from_secs(120);
    })
    .await;
    let (first, image) = (push(&fixture, "first"), Arc::new(push(&fixture, "second")));
    // Allocate shared state first: connections and their buffers.
    assert_eq!(fixture.code(&first.to_string()).await, Code::CriticalAttributeUnknown);
    fixture.registry.clear_requests();

    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let ask = || {
        tokio::spawn(
            fixture
                .engine
                .verify(fixture.engine.request(Arc::clone(&image), Deadline::after(Duration::from_secs(120)))),
        )
    };
    let asked: Vec<_> = (0..CALLERS).map(|_| ask()).collect();
    let mut verdicts = Vec::with_capacity(CALLERS);
    for one in asked {
        verdicts.push(one.await.unwrap().verdict);
    }
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    let first = Arc::clone(&verdicts[0]);
    assert!(verdicts.iter().all(|verdict| Arc::ptr_eq(verdict, &first)));
    let ImageVerdict::Rejected(rejected) = &*first else { panic!("{first:?}") };
    assert_eq!(rejected.signatures.total(), 100);
    assert!(first.bytes() <= 2 * FailedSignatures::BYTES, "{}", first.bytes());
    assert!(peak <= 32 * MIB, "{peak} bytes at the peak");

    // The cache has the same verdict.
    let again = ask().await.unwrap();
    assert!(again.cached && Arc::ptr_eq(&again.verdict, &first));
    drop(verdicts);
    fixture.registry.clear_requests();
    let kept = ALLOCATOR.current_usage().saturating_sub(before);
    println!("{peak} bytes at the peak, {kept} bytes kept, of which the verdict says {}", first.bytes());
    // The connections to the registry, of which a busy machine opens more, are in it on both sides.
    assert!(kept <= 2 * MIB, "{kept} bytes are kept");
}
