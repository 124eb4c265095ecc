//! Names of trusted identities: ours against the reader of RFC 4514 in `x509-cert`.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use countersign_core::policy::Identity;
use x509_cert::name::RdnSequence;

use crate::certificate;
use crate::compare::Comparison;
use crate::compare::Reading;
use crate::compare::compare;

const PREFIX: &str = "x509.subject:";

/// The types that a trust policy can name.
const TYPES: [(&str, &str); 9] = [
    ("C", "2.5.4.6"),
    ("ST", "2.5.4.8"),
    ("L", "2.5.4.7"),
    ("STREET", "2.5.4.9"),
    ("POSTALCODE", "2.5.4.17"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("CN", "2.5.4.3"),
    ("SERIALNUMBER", "2.5.4.5"),
];

/// One comparison for each line that has a name.
pub fn names(input: &[u8]) -> Vec<Comparison> {
    let Ok(text) = std::str::from_utf8(input) else { return Vec::new() };
    let names = text.lines().filter_map(|line| line.strip_prefix(PREFIX));
    names.map(|name| compare("name", ours(name), theirs(name))).collect()
}

fn ours(name: &str) -> Reading {
    let identity: Identity = format!("{PREFIX}{name}")
        .parse()
        .map_err(|error: countersign_core::policy::IdentityError| error.to_string())?;
    let subject = identity.subject().ok_or("not a subject")?;
    Ok(TYPES.map(|(name, _)| (name, format!("{:?}", subject.attribute(name)))).into())
}

fn theirs(name: &str) -> Reading {
    // The reader keeps blanks as parts of types and values, and knows no semicolon.
    if [" =", "= ", " ,", ", ", " ;", "; "].iter().any(|blank| name.contains(blank))
        || name.starts_with(' ')
        || name.ends_with(' ')
    {
        return Err("blanks around a type or value".to_owned());
    }
    if name.contains(';') {
        return Err("a semicolon".to_owned());
    }
    let read = RdnSequence::from_str(name).map_err(|error| error.kind().to_string())?;
    let mut found = BTreeMap::new();
    for part in &read.0 {
        for one in part.0.iter() {
            if found.insert(one.oid.to_string(), certificate::value(&one.value)?).is_some() {
                return Err("a type twice".to_owned());
            }
        }
    }
    Ok(TYPES.map(|(name, oid)| (name, format!("{:?}", found.get(oid).map(String::as_str)))).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_exchanges_two_values_is_found() {
        let read = |name| compare("name", ours("C=CH,ST=ZH,O=a"), theirs(name));
        assert_eq!(read("C=CH,ST=ZH,O=a"), Comparison::Equal);
        assert_eq!(read("O=a,ST=ZH,C=CH"), Comparison::Equal);
        let text = "name: C: \"Some(\\\"CH\\\")\", the other \"Some(\\\"ZH\\\")\"; ST: \"Some(\\\"ZH\\\")\", the other \"Some(\\\"CH\\\")\"";
        assert_eq!(read("C=ZH,ST=CH,O=a"), Comparison::Different(text.to_owned()));
    }
}
