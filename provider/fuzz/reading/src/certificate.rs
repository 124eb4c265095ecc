//! Certificates and the names in them: ours against `x509-cert`.

use countersign_core::x509::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::Encode as _;
use x509_cert::der::Tag;
use x509_cert::der::Tagged as _;
use x509_cert::der::asn1::Any;
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_cert::ext::pkix::KeyUsage;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::name::RdnSequence;
use x509_cert::time::Time;

use crate::compare::Comparison;
use crate::compare::Reading;
use crate::compare::compare;
use crate::compare::hex;

pub fn certificate(input: &[u8]) -> Comparison {
    compare("certificate", ours(input), theirs(input))
}

fn ours(input: &[u8]) -> Reading {
    let read = Certificate::parse(input).map_err(|error| error.to_string())?;
    let constraints = read.basic_constraints().map(|own| (own.critical, own.ca, own.path_length));
    let usage = read.key_usage().map(|own| (own.critical, own.uses.iter().map(|one| one.as_str()).collect::<Vec<_>>()));
    let purposes = read
        .extended_key_usage()
        .map(|own| (own.critical, own.purposes.iter().map(ToString::to_string).collect::<Vec<_>>()));
    let names = |name: &countersign_core::x509::DistinguishedName| {
        let pairs = name.attributes().iter().map(|own| (own.oid().to_string(), own.value().to_owned()));
        format!("{:?}", pairs.collect::<Vec<_>>())
    };
    Ok(vec![
        ("signed part", hex(read.tbs())),
        ("serial number", hex(read.serial_bytes())),
        ("issuer", hex(read.issuer_raw())),
        ("attributes of the issuer", names(read.issuer())),
        ("subject", hex(read.subject_raw())),
        ("attributes of the subject", names(read.subject())),
        ("start", read.not_before().seconds().to_string()),
        ("end", read.not_after().seconds().to_string()),
        ("key", hex(read.key_raw())),
        ("basic constraints", format!("{constraints:?}")),
        ("key usage", format!("{usage:?}")),
        ("extended key usage", format!("{purposes:?}")),
    ])
}

fn theirs(input: &[u8]) -> Reading {
    let text = |error: x509_cert::der::Error| error.kind().to_string();
    let read = x509_cert::Certificate::from_der(input).map_err(text)?;
    let tbs = &read.tbs_certificate;
    let seconds = |time: Time| time.to_unix_duration().as_secs().to_string();
    let constraints = tbs.get::<BasicConstraints>().map_err(text)?;
    let constraints = constraints.map(|(critical, own)| (critical, own.ca, own.path_len_constraint.map(u32::from)));
    let usage = tbs.get::<KeyUsage>().map_err(text)?;
    let usage = usage.map(|(critical, own)| (critical, own.0.into_iter().map(usage_name).collect::<Vec<_>>()));
    let purposes = tbs.get::<ExtendedKeyUsage>().map_err(text)?;
    let purposes =
        purposes.map(|(critical, own)| (critical, own.0.iter().map(ToString::to_string).collect::<Vec<_>>()));
    let zeros = |bytes: &[u8]| hex(&bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>());
    Ok(vec![
        ("signed part", hex(&tbs.to_der().map_err(text)?)),
        ("serial number", zeros(tbs.serial_number.as_bytes())),
        ("issuer", hex(&tbs.issuer.to_der().map_err(text)?)),
        ("attributes of the issuer", names(&tbs.issuer)?),
        ("subject", hex(&tbs.subject.to_der().map_err(text)?)),
        ("attributes of the subject", names(&tbs.subject)?),
        ("start", seconds(tbs.validity.not_before)),
        ("end", seconds(tbs.validity.not_after)),
        ("key", hex(&tbs.subject_public_key_info.to_der().map_err(text)?)),
        ("basic constraints", format!("{constraints:?}")),
        ("key usage", format!("{usage:?}")),
        ("extended key usage", format!("{purposes:?}")),
    ])
}

fn usage_name(usage: KeyUsages) -> &'static str {
    match usage {
        KeyUsages::DigitalSignature => "digitalSignature",
        KeyUsages::NonRepudiation => "nonRepudiation",
        KeyUsages::KeyEncipherment => "keyEncipherment",
        KeyUsages::DataEncipherment => "dataEncipherment",
        KeyUsages::KeyAgreement => "keyAgreement",
        KeyUsages::KeyCertSign => "keyCertSign",
        KeyUsages::CRLSign => "cRLSign",
        KeyUsages::EncipherOnly => "encipherOnly",
        KeyUsages::DecipherOnly => "decipherOnly",
    }
}

fn names(name: &RdnSequence) -> Result<String, String> {
    let all = name.0.iter().flat_map(|part| part.0.iter());
    let pairs = all.map(|one| Ok((one.oid.to_string(), value(&one.value)?))).collect::<Result<Vec<_>, String>>()?;
    Ok(format!("{pairs:?}"))
}

/// The text of a value: the types of strings that RFC 5280 allows in names, and those of old certificates.
pub fn value(value: &Any) -> Result<String, String> {
    let bytes = value.value();
    let decoded = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units: Vec<u16> =
                bytes.chunks(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte))).collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    };
    decoded.ok_or_else(|| "no text in a name".to_owned())
}

#[cfg(test)]
mod tests {
    use countersign_fuzz_targets::Target;
    use countersign_fuzz_targets::seeds;

    use super::*;

    #[test]
    fn a_reader_that_reads_any_value_of_a_certificate_differently_is_found() {
        let read: Vec<_> = seeds(Target::Certificate).into_iter().filter(|seed| ours(seed).is_ok()).collect();
        for one in &read {
            assert_eq!(compare("certificate", ours(one), theirs(one)), Comparison::Equal);
        }
        let all = ours(&read[0]).unwrap();
        for (index, (name, _)) in all.iter().enumerate() {
            let mut changed = all.clone();
            changed[index].1.push('!');
            let found = compare("certificate", Ok(changed), theirs(&read[0]));
            assert!(matches!(&found, Comparison::Different(text) if text.contains(name)), "{found:?}");
        }
    }
}
