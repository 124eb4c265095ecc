//! An engine with a fetcher, a responder, and signers whose certificates name it.

use std::time::Duration;

use countersign::engine::EngineSettings;
use countersign::evidence::FetchSettings;
use countersign_core::codec::text::Text;
use countersign_core::notation::Check;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy_of;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::notation;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::responder::Responder;
use time::OffsetDateTime;

pub(crate) const OCSP: &str = "/ocsp";
pub(crate) const CRL: &str = "/ca.crl";

pub(crate) struct Fixture {
    pub(crate) engine: EngineFixture,
    pub(crate) responder: Responder,
}

/// Long enough that a busy machine does not change the result of a test.
pub(crate) fn patient() -> FetchSettings {
    let long = Duration::from_secs(20);
    FetchSettings {
        connect_timeout: long,
        response_timeout: long,
        ocsp_timeout: long,
        crl_timeout: long,
        refresh_patience: long,
        ..FetchSettings::default()
    }
}

impl Fixture {
    /// A strict policy; the responder is reachable.
    pub(crate) async fn new() -> Self {
        Self::with("strict", |_| {}).await
    }

    pub(crate) async fn with(level: &str, set: impl FnOnce(&mut FetchSettings)) -> Self {
        Self::within(level, set, Duration::from_secs(30)).await
    }

    /// As [`Self::with`], with a time limit for the work on one image.
    pub(crate) async fn within(level: &str, set: impl FnOnce(&mut FetchSettings), flight_time: Duration) -> Self {
        Self::with_engine(level, set, |settings| settings.flight_time = flight_time).await
    }

    pub(crate) async fn with_engine(
        level: &str,
        set: impl FnOnce(&mut FetchSettings),
        set_engine: impl FnOnce(&mut EngineSettings),
    ) -> Self {
        let responder = Responder::start().await;
        let mut settings = FetchSettings { reachable_hosts: vec![responder.host().parse().unwrap()], ..patient() };
        set(&mut settings);
        let policy = policy_of(level, &["ca:main"], &["*"]);
        let engine = EngineFixture::with_evidence(&policy, settings, set_engine).await;
        Self { engine, responder }
    }

    /// A signer whose certificate names the responder for OCSP; the responder answers `good`.
    pub(crate) fn signer_with_ocsp(&self) -> Chain {
        let signer = self.issue(|leaf| leaf.ocsp_url(&self.responder.url(OCSP)));
        self.ocsp_is(&signer, Single::good(signer.leaf_der()));
        signer
    }

    /// A signer whose certificate names the responder's CRL, which has no entries.
    pub(crate) fn signer_with_crl(&self) -> Chain {
        self.crl_is(&CrlSpec::new());
        self.issue(|leaf| leaf.crl_url(&self.responder.url(CRL)))
    }

    pub(crate) fn issue(&self, set: impl FnOnce(CertSpec) -> CertSpec) -> Chain {
        self.engine.root.issue(set(CertSpec::leaf()))
    }

    /// The OCSP response about every certificate of the root.
    pub(crate) fn ocsp_is(&self, _: &Chain, single: Single) {
        let response = self.engine.root.ocsp(&OcspSpec::new([single]));
        self.responder.ocsp(OCSP, move |_| response.clone());
    }

    /// The CRL of the root.
    pub(crate) fn crl_is(&self, spec: &CrlSpec) {
        self.responder.crl(CRL, self.engine.root.crl(spec));
    }

    /// The CRL of the root, with this certificate, current as long as a usual one.
    pub(crate) fn revoke(&self, signer: &Chain) {
        self.crl_is(&CrlSpec::new().revoked(&Revoked::certificate(signer.leaf_der())));
    }

    /// A new image with a signature; each has a verdict of its own.
    pub(crate) fn image(&self, signer: &Chain) -> String {
        let registry = &self.engine.registry;
        let image = registry.push_image("app", "v1");
        notation::sign_image(registry, "app", &image, signer);
        registry.reference("app", &image)
    }

    /// The verdict about a new image.
    pub(crate) async fn code(&self, signer: &Chain) -> Code {
        self.engine.code(&self.image(signer)).await
    }

    /// The reason why a new image is not verified.
    pub(crate) async fn reason(&self, signer: &Chain) -> (Code, Text) {
        let verdict = self.engine.verify(&self.image(signer)).await.verdict;
        let reasons = match &*verdict {
            ImageVerdict::Inconclusive(inconclusive) => &inconclusive.signatures,
            ImageVerdict::Rejected(rejected) => &rejected.signatures,
            ImageVerdict::Verified(_) | ImageVerdict::Skipped(_) => panic!("{verdict:?}"),
        };
        let reason = reasons.listed()[0].reasons.first();
        (reason.code, reason.detail.clone())
    }

    /// The warnings of a verified new image.
    pub(crate) async fn warnings(&self, signer: &Chain) -> Vec<(Check, Code)> {
        self.warnings_of(&self.image(signer)).await
    }

    /// The warnings of a verified image.
    pub(crate) async fn warnings_of(&self, image: &str) -> Vec<(Check, Code)> {
        let verdict = self.engine.verify(image).await.verdict;
        let ImageVerdict::Verified(verified) = &*verdict else { panic!("{verdict:?}") };
        verified.warnings().map(|(check, reason)| (check, reason.code)).collect()
    }

    pub(crate) fn at(&self, time: &str) {
        self.engine.at(time);
    }

    /// How many requests the responder got since the last call.
    pub(crate) fn requests(&self) -> usize {
        let count = self.responder.journal().len();
        self.responder.clear_journal();
        count
    }

    pub(crate) async fn refresh_due(&self) {
        self.engine.evidence.as_ref().unwrap().refresh_due().await;
    }
}

/// A time of the test's day.
pub(crate) fn time(hour: u8, minute: u8) -> OffsetDateTime {
    time::macros::datetime!(2026-11-21 00:00:00 UTC).replace_hour(hour).unwrap().replace_minute(minute).unwrap()
}
