//! Envelopes: ours against a plain reading of JSON (`serde_json::Value`) and of CBOR (`ciborium::Value`; ours reads it with `coset`).
//!
//! The plain readings check only that the parts are there, and have the types of the specification.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use ciborium::Value as Cbor;
use countersign_core::notation::Envelope;
use countersign_core::notation::EnvelopeFormat;
use serde_json::Value;

use crate::compare::Comparison;
use crate::compare::Reading;
use crate::compare::compare;
use crate::compare::hex;

const SCHEME: &str = "io.cncf.notary.signingScheme";
const EXPIRY: &str = "io.cncf.notary.expiry";
const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
/// Under either scheme.
const TIMES: [&str; 2] = ["io.cncf.notary.signingTime", "io.cncf.notary.authenticSigningTime"];

/// What decides.
#[derive(Default)]
struct Values {
    algorithm: String,
    content_type: String,
    scheme: String,
    /// Seconds and nanoseconds.
    signing_time: (i64, u32),
    expiry: Option<(i64, u32)>,
    /// Names, with the value if it is a text.
    extended: Vec<(String, Option<String>)>,
    critical: Vec<String>,
    certificates: Vec<Vec<u8>>,
    payload: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
    token: Option<Vec<u8>>,
}

impl Values {
    /// In an order of their own.
    fn listed(mut self) -> Vec<(&'static str, String)> {
        self.extended.sort();
        self.critical.sort();
        let certificates = self.certificates.iter().map(|der| hex(der)).collect::<Vec<_>>().join(" ");
        vec![
            ("algorithm", self.algorithm),
            ("content type", self.content_type),
            ("signing scheme", self.scheme),
            ("signing time", format!("{:?}", self.signing_time)),
            ("expiry", format!("{:?}", self.expiry)),
            ("extended attributes", format!("{:?}", self.extended)),
            ("critical", format!("{:?}", self.critical)),
            ("certificates", certificates),
            ("payload", hex(&self.payload)),
            ("signed bytes", hex(&self.signed)),
            ("signature", hex(&self.signature)),
            ("timestamp token", format!("{:?}", self.token.as_deref().map(hex))),
        ]
    }
}

pub fn jws(input: &[u8]) -> Comparison {
    compare("JWS", ours(input, EnvelopeFormat::Jws), plain_jws(input))
}

pub fn cose(input: &[u8]) -> Comparison {
    compare("COSE", ours(input, EnvelopeFormat::Cose), plain_cose(input))
}

fn ours(input: &[u8], format: EnvelopeFormat) -> Reading {
    let envelope = Envelope::parse(input, format).map_err(|error| error.to_string())?;
    let attributes = envelope.unverified_attributes();
    let time = |time: countersign_core::time::UnixTime| (time.seconds(), time.subsecond_nanoseconds());
    let mut critical = vec![SCHEME.to_owned()];
    critical.extend(attributes.expiry.map(|_| EXPIRY.to_owned()));
    critical.extend((attributes.scheme.name() != "notary.x509").then(|| TIMES[1].to_owned()));
    critical.extend(attributes.extended.iter().filter(|own| own.critical).map(|own| own.name.clone()));
    let values = Values {
        algorithm: match format {
            EnvelopeFormat::Jws => envelope.claimed_algorithm().jose_name().to_owned(),
            EnvelopeFormat::Cose => envelope.claimed_algorithm().cose_id().to_string(),
        },
        content_type: countersign_core::notation::PAYLOAD_TYPE.to_owned(),
        scheme: attributes.scheme.name().to_owned(),
        signing_time: time(attributes.scheme.time()),
        expiry: attributes.expiry.map(time),
        extended: attributes.extended.iter().map(|own| (own.name.clone(), own.text.clone())).collect(),
        critical,
        certificates: envelope.unverified_certificates().to_vec(),
        payload: envelope.unverified_payload().to_vec(),
        signed: envelope.unverified_signed_bytes().to_vec(),
        signature: envelope.unverified_signature().to_vec(),
        token: envelope.unverified_timestamp_token().map(<[u8]>::to_vec),
    };
    Ok(values.listed())
}

/// A part that is not there or has another type.
fn no(part: &str) -> String {
    format!("no {part}")
}

fn plain_jws(input: &[u8]) -> Reading {
    let outer: Value = serde_json::from_slice(input).map_err(|_| no("JSON"))?;
    let text = |name: &str| outer[name].as_str().ok_or_else(|| no(name));
    let decoded = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).map_err(|_| format!("no base64url in {name}"));
    let protected: Value = serde_json::from_slice(&decoded("protected")?).map_err(|_| no("JSON in protected"))?;
    let members = protected.as_object().ok_or_else(|| no("object in protected"))?;
    let member = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| no(name));
    let time = |name: &str| {
        let time = |text: String| DateTime::parse_from_rfc3339(&text).map_err(|_| format!("no time in {name}"));
        time(member(name)?).map(|time| (time.timestamp(), time.timestamp_subsec_nanos()))
    };
    let [claimed, authentic] = TIMES.map(|name| members.contains_key(name).then(|| time(name)));
    let names = members.get("crit").and_then(Value::as_array).ok_or_else(|| no("crit"))?;
    let chain = outer["header"]["x5c"].as_array().ok_or_else(|| no("x5c"))?;
    let standard = |value: &Value| STANDARD.decode(value.as_str()?).ok();
    let token = outer["header"].get(TIMESTAMP).map(|value| standard(value).ok_or_else(|| no("token"))).transpose()?;
    let known = ["alg", "cty", "crit", SCHEME, EXPIRY, TIMES[0], TIMES[1]];
    let extended = members.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    let values = Values {
        algorithm: member("alg")?,
        content_type: member("cty")?,
        scheme: member(SCHEME)?,
        signing_time: claimed.or(authentic).ok_or_else(|| no("signing time"))??,
        expiry: members.contains_key(EXPIRY).then(|| time(EXPIRY)).transpose()?,
        extended: extended.map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned))).collect(),
        critical: names
            .iter()
            .map(|name| name.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| no("name in crit"))?,
        certificates: chain.iter().map(standard).collect::<Option<_>>().ok_or_else(|| no("base64 in x5c"))?,
        payload: decoded("payload")?,
        signed: format!("{}.{}", text("protected")?, text("payload")?).into_bytes(),
        signature: decoded("signature")?,
        token,
    };
    Ok(values.listed())
}

fn plain_cose(input: &[u8]) -> Reading {
    let item = |bytes: &[u8], part: &str| {
        let mut rest = bytes;
        let value: Cbor = ciborium::from_reader(&mut rest).map_err(|_| no(part))?;
        if rest.is_empty() { Ok(value) } else { Err(format!("bytes after {part}")) }
    };
    let message = item(input, "CBOR")?;
    let Cbor::Tag(18, list) = &message else { return Err(no("tag")) };
    let list = list.as_array().ok_or_else(|| no("list"))?;
    let [protected, unprotected, payload, signature] = &list[..] else { return Err(no("list of four")) };
    let bytes = |value: &Cbor, part: &str| value.as_bytes().cloned().ok_or_else(|| no(part));
    let protected = bytes(protected, "protected header")?;
    let map = |value: &Cbor, part: &str| value.as_map().cloned().ok_or_else(|| no(part));
    let members = map(&item(&protected, "CBOR in the protected header")?, "map in the protected header")?;
    let unprotected = map(unprotected, "unprotected header")?;
    let find =
        |map: &[(Cbor, Cbor)], label: Cbor| map.iter().find(|(own, _)| *own == label).map(|(_, value)| value.clone());
    let own = |label: Cbor, part: &str| find(&members, label).ok_or_else(|| no(part));
    let text = |label: Cbor, part: &str| own(label, part)?.into_text().map_err(|_| no(part));
    let [claimed, authentic] = TIMES.map(|name| find(&members, name.into()).map(|value| time(&value)));
    let known = [Cbor::from(1), 2.into(), 3.into(), SCHEME.into(), EXPIRY.into(), TIMES[0].into(), TIMES[1].into()];
    let extended = members.iter().filter(|(label, _)| !known.contains(label));
    let extended = extended.map(|(label, value)| Some((name(label)?, value.as_text().map(str::to_owned))));
    let chain = find(&unprotected, 33.into()).and_then(|chain| chain.into_array().ok()).ok_or_else(|| no("x5chain"))?;
    let critical = own(2.into(), "crit")?.into_array().map_err(|_| no("crit"))?;
    let to_be_signed = vec!["Signature1".into(), protected.clone().into(), Cbor::Bytes(Vec::new()), payload.clone()];
    let mut signed = Vec::new();
    ciborium::into_writer(&Cbor::Array(to_be_signed), &mut signed).map_err(|error| error.to_string())?;
    let values = Values {
        algorithm: own(1.into(), "alg")?
            .as_integer()
            .map(|number| i128::from(number).to_string())
            .ok_or_else(|| no("alg"))?,
        content_type: text(3.into(), "content type")?,
        scheme: text(SCHEME.into(), SCHEME)?,
        signing_time: claimed.or(authentic).ok_or_else(|| no("signing time"))??,
        expiry: find(&members, EXPIRY.into()).map(|value| time(&value)).transpose()?,
        extended: extended.collect::<Option<_>>().ok_or_else(|| no("label"))?,
        critical: critical.iter().map(name).collect::<Option<_>>().ok_or_else(|| no("label in crit"))?,
        certificates: chain
            .iter()
            .map(|der| der.as_bytes().cloned())
            .collect::<Option<_>>()
            .ok_or_else(|| no("byte string in x5chain"))?,
        payload: bytes(payload, "payload")?,
        signed,
        signature: bytes(signature, "signature")?,
        token: find(&unprotected, TIMESTAMP.into()).map(|token| bytes(&token, "token")).transpose()?,
    };
    Ok(values.listed())
}

/// Tag 1 around a number of seconds.
fn time(value: &Cbor) -> Result<(i64, u32), String> {
    let Cbor::Tag(1, inner) = value else { return Err(no("time")) };
    let seconds = match &**inner {
        Cbor::Integer(number) => i64::try_from(i128::from(*number)).ok(),
        Cbor::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(*number as i64),
        _ => None,
    };
    seconds.map(|seconds| (seconds, 0)).ok_or_else(|| no("time"))
}

/// A label as text.
fn name(label: &Cbor) -> Option<String> {
    match label {
        Cbor::Text(text) => Some(text.clone()),
        Cbor::Integer(number) => Some(i128::from(*number).to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use countersign_fuzz_targets::Target;
    use countersign_fuzz_targets::seeds;

    use super::*;

    /// A reading with another value.
    fn changed(reading: Reading, name: &str) -> Reading {
        reading.map(|mut values| {
            let value = values.iter_mut().find(|(own, _)| *own == name).unwrap();
            value.1.push('!');
            values
        })
    }

    #[test]
    fn a_reader_that_reads_any_value_of_an_envelope_differently_is_found() {
        for (target, format, plain) in [
            (Target::Jws, EnvelopeFormat::Jws, plain_jws as fn(&[u8]) -> Reading),
            (Target::Cose, EnvelopeFormat::Cose, plain_cose),
        ] {
            let seed = seeds(target).into_iter().find(|seed| ours(seed, format).is_ok()).unwrap();
            let read = || ours(&seed, format);
            assert_eq!(compare("seed", read(), plain(&seed)), Comparison::Equal);
            for (name, _) in read().unwrap() {
                let found = compare("seed", changed(read(), name), plain(&seed));
                assert!(matches!(&found, Comparison::Different(text) if text.contains(name)), "{found:?}");
            }
        }
    }

    #[test]
    fn a_reader_that_ignores_what_ours_checks_is_found() {
        let seed = seeds(Target::Jws).into_iter().find(|seed| jws(seed) == Comparison::Equal).unwrap();
        let text = String::from_utf8(seed).unwrap();
        let repeated = text.replacen('{', "{\"payload\":\"e30\",", 1);
        let found = jws(repeated.as_bytes());
        assert!(matches!(&found, Comparison::OnlyOne(kind) if kind.starts_with("JWS refused by us")), "{found:?}");
    }
}
