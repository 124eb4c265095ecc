//! Signed content and evidence that costs as much as it can: certificates, keys, lengths, lists of revoked certificates.

use countersign_testkit::crl::CrlSpec;
use countersign_testkit::der;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::KeyType;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use crate::row::Authorities;
use crate::row::Row;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A length of 2 GiB in DER, and then almost nothing.
const CLAIMED_DER: [u8; 7] = [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x00];

/// A COSE message whose payload claims 2 GiB.
const CLAIMED_CBOR: [u8; 11] = [0xd2, 0x84, 0x41, 0xa0, 0xa0, 0x5a, 0x7f, 0xff, 0xff, 0xff, 0x00];

/// The SubjectPublicKeyInfo of an RSA key of 16,384 bits. There is no private key to it, as only the reading is measured.
fn large_key() -> Vec<u8> {
    let mut modulus = vec![0xa5; 16_384 / 8];
    // Odd, and not negative.
    if let Some(last) = modulus.last_mut() {
        *last |= 1;
    }
    modulus.insert(0, 0);
    let key = der::sequence([der::element(0x02, &modulus), der::integer(65_537)]);
    let algorithm = der::sequence([der::oid("1.2.840.113549.1.1.1"), der::element(0x05, &[])]);
    der::sequence([algorithm, der::bit_string(&key)])
}

/// The certificate with the large key in place of its own, signed by the same authority.
fn with_large_key(authorities: &Authorities, certificate: &[u8]) -> Vec<u8> {
    authorities.root.reissue(certificate, |tbs| tbs[6] = large_key())
}

/// A self-signed root with the large key, for a trust store.
pub(crate) fn large_root(authorities: &Authorities) -> Vec<u8> {
    with_large_key(authorities, authorities.root.der())
}

/// An image with one envelope, by this chain with these certificates.
async fn of_chain(authorities: &Authorities, offered: &str, chain: Chain, code: &'static str) -> Row {
    let host = authorities.host().await;
    let image = host.push();
    host.sign(&image, &chain);
    let reference = host.reference(&image);
    Row::new(offered, host, reference, code)
}

async fn of_envelope(
    authorities: &Authorities,
    offered: &str,
    envelope: &[u8],
    format: Format,
    code: &'static str,
) -> Row {
    let host = authorities.host().await;
    let image = host.push();
    host.attach(&image, Signature::of_envelope(envelope, format.media_type()));
    let reference = host.reference(&image);
    Row::new(offered, host, reference, code)
}

async fn chains(authorities: &Authorities) -> Vec<Row> {
    let chain = authorities.root.issue(CertSpec::leaf());
    let [leaf, root] = [chain.leaf_der().to_vec(), chain.root_der().to_vec()];
    let with = |certificates: Vec<Vec<u8>>| chain.with_certificates(certificates);
    let hundred: Vec<Vec<u8>> = std::iter::once(leaf.clone()).chain(vec![root.clone(); 99]).collect();
    let nested = CertSpec::leaf().extension("1.2.3.4", false, &[0x30, 0x80].repeat(28 * KIB));
    let mut rows = vec![
        of_chain(authorities, "envelope with 100 certificates", with(hundred), "envelope-malformed").await,
        of_chain(
            authorities,
            "certificate whose length claims 2 GiB",
            with(vec![CLAIMED_DER.to_vec(), root.clone()]),
            "certificate-invalid",
        )
        .await,
        of_chain(
            authorities,
            "certificate with an extension nested 28,672 times",
            authorities.untrusted.issue(nested),
            "untrusted-chain",
        )
        .await,
        of_chain(
            authorities,
            "leaf with an RSA key of 16,384 bits",
            with(vec![with_large_key(authorities, &leaf), root.clone()]),
            "certificate-invalid",
        )
        .await,
        of_chain(
            authorities,
            "root with an RSA key of 16,384 bits",
            with(vec![leaf, large_root(authorities)]),
            "certificate-invalid",
        )
        .await,
    ];
    for (name, kind) in [("P-521", KeyType::P521), ("RSA 4096", KeyType::Rsa4096)] {
        let root = countersign_testkit::pki::Authority::root(CertSpec::root().key(kind));
        let authority = (0..8).fold(root, |authority, _| authority.intermediate(CertSpec::intermediate().key(kind)));
        let chain = authority.issue(CertSpec::leaf().key(kind));
        rows.push(
            of_chain(authorities, &format!("chain of ten certificates, all {name}"), chain, "untrusted-chain").await,
        );
    }
    rows
}

async fn envelopes(authorities: &Authorities) -> Vec<Row> {
    let chain = authorities.root.issue(CertSpec::leaf());
    let cose = SignRequest::new(&chain, &countersign_testkit::Descriptor::sample("other")).cose();
    // Arrays in the place of the payload.
    let mut nested = vec![0xd2, 0x84, 0x41, 0xa0, 0xa0];
    nested.extend(vec![0x81; 900 * KIB]);
    let malformed = "envelope-malformed";
    vec![
        of_envelope(authorities, "COSE whose payload claims 2 GiB", &CLAIMED_CBOR, Format::Cose, malformed).await,
        of_envelope(authorities, "COSE nested 921,600 times", &nested, Format::Cose, malformed).await,
        of_envelope(authorities, "COSE cut in half", &cose[..cose.len() / 2], Format::Cose, malformed).await,
        of_envelope(authorities, "JWS nested 1,000,000 times", &vec![b'['; 1_000_000], Format::Jws, malformed).await,
    ]
}

/// An image by a signer whose certificate names this CRL.
async fn of_list(authorities: &Authorities, offered: &str, list: Vec<u8>, code: &'static str) -> Row {
    let host = authorities.host().await;
    let image = host.push();
    host.sign(&image, &authorities.root.issue(CertSpec::leaf().crl_url(&host.url("/ca.crl"))));
    host.responder.crl("/ca.crl", list);
    let reference = host.reference(&image);
    Row::new(offered, host, reference, code)
}

/// A list of as many of the shortest entries.
fn short_entries(authorities: &Authorities, count: u32) -> Vec<u8> {
    let [begin, end] = authorities.validity();
    let date = der::element(0x17, b"200101000000Z");
    let entry = |number: u32| {
        let serial = (0x10_0000 + number).to_be_bytes();
        der::sequence([der::element(0x02, &serial[1..]), date.clone()])
    };
    let entries: Vec<u8> = (0..count).flat_map(entry).collect();
    authorities.root.crl(&CrlSpec::new().raw_entry(&entries).valid(begin, end))
}

async fn lists(authorities: &Authorities) -> Vec<Row> {
    let [begin, end] = authorities.validity();
    let long_entries = |count| authorities.root.crl(&CrlSpec::new().many(count).valid(begin, end));
    let (most, more) = (long_entries(513_000), long_entries(1_000_000));
    let sizes = [&most, &more].map(|list| list.len() / MIB);
    let unchecked = "revocation-unchecked";
    vec![
        of_list(authorities, &format!("CRL of {} MiB with 513,000 entries", sizes[0]), most, "verified").await,
        of_list(authorities, "CRL with 1,000,000 entries", short_entries(authorities, 1_000_000), "verified").await,
        of_list(authorities, "CRL with 1,000,001 entries", short_entries(authorities, 1_000_001), unchecked).await,
        of_list(authorities, &format!("CRL of {} MiB with 1,000,000 entries", sizes[1]), more, unchecked).await,
        of_list(authorities, "CRL whose length claims 2 GiB", CLAIMED_DER.to_vec(), unchecked).await,
    ]
}

async fn responses(authorities: &Authorities) -> Row {
    let host = authorities.host().await;
    let image = host.push();
    host.sign(&image, &authorities.root.issue(CertSpec::leaf().ocsp_url(&host.url("/ocsp"))));
    host.responder.ocsp("/ocsp", |_| CLAIMED_DER.to_vec());
    let reference = host.reference(&image);
    Row::new("OCSP response whose length claims 2 GiB", host, reference, "revocation-unchecked")
}

/// The rows of this file.
pub(crate) async fn rows(authorities: &Authorities) -> Vec<Row> {
    let mut rows = chains(authorities).await;
    rows.extend(envelopes(authorities).await);
    rows.push(responses(authorities).await);
    rows.extend(lists(authorities).await);
    rows
}
