//! Builds the input of a verification and runs it.

use std::collections::BTreeMap;

use countersign_core::evidence::Evidence;
use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::EvidenceSettings;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::Progress;
use countersign_core::notation;
use countersign_core::notation::Check;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::notation::Explanation;
use countersign_core::notation::Failure;
use countersign_core::notation::FindingResult;
use countersign_core::notation::VerificationInput;
use countersign_core::notation::VerifiedSignature;
use countersign_core::oci::Descriptor;
use countersign_core::policy::Decision;
use countersign_core::policy::Requirement;
use countersign_core::policy::Store;
use countersign_core::policy::StoreKind;
use countersign_core::policy::TrustPolicy;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;

/// The input of a verification: initially strict, without trust stores.
#[derive(Clone, Debug)]
pub struct Judge {
    target: Descriptor,
    level: &'static str,
    overrides: Vec<(&'static str, &'static str)>,
    timestamp: Option<&'static str>,
    stores: Vec<(StoreKind, String, Vec<Vec<u8>>)>,
    identities: Vec<String>,
    metadata: BTreeMap<String, String>,
    evidence: EvidenceSettings,
    now: UnixTime,
}

impl Judge {
    /// About an image with these three members, in November 2026.
    pub fn about(media_type: &str, digest: &str, size: u64) -> Self {
        Self {
            target: Descriptor::new(media_type.parse().unwrap(), digest.parse().unwrap(), size),
            level: "strict",
            overrides: Vec::new(),
            timestamp: None,
            stores: Vec::new(),
            identities: vec!["*".to_owned()],
            metadata: BTreeMap::new(),
            evidence: EvidenceSettings::default(),
            now: UnixTime::from_rfc3339("2026-11-21T12:00:00Z").unwrap(),
        }
    }

    pub fn level(mut self, level: &'static str) -> Self {
        self.level = level;
        self
    }

    pub fn overriding(mut self, check: &'static str, action: &'static str) -> Self {
        self.overrides.push((check, action));
        self
    }

    pub fn verify_timestamp(mut self, when: &'static str) -> Self {
        self.timestamp = Some(when);
        self
    }

    /// A store of one file, DER or PEM.
    pub fn trusting(mut self, kind: StoreKind, certificate: &[u8]) -> Self {
        let name = format!("store-{}", self.stores.len());
        self.stores.push((kind, name, vec![certificate.to_vec()]));
        self
    }

    /// A store that the statement names and that is not loaded.
    pub fn naming_missing_store(mut self, kind: StoreKind) -> Self {
        self.stores.push((kind, format!("store-{}", self.stores.len()), Vec::new()));
        self
    }

    pub fn identity(mut self, identity: &str) -> Self {
        self.identities.retain(|other| other != "*");
        self.identities.push(identity.to_owned());
        self
    }

    pub fn metadata(mut self, name: &str, value: &str) -> Self {
        self.metadata.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn at(mut self, time: &str) -> Self {
        self.now = UnixTime::from_rfc3339(time).unwrap();
        self
    }

    /// With these settings for evidence.
    #[must_use]
    pub fn evidence_settings(mut self, settings: EvidenceSettings) -> Self {
        self.evidence = settings;
        self
    }

    pub fn ask(&self, envelope: &[u8], media_type: &str) -> Result<Box<VerifiedSignature>, Failure> {
        self.ask_with(envelope, media_type, unavailable).0
    }

    /// Both phases with scripted evidence, and the requests of each round.
    pub fn ask_with(
        &self,
        envelope: &[u8],
        media_type: &str,
        response: impl Fn(&EvidenceRequest) -> EvidenceResponse + Copy,
    ) -> (Result<Box<VerifiedSignature>, Failure>, Vec<Vec<EvidenceRequest>>) {
        let format = format(media_type);
        self.with_input(|input| {
            let (judged, asked) = match notation::open(envelope, format, input) {
                Ok(opened) => complete(response, |evidence| notation::judge(&opened, evidence)),
                Err(failure) => (Err(failure), Vec::new()),
            };
            let examined = notation::examine(envelope, format, input);
            let (explanation, asked_too) = complete(response, |evidence| examined.explain(evidence));
            assert_eq!(asked, asked_too, "the explanation asks for the same evidence");
            agree(&explanation, judged.as_deref());
            (judged, asked)
        })
    }

    /// The explanation of a JWS with scripted evidence.
    pub fn explain(&self, jws: &[u8], response: impl Fn(&EvidenceRequest) -> EvidenceResponse + Copy) -> Explanation {
        self.with_input(|input| {
            let examined = notation::examine(jws, EnvelopeFormat::Jws, input);
            complete(response, |evidence| examined.explain(evidence)).0
        })
    }

    /// Reads the statement and the stores once, for many envelopes.
    pub fn prepare(&self) -> Prepared {
        let files = self.stores.iter().filter(|(_, _, files)| !files.is_empty());
        let stores = files.map(|(kind, name, files)| {
            let files: Vec<_> = files.iter().enumerate().map(|(n, f)| (format!("{n}.crt"), f.clone())).collect();
            Store::parse(*kind, name.parse().unwrap(), &files).unwrap()
        });
        Prepared { policy: self.policy(), stores: stores.collect(), judge: self.clone() }
    }

    fn with_input<T>(&self, work: impl FnOnce(&VerificationInput<'_>) -> T) -> T {
        self.prepare().with_input(work)
    }

    /// The codes of all reasons, in order; empty when the signature counts.
    pub fn codes(&self, envelope: &[u8], media_type: &str) -> Vec<Code> {
        match self.ask(envelope, media_type) {
            Ok(_) => Vec::new(),
            Err(failure) => failure.reasons.iter().map(|reason| reason.code).collect(),
        }
    }

    /// The message of the first reason.
    pub fn sentence(&self, envelope: &[u8], media_type: &str) -> String {
        self.ask(envelope, media_type).unwrap_err().reasons.first().to_string()
    }

    fn policy(&self) -> TrustPolicy {
        let stores: Vec<_> = self.stores.iter().map(|(kind, name, _)| format!("{}:{name}", kind.as_str())).collect();
        let overrides: BTreeMap<_, _> = self.overrides.iter().copied().collect();
        let mut verification = serde_json::json!({ "level": self.level });
        if !overrides.is_empty() {
            verification["override"] = serde_json::json!(overrides);
        }
        if let Some(when) = self.timestamp {
            verification["verifyTimestamp"] = when.into();
        }
        let document = serde_json::json!({
            "version": "1.0",
            "trustPolicies": [{
                "name": "app",
                "registryScopes": ["*"],
                "signatureVerification": verification,
                "trustStores": stores,
                "trustedIdentities": self.identities,
            }],
        });
        let policy = TrustPolicy::parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(policy.mistakes(), []);
        policy
    }
}

/// A [`Judge`] whose statement and stores are read.
#[derive(Debug)]
pub struct Prepared {
    policy: TrustPolicy,
    stores: Vec<Store>,
    judge: Judge,
}

impl Prepared {
    /// Both phases with scripted evidence.
    pub fn ask(
        &self,
        envelope: &[u8],
        format: EnvelopeFormat,
        response: impl Fn(&EvidenceRequest) -> EvidenceResponse + Copy,
    ) -> Result<Box<VerifiedSignature>, Failure> {
        self.with_input(|input| {
            let opened = notation::open(envelope, format, input)?;
            complete(response, |evidence| notation::judge(&opened, evidence)).0
        })
    }

    fn with_input<T>(&self, work: impl FnOnce(&VerificationInput<'_>) -> T) -> T {
        let Decision::Verify(Requirement::Notation(requirement)) = self.policy.rules().next().unwrap().decision()
        else {
            panic!("the statement verifies");
        };
        work(&VerificationInput {
            target: &self.judge.target,
            requirement,
            stores: &self.stores.iter().collect::<Vec<_>>(),
            required_metadata: &self.judge.metadata,
            evidence: &self.judge.evidence,
            now: self.judge.now,
        })
    }
}

/// The format of a media type that has one.
pub fn format(media_type: &str) -> EnvelopeFormat {
    EnvelopeFormat::of_media_type(&media_type.parse().unwrap()).expect("the media type of an envelope")
}

/// The responses of this version, which fetches no evidence.
pub fn unavailable(request: &EvidenceRequest) -> EvidenceResponse {
    EvidenceResponse::NotAvailable(match request {
        EvidenceRequest::Ocsp(_) | EvidenceRequest::Crl(_) => NotAvailable::revocation_not_requested(),
        EvidenceRequest::SignerStatus(_) => NotAvailable::signer_service_not_called(),
    })
}

/// Provides evidence until none is requested, and returns the requests of each round.
fn complete<T>(
    response: impl Fn(&EvidenceRequest) -> EvidenceResponse + Copy,
    judge: impl Fn(&Evidence) -> Progress<T>,
) -> (T, Vec<Vec<EvidenceRequest>>) {
    let (mut evidence, mut asked) = (Evidence::none(), Vec::new());
    loop {
        match judge(&evidence) {
            Progress::Done(judged) => return (judged, asked),
            Progress::Needs(requests) => {
                asked.push(requests.iter().cloned().collect());
                assert!(asked.len() <= Evidence::ROUNDS, "{asked:?}");
                evidence.add_round(&requests, requests.iter().map(response));
            }
        }
    }
}

/// The explanation of an envelope must agree with the verdict.
fn agree(explanation: &Explanation, judged: Result<&VerifiedSignature, &Failure>) {
    assert_eq!(explanation.findings.iter().map(|finding| finding.check).collect::<Vec<_>>(), Check::ALL);
    assert_eq!(explanation.passes(), judged.is_ok(), "{explanation:?}");
    let failed: Vec<_> = explanation
        .findings
        .iter()
        .filter_map(|finding| match &finding.found {
            FindingResult::Failed(reason) => Some(reason),
            FindingResult::Passed | FindingResult::Logged(_) | FindingResult::Skipped | FindingResult::NotReached => {
                None
            }
        })
        .collect();
    match judged {
        Ok(signature) => {
            let facts = explanation.facts.as_ref().unwrap();
            assert!(facts.intact);
            let (signed, target) = (facts.target.as_ref().unwrap(), signature.target());
            assert_eq!(signed.to_string(), target.to_string());
            let subject = &facts.certificates[0].as_ref().unwrap().subject;
            assert_eq!(signature.unverified_subject(), subject);
            assert_eq!(explanation.is_authentic(), signature.signer().is_some());
            assert!(signature.signer().is_none_or(|signer| signer.subject() == subject));
            let logged = explanation.findings.iter().filter_map(|finding| match &finding.found {
                FindingResult::Logged(reason) => Some((finding.check, reason)),
                FindingResult::Passed
                | FindingResult::Skipped
                | FindingResult::Failed(_)
                | FindingResult::NotReached => None,
            });
            let logged: Vec<_> = logged.collect();
            assert_eq!(logged, signature.warnings().collect::<Vec<_>>());
            assert!(
                logged.iter().all(|(check, reason)| notation::loggable().any(|pair| pair == (*check, reason.code)))
            );
        }
        Err(failure) => {
            assert!(failed.contains(&failure.reasons.first()), "{failure:?} {failed:?}");
            // An incomplete check is never a reason together with a rejection.
            assert!(failed.iter().all(|reason| reason.is_refusal() == failure.reasons.are_refusals()), "{failed:?}");
            assert!(failure.reasons.iter().all(|reason| failed.contains(&reason)), "{failure:?} {failed:?}");
        }
    }
}
