//! Bodies that are too large, too deep, without end, slow, or not what their length says, as the answer to each kind of request.

use std::time::Duration;

use bytes::Bytes;
use countersign_testkit::Descriptor;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use countersign_testkit::registry::When;

use crate::host::Host;
use crate::row::Authorities;
use crate::row::Row;

const MIB: usize = 1024 * 1024;

const OCSP: &str = "/ocsp";
const CRL: &str = "/ca.crl";

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Manifest,
    Referrers,
    SignatureManifest,
    Envelope,
    Token,
    Ocsp,
    Crl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Huge,
    Deep,
    Endless,
    Slow,
    Claimed,
}

impl Sent {
    pub(crate) const ALL: [Self; 7] =
        [Self::Manifest, Self::Referrers, Self::SignatureManifest, Self::Envelope, Self::Token, Self::Ocsp, Self::Crl];

    fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest of the image",
            Self::Referrers => "list of signatures",
            Self::SignatureManifest => "manifest of the signature",
            Self::Envelope => "envelope",
            Self::Token => "token",
            Self::Ocsp => "OCSP response",
            Self::Crl => "CRL",
        }
    }

    fn is_evidence(self) -> bool {
        matches!(self, Self::Ocsp | Self::Crl)
    }

    /// The requests of this kind about an image whose signature has this manifest.
    fn when(self, host: &Host, image: &Descriptor, signature: &Descriptor) -> When {
        match self {
            Self::Manifest => host.registry.when(Route::Manifest).path_contains(&image.digest),
            Self::Referrers => host.registry.when(Route::Referrers),
            Self::SignatureManifest => host.registry.when(Route::Manifest).path_contains(&signature.digest),
            Self::Envelope => host.registry.when(Route::Blob),
            Self::Token => host.registry.when(Route::Token),
            Self::Ocsp => host.responder.when(OCSP),
            Self::Crl => host.responder.when(CRL),
        }
    }
}

impl Body {
    pub(crate) const ALL: [Self; 5] = [Self::Huge, Self::Deep, Self::Endless, Self::Slow, Self::Claimed];

    fn name(self) -> &'static str {
        match self {
            Self::Huge => "64 MiB",
            Self::Deep => "nested 32,768 times",
            Self::Endless => "a body without end",
            Self::Slow => "one byte a second",
            Self::Claimed => "Content-Length of 2 GiB, and a body without end",
        }
    }

    fn apply(self, sent: Sent, when: impl Fn() -> When) {
        match self {
            Self::Huge => drop(when().body(huge(sent))),
            // As far as it goes, each is well-formed.
            Self::Deep if sent.is_evidence() => drop(when().body(nested_der())),
            Self::Deep => drop(when().body(vec![b'['; 32 * 1024])),
            Self::Endless => drop(when().endless_body()),
            Self::Slow => drop(when().slow_drip(Duration::from_secs(1))),
            Self::Claimed => {
                when().header("content-length", "2147483648");
                drop(when().endless_body());
            }
        }
    }
}

/// A well-formed document whose one value has 64 MiB.
fn huge(sent: Sent) -> Bytes {
    let content = vec![b'a'; 64 * MIB];
    if sent.is_evidence() {
        return countersign_testkit::der::sequence([countersign_testkit::der::octet_string(&content)]).into();
    }
    [br#"{"a":""#.as_slice(), &content, br#""}"#].concat().into()
}

/// Sequences within sequences, each with the right length.
fn nested_der() -> Bytes {
    let mut headers = Vec::new();
    let mut length: usize = 0;
    for _ in 0..32 * 1024 {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        let header = match length {
            0..0x80 => vec![0x30, u8::try_from(length).unwrap()],
            _ => [&[0x30, 0x80 + u8::try_from(bytes.len()).unwrap()], bytes].concat(),
        };
        length += header.len();
        headers.push(header);
    }
    headers.into_iter().rev().flatten().collect::<Vec<u8>>().into()
}

/// One image with a good signature, of which one request is answered in this way.
pub(crate) async fn row(authorities: &Authorities, sent: Sent, body: Body) -> Row {
    let host = authorities.host().await;
    let image = host.push();
    let leaf = match sent {
        Sent::Ocsp => CertSpec::leaf().ocsp_url(&host.url(OCSP)),
        Sent::Crl => CertSpec::leaf().crl_url(&host.url(CRL)),
        Sent::Manifest | Sent::Referrers | Sent::SignatureManifest | Sent::Envelope | Sent::Token => CertSpec::leaf(),
    };
    let chain = authorities.root.issue(leaf);
    let signature = host.sign(&image, &chain);
    let [begin, end] = authorities.validity();
    let single = Single::good(chain.leaf_der()).this_update(begin).next_update(end);
    let response = authorities.root.ocsp(&OcspSpec::new([single]).produced_at(begin));
    host.responder.ocsp(OCSP, move |_| response.clone());
    host.responder.crl(CRL, authorities.root.crl(&CrlSpec::new().valid(begin, end)));
    if sent == Sent::Token {
        host.registry.require_bearer(&TokenService::anonymous().realm(&format!("https://{}/token", host.name())));
    }
    body.apply(sent, || sent.when(&host, &image, &signature));
    let reference = host.reference(&image);
    Row::new(format!("{}: {}", sent.name(), body.name()), host, reference, code(sent, body))
}

/// What is wrong is named, and slow bodies are late.
fn code(sent: Sent, body: Body) -> &'static str {
    match (sent, body) {
        (Sent::Ocsp | Sent::Crl, _) => "revocation-unchecked",
        (_, Body::Slow) => "registry-timeout",
        (Sent::Manifest | Sent::Referrers | Sent::Token, _) => "registry-answer-invalid",
        (Sent::SignatureManifest | Sent::Envelope, _) => "signature-unavailable",
    }
}
