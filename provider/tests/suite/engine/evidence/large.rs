//! A large CRL; one of 20 MiB with all mutations, see [`sweep`].

use std::time::Duration;

use countersign_core::verdict::Code;
use countersign_core_test_support::sweep;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::pki::CertSpec;
use futures_util::future::join_all;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;

#[tokio::test]
async fn a_list_with_many_entries_is_fetched_and_read_once_and_shared() {
    let entries = sweep::size(50_000, 500_000) as u64;
    let fixture = Fixture::with("strict", |settings| settings.crl_timeout = Duration::from_secs(600)).await;
    let list = fixture.engine.root.crl(&CrlSpec::new().many(entries));
    assert!(list.len() as u64 > 40 * entries, "{}", list.len());
    let bytes = i64::try_from(list.len()).unwrap();
    fixture.responder.crl(CRL, list);
    let url = fixture.responder.url(CRL);
    let signer = fixture.issue(|leaf| leaf.crl_url(&url));
    let revoked = fixture.issue(|leaf: CertSpec| leaf.serial(&CrlSpec::many_serial(entries / 2)).crl_url(&url));
    // The first caller may leave before the list is read; the next one finds it.
    let images: Vec<String> = [&signer, &revoked].map(|signer| fixture.image(signer)).into();
    let verify = || async { join_all(images.iter().map(|image| fixture.engine.code(image))).await };
    let is_late = |code: &Code| [Code::RevocationUnchecked, Code::DeadlineExceeded].contains(code);
    let mut codes = verify().await;
    for _ in 0..20 {
        if !codes.iter().any(is_late) {
            break;
        }
        codes = verify().await;
    }
    assert_eq!(codes, [Code::Verified, Code::Revoked]);
    assert_eq!(fixture.requests(), 1);
    let kept = fixture.engine.metric("countersign_evidence_bytes{kind=\"crl\"}");
    assert!((bytes..bytes + bytes / 4).contains(&kept), "{kept} for {bytes}");
}
