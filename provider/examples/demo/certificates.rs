//! The certificates of the signers, the timestamping authority, and the server of the CRL.

use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::KeyType;
use countersign_testkit::responder::Responder;
use countersign_testkit::timestamp::Tsa;
use time::Date;
use time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;

/// The common name of all signers under the trusted root.
pub(crate) const SIGNER: &str = "release";

/// The path of the CRL.
const CRL: &str = "/shop.crl";

/// The end of the certificate that was valid when the timestamping authority issued its tokens.
const ENDED: OffsetDateTime = datetime!(2026-02-01 00:00 UTC);

/// The certificates, and the server that a revoked one names.
pub(crate) struct Certificates {
    pub(crate) root: Authority,
    /// A signer with a certificate that is valid now.
    pub(crate) signer: Chain,
    /// A signer with a certificate that was valid when the timestamping authority issued its tokens, and has ended since.
    pub(crate) ended: Chain,
    /// A signer with a certificate that the CRL lists.
    pub(crate) revoked: Chain,
    pub(crate) tsa_root: Authority,
    pub(crate) tsa: Tsa,
    /// Serves the CRL of the root, on loopback.
    pub(crate) responder: Responder,
}

impl Certificates {
    pub(crate) async fn start() -> Self {
        let responder = Responder::start().await;
        let root = Authority::root(CertSpec::root().common_name("Shop root"));
        let leaf = || CertSpec::leaf().common_name(SIGNER);
        let revoked = root.issue(leaf().crl_url(&responder.url(CRL)));
        responder.crl(CRL, root.crl(&current().revoked(&Revoked::certificate(revoked.leaf_der()).reason(1))));
        let tsa_root = Authority::root(CertSpec::root().common_name("TSA root"));
        Self {
            signer: root.issue(leaf().key(KeyType::Rsa3072)),
            ended: root.issue(leaf().valid(datetime!(2026-01-01 00:00 UTC), ENDED)),
            revoked,
            tsa: Tsa::new(&tsa_root),
            tsa_root,
            root,
            responder,
        }
    }

    /// The address of the CRL, which the revoked certificate has.
    pub(crate) fn crl_url(&self) -> String {
        self.responder.url(CRL)
    }

    /// The day on which the ended certificate has ended.
    pub(crate) fn end() -> Date {
        ENDED.date()
    }
}

/// A CRL that was issued an hour ago and is valid until tomorrow.
fn current() -> CrlSpec {
    let now = OffsetDateTime::now_utc();
    CrlSpec::new().valid(now - Duration::hours(1), now + Duration::days(1))
}
