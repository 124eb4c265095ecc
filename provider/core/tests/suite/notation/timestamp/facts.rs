//! What an explanation shows of a timestamp.

use std::time::Duration;

use countersign_core::notation;
use countersign_core::notation::TimestampFacts;
use countersign_core_test_support::judge;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::signer::Format;

use crate::notation::timestamp::fixture::Fixture;
use crate::notation::timestamp::fixture::TSA;

/// The facts of an explanation under a statement.
fn explained(judge: &Judge, envelope: &[u8]) -> TimestampFacts {
    judge.explain(envelope, judge::unavailable).facts.unwrap().timestamp.unwrap()
}

#[test]
fn the_trust_anchor_is_shown_only_of_a_timestamp_that_was_verified() {
    let fixture = Fixture::new();
    let envelope = fixture.tsa.envelope(&fixture.request(), Format::Jws);
    let facts = explained(&fixture.judge(), &envelope);
    let contents = facts.contents.unwrap();
    assert_eq!(contents.gen_time.to_string(), "2026-01-02T03:04:06Z");
    assert_eq!(contents.accuracy, Duration::from_secs(1));
    assert_eq!(contents.authority.unwrap(), TSA);
    let anchor = facts.anchor.unwrap();
    assert_eq!(anchor.store.to_string(), "tsa:store-1");
    assert_eq!(anchor.subject, "CN=TSA Root,O=Testkit,ST=ZH,C=CH");
    // Not required by the statement, and of another signature.
    let not_required = explained(&fixture.judge_without_tsa(), &envelope);
    let other = fixture.request().timestamped(Format::Jws, |_| fixture.tsa.token(b"another"));
    for facts in [not_required, explained(&fixture.judge(), &other)] {
        assert_eq!(facts.anchor, None);
        assert_eq!(facts.contents.unwrap().authority.unwrap(), TSA);
    }
}

#[test]
fn a_description_without_a_statement_has_the_claims_of_the_token() {
    let fixture = Fixture::new();
    let target = countersign_core::oci::Descriptor::new(
        fixture.target.media_type.parse().unwrap(),
        fixture.target.digest.parse().unwrap(),
        fixture.target.size,
    );
    let envelope = fixture.tsa.envelope(&fixture.request(), Format::Jws);
    let format = judge::format(Format::Jws.media_type());
    let facts = notation::describe(&envelope, format, &target).facts.unwrap().timestamp.unwrap();
    assert_eq!(facts.anchor, None);
    assert_eq!(facts.contents.unwrap().gen_time.to_string(), "2026-01-02T03:04:06Z");
}
