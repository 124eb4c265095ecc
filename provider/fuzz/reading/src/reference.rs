//! Image references: ours against `oci-spec`.

use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::name::Selector;
use oci_spec::distribution::ParseError;
use oci_spec::distribution::Reference;

use crate::compare::Comparison;
use crate::compare::Reading;
use crate::compare::compare;

pub fn reference(input: &[u8]) -> Comparison {
    let Ok(text) = std::str::from_utf8(input) else { return Comparison::BothRefuse };
    compare("reference", ours(text), theirs(text))
}

fn ours(text: &str) -> Reading {
    let read: ImageRef = text.parse().map_err(|error: ReferenceError| error.to_string())?;
    let (tag, digest) = match read.selector() {
        Selector::Tag(tag) => (Some(tag.to_string()), None),
        Selector::Digest(digest) => (None, Some(digest.to_string())),
    };
    let repository = read.repository();
    Ok(values(&repository.host().to_string(), repository.path(), tag, digest))
}

fn theirs(text: &str) -> Reading {
    if text.starts_with('[') {
        return Err("an IPv6 address".to_owned());
    }
    if is_upper_case_host(text) {
        return Err("an upper-case host without a dot".to_owned());
    }
    let read: Reference = text.parse().map_err(|error: ParseError| error.to_string())?;
    let digest = read.digest().map(str::to_owned);
    // A tag beside a digest selects nothing.
    let tag = read.tag().map(str::to_owned).filter(|_| digest.is_none());
    Ok(values(read.registry(), read.repository(), tag, digest))
}

/// Whether the first part has an upper-case letter and neither a dot nor a port: a host for the reference implementation in Go, as the names of
/// repositories have no such letters. The other reader prefixes `docker.io` and accepts the letters.
fn is_upper_case_host(text: &str) -> bool {
    let Some((first, _)) = text.split_once('/') else { return false };
    first.chars().any(char::is_uppercase) && !first.contains(['.', ':'])
}

fn values(host: &str, path: &str, tag: Option<String>, digest: Option<String>) -> Vec<(&'static str, String)> {
    vec![
        ("host", host.to_owned()),
        ("repository", path.to_owned()),
        ("tag", format!("{tag:?}")),
        ("digest", format!("{digest:?}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_of_another_repository_is_found() {
        assert_eq!(reference(b"a.example/b:1"), Comparison::Equal);
        let found = compare("reference", ours("a.example/b:1"), theirs("a.example/c:1"));
        assert_eq!(found, Comparison::Different("reference: repository: \"b\", the other \"c\"".to_owned()));
    }
}
