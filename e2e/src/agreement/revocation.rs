//! The OCSP responses and CRLs of a case, and the addresses in its certificates.

use std::time::Duration;

use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::der;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::eku;
use countersign_testkit::responder::Responder;

use super::axes::Revocation;
use super::signers::Addresses;
use super::signers::Signer;
use super::times::CaseTimes;
use super::times::DAY;

const HOUR: Duration = Duration::from_secs(3600);

/// The reason keyCompromise.
const KEY_COMPROMISE: u8 = 1;
/// The reason certificateHold.
const HOLD: u8 = 6;

/// Where the evidence of the cases is, and where nothing listens.
pub(super) struct EvidenceServer {
    pub(super) responder: Responder,
    /// `127.0.0.1:PORT`
    pub(super) dead: String,
}

/// The state of an OCSP response or CRL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Good,
    Revoked,
    /// Revoked, but invalid only since a time after the signature.
    RevokedLater,
    Hold,
    Unknown,
    /// Good, and over since yesterday.
    Old,
    /// Good, signed with a key that is not the issuer's.
    OtherKey,
    /// Good, signed by a delegated responder.
    Delegated,
    /// Good, signed by the certificate that it is about.
    BySubject,
    /// Nothing listens at the address.
    Dead,
}

/// What is served about a leaf by OCSP and in a CRL, and about its issuer in a CRL; `None` is no address.
pub(super) fn states(revocation: Revocation) -> [Option<State>; 3] {
    let (ocsp, crl) = match revocation {
        Revocation::None => (None, None),
        Revocation::OcspGood => (Some(State::Good), None),
        Revocation::OcspDelegated => (Some(State::Delegated), None),
        Revocation::OcspRevoked => (Some(State::Revoked), None),
        Revocation::OcspRevokedLater => (Some(State::RevokedLater), None),
        Revocation::OcspUnknown => (Some(State::Unknown), None),
        Revocation::OcspDead => (Some(State::Dead), None),
        Revocation::OcspOld => (Some(State::Old), None),
        Revocation::OcspOtherKey => (Some(State::OtherKey), None),
        Revocation::OcspByLeaf => (Some(State::BySubject), None),
        Revocation::CrlGood => (None, Some(State::Good)),
        Revocation::CrlRevoked => (None, Some(State::Revoked)),
        Revocation::CrlRevokedLater => (None, Some(State::RevokedLater)),
        Revocation::CrlHold => (None, Some(State::Hold)),
        Revocation::CrlOld => (None, Some(State::Old)),
        Revocation::CrlDead => (None, Some(State::Dead)),
        Revocation::CrlOtherKey => (None, Some(State::OtherKey)),
        Revocation::OcspDeadCrlGood => (Some(State::Dead), Some(State::Good)),
        Revocation::OcspDeadCrlRevoked => (Some(State::Dead), Some(State::Revoked)),
        Revocation::OcspUnknownCrlGood => (Some(State::Unknown), Some(State::Good)),
        Revocation::CaCrlGood => return [None, None, Some(State::Good)],
        Revocation::CaCrlRevoked => return [None, None, Some(State::Revoked)],
    };
    [ocsp, crl, None]
}

impl EvidenceServer {
    /// The address at which something is served in this state.
    pub(super) fn url(&self, path: &str, state: State) -> String {
        if state == State::Dead { format!("http://{}{path}", self.dead) } else { self.responder.url(path) }
    }

    /// The addresses for the certificates of a case.
    pub(super) fn addresses(&self, name: &str, revocation: Revocation) -> Addresses {
        let [ocsp, crl, authority_crl] = states(revocation);
        let url = |kind: &str, state: Option<State>| state.map(|state| self.url(&format!("/{kind}/{name}"), state));
        Addresses { ocsp: url("ocsp", ocsp), crl: url("crl", crl), authority_crl: url("ca", authority_crl) }
    }

    /// Serves what the certificates of a case name.
    pub(super) fn serve(&self, name: &str, revocation: Revocation, signer: &Signer<'_>, times: &CaseTimes) {
        // A certificate that is its own authority cannot be revoked.
        let Some(issuer) = &signer.issuer else { return };
        let [ocsp, crl, authority_crl] = states(revocation);
        if let Some(state) = ocsp {
            let response = ocsp_response(issuer, signer, state, times);
            self.responder.ocsp(&format!("/ocsp/{name}"), move |_| response.clone());
        }
        if let Some(state) = crl {
            self.serve_list(&format!("/crl/{name}"), issuer, &signer.leaf, state, times);
        }
        if let (Some(state), Some(above)) = (authority_crl, &signer.above) {
            self.serve_list(&format!("/ca/{name}"), above, issuer.der(), state, times);
        }
    }

    /// Serves a CRL about a certificate.
    pub(super) fn serve_list(&self, path: &str, issuer: &Authority, about: &[u8], state: State, times: &CaseTimes) {
        let spec = match state {
            State::Old => CrlSpec::new().valid(times.now - 2 * DAY, times.now - DAY),
            State::Good
            | State::Revoked
            | State::RevokedLater
            | State::Hold
            | State::Unknown
            | State::OtherKey
            | State::Delegated
            | State::BySubject
            | State::Dead => CrlSpec::new().valid(times.now - HOUR, times.now + DAY),
        };
        let entry = Revoked::certificate(about).at(times.now - 10 * DAY);
        let spec = match state {
            State::Revoked => spec.revoked(&entry.reason(KEY_COMPROMISE)),
            State::RevokedLater => spec.revoked(&entry.reason(KEY_COMPROMISE).invalid_since(times.now - DAY)),
            State::Hold => spec.revoked(&entry.reason(HOLD)),
            State::OtherKey => spec.signed_by(&Key::generate(KeyType::P256)),
            State::Good | State::Old | State::Unknown | State::Delegated | State::BySubject | State::Dead => spec,
        };
        self.responder.crl(path, issuer.crl(&spec));
    }
}

fn ocsp_response(issuer: &Authority, signer: &Signer<'_>, state: State, times: &CaseTimes) -> Vec<u8> {
    let (good, revoked) = (Single::good(&signer.leaf), Single::good(&signer.leaf));
    let revoked = revoked.revoked_at(times.now - 10 * DAY, Some(KEY_COMPROMISE));
    let single = match state {
        State::Revoked | State::Hold => revoked,
        State::RevokedLater => revoked.invalid_since(times.now - DAY),
        State::Unknown => Single::unknown(&signer.leaf),
        State::Good | State::Old | State::OtherKey | State::Delegated | State::BySubject | State::Dead => good,
    };
    let (this, next) =
        if state == State::Old { (times.now - 2 * DAY, times.now - DAY) } else { (times.now - HOUR, times.now + DAY) };
    let spec = OcspSpec::new([single.this_update(this).next_update(next)]).produced_at(this);
    let spec = match state {
        State::OtherKey => spec.with_signature_of(&Key::generate(KeyType::P256)),
        State::BySubject => spec.signed_by(&signer.chain),
        State::Delegated => {
            let responder = CertSpec::leaf().common_name("responder").ekus(&[eku::OCSP_SIGNING]);
            // id-pkix-ocsp-nocheck, whose value is NULL.
            let responder = responder.extension("1.3.6.1.5.5.7.48.1.5", false, &der::element(0x05, &[]));
            spec.signed_by(&issuer.issue(responder))
        }
        State::Good
        | State::Revoked
        | State::RevokedLater
        | State::Hold
        | State::Unknown
        | State::Old
        | State::Dead => spec,
    };
    issuer.ocsp(&spec)
}
