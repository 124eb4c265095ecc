//! Compares the parser of image references with that of oci-client: they may differ only in known cases.

use countersign_core::name::ImageRef;
use countersign_core::name::Selector;

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Texts that both parsers accept with the same result, or both refuse.
const ALIKE: &[&str] = &[
    "nginx",
    "nginx:1.27",
    "grafana/loki",
    "ghcr.io/a/b",
    "ghcr.io/a/b:v1",
    "localhost/a",
    "localhost:5000/a/b:v1",
    "registry.example:5000/a",
    "a/b/c/d:e",
    "a__b",
    "a-b--c",
    "10.0.0.1:5000/x:y",
    "",
    " nginx",
    "UPPER",
    "a..b",
    "a___b",
    "a/",
    "/a",
    "a//b",
    "nginx:",
    "nginx:-x",
    "a@sha256:00",
    "https://a.example/b",
];

#[test]
fn references_are_read_as_by_oci_client() {
    let with_digest = ALIKE.iter().filter(|text| !text.contains('@')).map(|text| format!("{text}@{DIGEST}"));
    for text in ALIKE.iter().map(ToString::to_string).chain(with_digest) {
        let ours = text.parse::<ImageRef>().ok().map(|image| {
            let (tag, digest) = match image.selector() {
                Selector::Tag(tag) => (Some(tag.clone()), None),
                Selector::Digest(digest) => (None, Some(digest.to_string())),
            };
            (image.repository().host().to_string(), image.repository().path().to_owned(), tag, digest)
        });
        let theirs = text.parse::<oci_client::Reference>().ok().map(|image| {
            let digest = image.digest().map(str::to_owned);
            // oci-client keeps a tag in addition to a digest; it selects nothing.
            let tag = if digest.is_some() { None } else { image.tag().map(str::to_owned) };
            (image.registry().to_owned(), image.repository().to_owned(), tag, digest)
        });
        assert_eq!(ours, theirs, "{text:?}");
    }
}

#[test]
fn reads_bracketed_addresses_in_addition() {
    assert!("[::1]:5000/x".parse::<ImageRef>().is_ok());
    assert!("[::1]:5000/x".parse::<oci_client::Reference>().is_err());
}
