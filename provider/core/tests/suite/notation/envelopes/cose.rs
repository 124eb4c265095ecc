//! COSE envelopes.

use countersign_core::notation::EnvelopeFormat;
use countersign_testkit::signer::Cbor;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;

use crate::notation::envelopes::AGENT;
use crate::notation::envelopes::AUTHENTIC_TIME;
use crate::notation::envelopes::COSE;
use crate::notation::envelopes::EXPIRY;
use crate::notation::envelopes::Fixture;
use crate::notation::envelopes::SCHEME;
use crate::notation::envelopes::SIGNING_TIME;
use crate::notation::envelopes::TIMESTAMP;
use crate::notation::envelopes::text;

fn epoch(value: Cbor) -> Cbor {
    Cbor::Tag(1, Box::new(value))
}

#[test]
fn cose_times_are_whole_seconds_in_tag_1() {
    let fixture = Fixture::new();
    for (value, found) in [
        (Cbor::Integer(1_900_000_000.into()), "1900000000"),
        (epoch(Cbor::Float(f64::NAN)), "tag 1 around NaN"),
        (epoch(Cbor::Float(f64::INFINITY)), "tag 1 around inf"),
        (epoch(Cbor::Float(f64::NEG_INFINITY)), "tag 1 around -inf"),
        (epoch(Cbor::Float(1_900_000_000.5)), "tag 1 around 1900000000.5"),
        (epoch(Cbor::Float(-1.0)), "tag 1 around -1"),
        (epoch(Cbor::Float(253_402_300_800.0)), "tag 1 around 253402300800"),
        (epoch(Cbor::Float(0.5)), "tag 1 around 0.5"),
        (epoch(Cbor::Integer((-62_135_596_800_i64).into())), "tag 1 around -62135596800"),
        (epoch(Cbor::Integer((-1).into())), "tag 1 around -1"),
        (epoch(Cbor::Integer(253_402_300_800_i64.into())), "tag 1 around 253402300800"),
        (epoch(epoch(Cbor::Integer(1_900_000_000.into()))), "tag 1"),
        (epoch(text("2099-01-01T00:00:00Z")), "tag 1"),
        (Cbor::Float(1.9e9), "1900000000"),
        (Cbor::Tag(0, Box::new(text("2099-01-01T00:00:00Z"))), "tag 0"),
        (text("2099-01-01T00:00:00Z"), "\"2099-01-01T00:00:00Z\""),
        (Cbor::Null, "null"),
    ] {
        let request = fixture.request().cose_protected(text(EXPIRY), value).crit([SCHEME, EXPIRY]);
        let sentence = format!(
            "envelope-malformed: header \"io.cncf.notary.expiry\": found {found}, expected tag 1 around whole seconds between 1970 and 9999"
        );
        fixture.refuses(Format::Cose, request, &sentence);
    }
    for good in [Cbor::Integer(1_900_000_000.into()), Cbor::Float(1.9e9), Cbor::Float(253_402_300_799.0)] {
        fixture.takes(Format::Cose, fixture.request().cose_protected(text(EXPIRY), epoch(good)).crit([SCHEME, EXPIRY]));
    }
}

#[test]
fn cose_times_may_be_whole_floats_of_every_width() {
    use countersign_core::notation::Envelope;
    let fixture = Fixture::new();
    for (number, head, time) in [
        (61_440.0, 0xf9, "1970-01-01T17:04:00Z"),
        (-0.0, 0xf9, "1970-01-01T00:00:00Z"),
        (1_900_000_000.0, 0xfa, "2030-03-17T17:46:40Z"),
        (1_900_000_001.0, 0xfb, "2030-03-17T17:46:41Z"),
    ] {
        let value = epoch(Cbor::Float(number));
        let mut encoded = Vec::new();
        ciborium::into_writer(&value, &mut encoded).unwrap();
        assert_eq!(encoded[..2], [0xc1, head], "{number}");
        let request = fixture.request().signing_time(None).cose_protected(text(SIGNING_TIME), value);
        let envelope = Envelope::parse(&request.cose(), EnvelopeFormat::Cose).unwrap();
        assert_eq!(envelope.unverified_attributes().scheme.time().to_string(), time, "{number}");
    }
}

#[test]
fn cose_numbers_are_no_bignums() {
    let fixture = Fixture::new();
    let big = |tag, bytes: &[u8]| Cbor::Tag(tag, Box::new(Cbor::Bytes(bytes.to_vec())));
    let time = "envelope-malformed: COSE is malformed: found a time (tag 1) that is a bignum, expected an integer \
                or a float";
    for bignum in [big(2, &[0x71, 0x3f, 0xb3, 0x00]), big(2, &[0; 16]), big(3, &[0]), big(2, &[0xff; 17])] {
        for (name, request) in [
            (EXPIRY, fixture.request().crit([SCHEME, EXPIRY])),
            (SIGNING_TIME, fixture.request().signing_time(None)),
            (AUTHENTIC_TIME, fixture.request().scheme(Scheme::SigningAuthority).authentic_signing_time(None)),
            ("com.example.time", fixture.request()),
        ] {
            fixture.refuses(Format::Cose, request.cose_protected(text(name), epoch(bignum.clone())), time);
        }
    }
    // -7 and 33 as bignums: the library would read them as the numbers.
    let tag = "envelope-malformed: COSE is malformed: has a tag, expected none";
    fixture.refuses(Format::Cose, fixture.request().cose_alg(big(3, &[6])), tag);
    let listed = fixture.request().cose_protected(Cbor::Integer(2.into()), Cbor::Array(vec![big(2, &[33])]));
    fixture.refuses(Format::Cose, listed, "envelope-malformed: COSE is malformed: has a label twice in one map");
    let mut parts = fixture.request().cose_parts();
    let Cbor::Map(mut members) = ciborium::from_reader(parts.protected.as_slice()).unwrap() else { panic!("a map") };
    members.iter_mut().find(|(name, _)| *name == Cbor::Integer(2.into())).unwrap().1 =
        Cbor::Array(vec![text(SCHEME), big(2, &[33])]);
    parts.protected.clear();
    ciborium::into_writer(&Cbor::Map(members), &mut parts.protected).unwrap();
    fixture.refuses_bytes(&parts.seal(), COSE, tag);
}

#[test]
fn cose_maps_have_each_label_once_in_one_map() {
    let fixture = Fixture::new();
    let request = || fixture.request();
    for (request, sentence) in [
        (
            request().cose_protected(text(SCHEME), text("notary.x509")),
            "COSE is malformed: has a label twice in one map",
        ),
        (
            request().cose_protected(Cbor::Integer(1.into()), Cbor::Integer((-7).into())),
            "COSE is malformed: has a label twice in one map",
        ),
        (
            request().cose_protected(Cbor::Integer(33.into()), Cbor::Array(vec![])),
            "header \"33\": found in both the protected and the unprotected header, expected in one of them",
        ),
        (
            request().cose_unprotected(Cbor::Integer(1.into()), Cbor::Integer((-7).into())),
            "header \"1\": found in both the protected and the unprotected header, expected in one of them",
        ),
        (
            request().cose_protected(
                text("com.example.map"),
                Cbor::Map(vec![(text("a"), Cbor::Null), (text("a"), Cbor::Null)]),
            ),
            "COSE is malformed: has a label twice in one map",
        ),
        (
            request().cose_unprotected(text("com.example.time"), epoch(Cbor::Integer(1.into()))),
            "COSE is malformed: has a tag, expected none",
        ),
        (
            request().cose_unprotected(text(TIMESTAMP), text("x")),
            "header \"io.cncf.notary.timestampSignature\": found \"x\", expected a byte string",
        ),
        (
            request().signing_agent(None).cose_unprotected(text(AGENT), Cbor::Null),
            "header \"io.cncf.notary.signingAgent\": found null, expected a text",
        ),
        (
            request().cose_protected(text(AUTHENTIC_TIME), epoch(Cbor::Integer(1.into()))),
            "header \"io.cncf.notary.authenticSigningTime\" is not allowed under signing scheme notary.x509",
        ),
    ] {
        let found = fixture.judge.sentence(&request.cose(), COSE);
        assert!(found.starts_with(&format!("envelope-malformed: {sentence}")), "{found}");
    }
}

#[test]
fn cose_is_tagged_with_definite_lengths_and_a_chain_of_byte_strings() {
    let fixture = Fixture::new();
    let envelope = fixture.request().cose();
    let chain = fixture.chain.der().iter().cloned().map(Cbor::Bytes).collect::<Vec<_>>();
    let with_chain = |chain: Cbor| {
        let mut parts = fixture.request().cose_parts();
        let Cbor::Map(members) = &mut parts.unprotected else { panic!("a map") };
        members.iter_mut().find(|(name, _)| *name == Cbor::Integer(33.into())).unwrap().1 = chain;
        parts.seal()
    };
    for (changed, sentence) in [
        (envelope[1..].to_vec(), "COSE is malformed: is not a map with integer and text labels"),
        ([&[0xd2, 0x9f][..], &envelope[2..], &[0xff]].concat(), "COSE is malformed: is not a map"),
        ([&envelope[..], &[0]].concat(), "COSE is malformed: found bytes after the item, expected none"),
        (with_chain(chain[0].clone()), "header \"x5chain (33)\": found a byte string, expected a list of byte strings"),
        (
            with_chain(Cbor::Array(vec![text("x")])),
            "header \"x5chain (33)\": found \"x\", expected a list of byte strings",
        ),
        (with_chain(Cbor::Array(vec![])), "certificate chain is empty"),
        (with_chain(Cbor::Array(vec![chain[0].clone(); 11])), "x5chain (33): found 11 entries, expected at most 10"),
        ([vec![0xd2, 0x84], vec![0x81; 100_000]].concat(), "COSE is malformed: is nested too deeply"),
        (
            vec![0xd2, 0x84, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "COSE is malformed: found the end of the input inside an item",
        ),
    ] {
        let found = fixture.judge.sentence(&changed, COSE);
        assert!(found.starts_with(&format!("envelope-malformed: {sentence}")), "{found}");
    }
}
