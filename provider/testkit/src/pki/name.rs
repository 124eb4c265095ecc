//! Distinguished names, including those that rcgen cannot write: a repeated attribute, several attributes in one RDN.

use rcgen::DistinguishedName;
use rcgen::DnType;
use rcgen::DnValue;

use crate::der;

/// A name as a list of RDNs, each a list of (object identifier, value).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name(Vec<Vec<(String, String)>>);

impl Name {
    /// One attribute per RDN. `attribute` is a short name or a dotted object identifier.
    pub(crate) fn single(attributes: &[(&str, &str)]) -> Self {
        Self(attributes.iter().map(|attribute| vec![owned(attribute)]).collect())
    }

    pub(crate) fn multi(rdns: &[&[(&str, &str)]]) -> Self {
        Self(rdns.iter().map(|rdn| rdn.iter().map(owned).collect()).collect())
    }

    /// Replaces the last value of `attribute`, or appends it.
    pub(crate) fn set(&mut self, attribute: &str, value: &str) {
        let (oid, value) = owned(&(attribute, value));
        match self.0.iter_mut().flatten().rev().find(|(known, _)| *known == oid) {
            Some(found) => found.1 = value,
            None => self.0.push(vec![(oid, value)]),
        }
    }

    /// Whether rcgen cannot write this name completely.
    pub(crate) fn is_unusual(&self) -> bool {
        let mut oids: Vec<&str> = self.0.iter().flatten().map(|(oid, _)| oid.as_str()).collect();
        let all = oids.len();
        oids.sort_unstable();
        oids.dedup();
        oids.len() != all || self.0.iter().any(|rdn| rdn.len() != 1)
    }

    pub(crate) fn to_rcgen(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        for (oid, value) in self.0.iter().flatten() {
            let value = if is_printable(oid) {
                DnValue::PrintableString(value.as_str().try_into().expect("a printable value"))
            } else {
                DnValue::Utf8String(value.clone())
            };
            name.push(DnType::CustomDnType(der::arcs(oid)), value);
        }
        name
    }

    pub(crate) fn to_der(&self) -> Vec<u8> {
        der::sequence(self.0.iter().map(|rdn| {
            der::set(rdn.iter().map(|(oid, value)| {
                let tag = if is_printable(oid) { 0x13 } else { 0x0c };
                der::sequence([der::oid(oid), der::element(tag, value.as_bytes())])
            }))
        }))
    }
}

/// Country and serial number are PrintableString by X.520; all others are written as UTF8String.
fn is_printable(oid: &str) -> bool {
    matches!(oid, "2.5.4.6" | "2.5.4.5")
}

fn owned((attribute, value): &(&str, &str)) -> (String, String) {
    let oid = match *attribute {
        "CN" => "2.5.4.3",
        "SERIALNUMBER" => "2.5.4.5",
        "C" => "2.5.4.6",
        "L" => "2.5.4.7",
        "ST" => "2.5.4.8",
        "STREET" => "2.5.4.9",
        "O" => "2.5.4.10",
        "OU" => "2.5.4.11",
        "POSTALCODE" => "2.5.4.17",
        "DC" => "0.9.2342.19200300.100.1.25",
        "emailAddress" => "1.2.840.113549.1.9.1",
        dotted => {
            assert!(dotted.contains('.'), "{dotted:?} is neither a known attribute nor a dotted object identifier");
            dotted
        }
    };
    (oid.to_owned(), (*value).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_attributes_and_shared_rdns_are_unusual() {
        assert!(!Name::single(&[("C", "CH"), ("O", "Acme")]).is_unusual());
        assert!(Name::single(&[("OU", "a"), ("OU", "b")]).is_unusual());
        assert!(Name::multi(&[&[("C", "CH"), ("O", "Acme")]]).is_unusual());
    }

    #[test]
    fn setting_an_attribute_replaces_it_in_place() {
        let mut name = Name::single(&[("C", "CH"), ("CN", "old"), ("O", "Acme")]);
        name.set("CN", "new");
        assert_eq!(name, Name::single(&[("C", "CH"), ("CN", "new"), ("O", "Acme")]));
    }
}
