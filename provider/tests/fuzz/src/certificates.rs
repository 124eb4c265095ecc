//! Certificates, timestamp tokens, CRLs and OCSP responses. Each is read under an authority that signed nothing, so that no signature is
//! valid, and again with the signature of an authority.

use std::sync::LazyLock;
use std::time::Duration;

use countersign_core::time::UnixTime;
use countersign_core::timestamp::TimestampToken;
use countersign_core::x509::Certificate;
use countersign_core::x509::Chain;
use countersign_core::x509::Crl;
use countersign_core::x509::ocsp::OcspAnswer;
use countersign_core::x509::ocsp::OcspSettings;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use crate::signed;
use crate::signed::ROOT;
use crate::signed::SERIAL;

/// What a timestamp must be of.
pub(crate) const MESSAGE: &[u8] = b"message";

/// A root and a leaf of it.
struct Pair {
    root: Certificate,
    leaf: Certificate,
}

impl Pair {
    fn of(root: &Authority) -> Self {
        let leaf = root.issue(CertSpec::leaf().serial(&SERIAL));
        let [root, leaf] = [root.der(), leaf.leaf_der()].map(|der| Certificate::parse(der).unwrap());
        Self { root, leaf }
    }
}

/// With the names and the serial number of the seeds. It signed nothing else.
static OTHERS: LazyLock<Pair> = LazyLock::new(|| Pair::of(&Authority::root(CertSpec::root())));

/// Of what is signed again.
static ISSUER: LazyLock<Pair> = LazyLock::new(|| Pair::of(&ROOT));

fn now() -> UnixTime {
    UnixTime::from_rfc3339("2026-11-21T12:00:00Z").unwrap()
}

pub(crate) fn certificate(input: &[u8]) {
    let Ok(certificate) = Certificate::parse(input) else { return };
    assert_eq!(certificate.der(), input, "the whole input is the certificate");
    let again = Certificate::parse(certificate.der()).unwrap();
    assert_eq!(format!("{certificate:?}"), format!("{again:?}"));
    let root = &OTHERS.root;
    assert!(certificate.verify_signed_by(root).is_err(), "the root signed nothing");
    let _ = certificate.envelope_key();
    let _ = Chain::code_signing(vec![certificate.clone(), root.clone()]).map(|_| panic!("the root signed nothing"));
    let _ = Chain::code_signing(vec![certificate]);
    let Some(signed) = signed::certificate(input).and_then(|signed| Certificate::parse(&signed).ok()) else { return };
    if Chain::code_signing(vec![signed.clone(), ISSUER.root.clone()]).is_ok() {
        assert!(!signed.is_ca(), "a signing certificate is no authority");
        assert_eq!(signed.issuer_raw(), ISSUER.root.subject_raw());
    }
}

/// The time of a token, if it is accepted.
fn read_token(input: &[u8], root: &Certificate) -> Option<UnixTime> {
    let token = TimestampToken::parse(input).ok()?;
    let _ = (token.unverified_gen_time(), token.unverified_accuracy(), token.unverified_authority());
    token.verify(MESSAGE, std::iter::once(root), now()).ok().map(|timestamp| timestamp.gen_time())
}

pub(crate) fn timestamp(input: &[u8]) {
    assert!(read_token(input, &OTHERS.root).is_none(), "the root signed nothing");
    if let Some(time) = signed::token(input).and_then(|signed| read_token(&signed, &ISSUER.root)) {
        assert!(time <= now().saturating_add(Duration::from_secs(300)), "{time} is in the future");
    }
}

fn read_response(input: &[u8], Pair { root, leaf }: &Pair) -> Option<OcspAnswer> {
    OcspAnswer::read(input, leaf, root, None, now(), &OcspSettings::default()).ok()
}

pub(crate) fn ocsp(input: &[u8]) {
    assert!(read_response(input, &OTHERS).is_none(), "the root signed nothing");
    if let Some(signed) = signed::response(input)
        && let Some(answer) = read_response(&signed, &ISSUER)
    {
        assert!(signed.windows(SERIAL.len()).any(|bytes| bytes == SERIAL), "an answer about another certificate");
        assert_eq!(read_response(&signed, &ISSUER), Some(answer));
    }
}

pub(crate) fn crl(input: &[u8]) {
    assert!(Crl::read(input.to_vec(), &OTHERS.root).is_err(), "the root signed nothing");
    if let Some(signed) = signed::list(input)
        && let Ok(list) = Crl::read(signed.clone(), &ISSUER.root)
    {
        assert!(list.this_update() < list.next_update());
        assert_eq!(list.check_issuer(&ISSUER.root), Ok(()));
        let _ = (list.check_time(now(), Duration::ZERO), list.drops_ended(now()), list.number(), list.scope());
        if list.entry(&SERIAL).is_some() {
            assert!(list.entry_count() > 0);
            assert!(signed.windows(SERIAL.len()).any(|bytes| bytes == SERIAL), "an entry of another certificate");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;
    use crate::seeds;

    /// How many seeds are accepted after they are signed again.
    fn accepted(target: Target, is_accepted: impl Fn(&[u8]) -> bool) -> usize {
        seeds(target).iter().filter(|seed| is_accepted(seed)).count()
    }

    #[test]
    fn good_documents_that_are_signed_again_pass_every_check() {
        let root = &ISSUER.root;
        let tokens = accepted(Target::Timestamp, |seed| {
            signed::token(seed).is_some_and(|signed| read_token(&signed, root).is_some())
        });
        let responses = accepted(Target::Ocsp, |seed| {
            signed::response(seed).is_some_and(|signed| read_response(&signed, &ISSUER).is_some())
        });
        let lists =
            accepted(Target::Crl, |seed| signed::list(seed).is_some_and(|signed| Crl::read(signed, root).is_ok()));
        let chains = accepted(Target::Certificate, |seed| {
            let certificate = signed::certificate(seed).and_then(|signed| Certificate::parse(&signed).ok());
            certificate.is_some_and(|leaf| Chain::code_signing(vec![leaf, root.clone()]).is_ok())
        });
        // One token is of the message that is asked for.
        assert_eq!(tokens, 1);
        assert!(responses >= 4 && lists >= 4 && chains >= 1, "{responses} responses, {lists} lists, {chains} chains");
    }
}
