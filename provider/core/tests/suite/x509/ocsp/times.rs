//! producedAt, thisUpdate and nextUpdate.

use std::time::Duration;

use countersign_core::x509::ocsp::AnswerEnd;
use countersign_core::x509::ocsp::OcspSettings;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use time::macros::datetime;

use crate::x509::ocsp::Fixture;
use crate::x509::ocsp::RESPONDER;
use crate::x509::ocsp::at;

fn single(single: Single) -> OcspSpec {
    OcspSpec::new([single])
}

#[test]
fn this_update_and_produced_at_may_be_in_the_future_by_the_skew() {
    let fixture = Fixture::new();
    let (last, after) = (datetime!(2026-11-21 12:05 UTC), datetime!(2026-11-21 12:05:01 UTC));
    fixture.accepts(&single(fixture.good().this_update(last)));
    fixture.accepts(&fixture.spec().produced_at(last));
    for (spec, part) in
        [(single(fixture.good().this_update(after)), "thisUpdate"), (fixture.spec().produced_at(after), "producedAt")]
    {
        fixture.refuses(
            &spec,
            &format!(
                "OCSP response is from the future: found {part} 2026-11-21T12:05:01Z, expected at most 300s after \
                 2026-11-21T12:00:00Z"
            ),
        );
    }
    let strict = Fixture { settings: OcspSettings { skew: Duration::ZERO, ..fixture.settings }, ..fixture };
    strict.accepts(&single(strict.good().this_update(datetime!(2026-11-21 12:00 UTC))));
    strict.refuses(
        &single(strict.good().this_update(datetime!(2026-11-21 12:00:01 UTC))),
        "OCSP response is from the future: found thisUpdate 2026-11-21T12:00:01Z, expected at most 0s after \
         2026-11-21T12:00:00Z",
    );
}

#[test]
fn next_update_may_be_over_by_the_skew() {
    let fixture = Fixture::new();
    fixture.accepts(&single(fixture.good().next_update(datetime!(2026-11-21 11:55 UTC))));
    fixture.refuses(
        &single(fixture.good().next_update(datetime!(2026-11-21 11:54:59 UTC))),
        "OCSP response has expired: found nextUpdate 2026-11-21T11:54:59Z, expected at most 300s before \
         2026-11-21T12:00:00Z",
    );
}

#[test]
fn next_update_must_be_after_this_update() {
    let fixture = Fixture::new();
    let (noon, later) = (datetime!(2026-11-21 12:00 UTC), datetime!(2026-11-21 12:00:01 UTC));
    fixture.accepts(&single(fixture.good().this_update(noon).next_update(later)));
    for this_update in [noon, later] {
        let shown = if this_update == noon { "2026-11-21T12:00:00Z" } else { "2026-11-21T12:00:01Z" };
        fixture.refuses(
            &single(fixture.good().this_update(this_update).next_update(noon)),
            &format!(
                "OCSP response ends before it begins: found nextUpdate 2026-11-21T12:00:00Z, expected it after \
                 thisUpdate {shown}"
            ),
        );
    }
}

#[test]
fn a_response_without_next_update_needs_a_maximum_age() {
    let fixture = Fixture::new();
    let recent = fixture.good().without_next_update();
    fixture.refuses(&single(recent), "OCSP response has no nextUpdate, so its age is not limited; expected one");
    let max_age_without_next_update = Some(Duration::from_secs(3600));
    let settings = OcspSettings { max_age_without_next_update, ..fixture.settings };
    let hour = Fixture { settings, ..fixture };
    let aged = |this_update| single(hour.good().this_update(this_update).without_next_update());
    hour.accepts(&aged(datetime!(2026-11-21 11:00 UTC)));
    hour.accepts(&aged(datetime!(2026-11-21 12:05 UTC)));
    hour.refuses(
        &aged(datetime!(2026-11-21 10:59:59 UTC)),
        "OCSP response without nextUpdate is too old: found thisUpdate 2026-11-21T10:59:59Z, expected at most 3600s \
         before 2026-11-21T12:00:00Z",
    );
    // With nextUpdate, the maximum age does not apply.
    hour.accepts(&single(hour.good().this_update(datetime!(2026-01-01 00:00 UTC))));
}

#[test]
fn a_kept_answer_is_checked_again_at_each_use() {
    let fixture = Fixture::new();
    let answer = fixture.answer(&fixture.spec());
    let check = |time: &str| answer.check_time(at(time), &fixture.settings).map_err(|error| error.to_string());
    assert_eq!(check("2026-11-28T00:05:00Z"), Ok(()));
    assert_eq!(
        check("2026-11-28T00:05:01Z"),
        Err("OCSP response has expired: found nextUpdate 2026-11-28T00:00:00Z, expected at most 300s before \
             2026-11-28T00:05:01Z"
            .to_owned())
    );
    assert_eq!(
        check("2026-11-20T23:54:59Z"),
        Err("OCSP response is from the future: found producedAt 2026-11-21T00:00:00Z, expected at most 300s after \
             2026-11-20T23:54:59Z"
            .to_owned())
    );
    let short = datetime!(2026-11-22 00:00 UTC);
    let delegate = fixture.delegate(|spec| spec.valid(datetime!(2026-11-01 00:00 UTC), short));
    let delegated = fixture.answer(&fixture.spec().signed_by(&delegate));
    let check = |time: &str| delegated.check_time(at(time), &fixture.settings).map_err(|error| error.to_string());
    assert_eq!(check("2026-11-22T00:00:00Z"), Ok(()));
    assert_eq!(
        check("2026-11-22T00:00:01Z"),
        Err(format!(
            "OCSP responder {RESPONDER:?} may not answer for the issuer of the certificate: its certificate is valid \
             from 2026-11-01T00:00:00Z to 2026-11-22T00:00:00Z, expected a period that includes 2026-11-22T00:00:01Z"
        ))
    );
}

#[test]
fn an_answer_is_valid_until_next_update_the_maximum_age_or_the_end_of_its_responder() {
    let fixture = Fixture::new();
    let until = |fixture: &Fixture, spec: &OcspSpec| fixture.answer(spec).valid_until(&fixture.settings);
    assert_eq!(until(&fixture, &fixture.spec()), (at("2026-11-28T00:00:00Z"), AnswerEnd::NextUpdate));
    let ends = |end| fixture.delegate(|spec| spec.valid(datetime!(2026-11-01 00:00 UTC), end));
    let delegated = |end| fixture.spec().signed_by(&ends(end));
    let until_delegated = |end| until(&fixture, &delegated(end));
    let responder = (at("2026-11-25T00:00:00Z"), AnswerEnd::ResponderCertificate);
    assert_eq!(until_delegated(datetime!(2026-11-25 00:00 UTC)), responder);
    let next_update = (at("2026-11-28T00:00:00Z"), AnswerEnd::NextUpdate);
    assert_eq!(until_delegated(datetime!(2026-12-25 00:00 UTC)), next_update);
    let max_age_without_next_update = Some(Duration::from_secs(24 * 3600));
    let aged = Fixture { settings: OcspSettings { max_age_without_next_update, ..fixture.settings }, ..fixture };
    let spec = single(aged.good().without_next_update());
    assert_eq!(until(&aged, &spec), (at("2026-11-22T00:00:00Z"), AnswerEnd::MaxAge));
}
