//! OCSP responses: each rule with a response that violates only it, and the exact text of each refusal.
#![allow(clippy::unwrap_used)]

mod answers;
mod form;
mod mutation;
mod notation_go;
mod openssl;
mod requests;
mod responders;
mod times;

use countersign_core::time::UnixTime;
use countersign_core::x509::Certificate;
use countersign_core::x509::ocsp::OcspAnswer;
use countersign_core::x509::ocsp::OcspError;
use countersign_core::x509::ocsp::OcspSettings;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::eku;

/// Twelve hours after the default thisUpdate.
const NOW: &str = "2026-11-21T12:00:00Z";

/// id-pkix-ocsp-nocheck and its value.
const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";
const NULL: [u8; 2] = [5, 0];

fn at(time: &str) -> UnixTime {
    UnixTime::from_rfc3339(time).unwrap()
}

fn parse(der: &[u8]) -> Certificate {
    Certificate::parse(der).unwrap()
}

/// A CA, and a certificate with the serial number 0x51 that it issued.
struct Fixture {
    ca: Authority,
    leaf: pki::Chain,
    now: UnixTime,
    settings: OcspSettings,
    nonce: Option<Vec<u8>>,
}

impl Fixture {
    fn new() -> Self {
        let ca = Authority::root(CertSpec::root().common_name("ca"));
        let leaf = ca.issue(CertSpec::leaf().serial(&[0x51]));
        Self { ca, leaf, now: at(NOW), settings: OcspSettings::default(), nonce: None }
    }

    fn good(&self) -> Single {
        Single::good(self.leaf.leaf_der())
    }

    fn revoked(&self) -> Single {
        Single::revoked(self.leaf.leaf_der())
    }

    /// The specification of a good response.
    fn spec(&self) -> OcspSpec {
        OcspSpec::new([self.good()])
    }

    /// A delegated responder with nocheck, changed by `edit`.
    fn delegate(&self, edit: impl FnOnce(CertSpec) -> CertSpec) -> pki::Chain {
        self.ca.issue(edit(responder()))
    }

    fn read(&self, bytes: &[u8]) -> Result<OcspAnswer, OcspError> {
        let (certificate, issuer) = (parse(self.leaf.leaf_der()), parse(self.ca.der()));
        OcspAnswer::read(bytes, &certificate, &issuer, self.nonce.as_deref(), self.now, &self.settings)
    }

    #[track_caller]
    fn answer(&self, spec: &OcspSpec) -> OcspAnswer {
        self.read(&self.ca.ocsp(spec)).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn accepts(&self, spec: &OcspSpec) {
        drop(self.answer(spec));
    }

    #[track_caller]
    fn refuses(&self, spec: &OcspSpec, text: &str) {
        self.refuses_bytes(&self.ca.ocsp(spec), text);
    }

    #[track_caller]
    fn refuses_bytes(&self, bytes: &[u8], text: &str) {
        match self.read(bytes) {
            Ok(answer) => panic!("usable: {:?}, expected: {text}", answer.status()),
            Err(error) => assert_eq!(error.to_string(), text),
        }
    }
}

/// The certificate of a delegated responder, with nocheck and the serial number 0x77.
fn responder() -> CertSpec {
    let spec = CertSpec::leaf().common_name("responder").serial(&[0x77]);
    spec.ekus(&[eku::OCSP_SIGNING]).extension(NO_CHECK, false, &NULL)
}

const LEAF: &str = "CN=leaf,O=Testkit,ST=ZH,C=CH";
const CA: &str = "CN=ca,O=Testkit,ST=ZH,C=CH";
const RESPONDER: &str = "CN=responder,O=Testkit,ST=ZH,C=CH";
const OTHER: &str = "CN=other,O=Testkit,ST=ZH,C=CH";

fn other_ca() -> Authority {
    Authority::root(CertSpec::root().common_name("other"))
}
