//! What there is to say about one envelope, for people: its contents, and every check's finding with the action that the
//! rule has for it. Nothing here is evidence: a [`super::VerifiedSignature`] comes from [`super::signature`] alone,
//! which asks the same checks.

use std::collections::BTreeMap;
use std::fmt;

use super::Envelope;
use super::IntactEnvelope;
use super::Judged;
use super::Question;
use super::authenticity::Authenticity;
use super::binding;
use super::check_integrity;
use super::judge;
use super::parse;
use super::plugin;
use super::plugin::Plugin;
use super::report::CheckOutcome;
use super::report::Ended;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::oci::Descriptor;
use crate::policy::Action;
use crate::policy::RevocationAction;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::CertificateError;

/// An envelope taken apart.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// None if the bytes are no envelope.
    pub facts: Option<Facts>,
    /// In the order of [`Check`].
    pub findings: Vec<Finding>,
}

impl Explanation {
    /// Whether the signer is known: a trust store vouches for the chain, and the signing certificate is a trusted
    /// identity. Otherwise all facts are claims of whoever wrote the envelope.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        self.findings.iter().any(|finding| finding.check == Check::Authenticity && finding.found == Found::Passed)
    }

    /// Whether no check failed and none was left out for want of what it looks at. After [`explain`] this is whether
    /// [`super::signature`] finds that the signature counts.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.findings.iter().all(|finding| match &finding.found {
            Found::Passed | Found::Logged(_) | Found::Skipped => true,
            Found::Failed(_) | Found::NotReached => false,
        })
    }
}

/// One thing that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Envelope, certificate chain and signature.
    Integrity,
    /// What the signer marked critical, and whether the plugin that it asks for is one that is known here.
    CriticalAttributes,
    /// The signed payload names the image.
    TargetBinding,
    /// The signed payload has the metadata that the configuration wants.
    Metadata,
    Authenticity,
    AuthenticTimestamp,
    Expiry,
    Revocation,
    /// What the service behind the plugin says that the signer asks for. Passed if it asks for none.
    SignerService,
}

impl Check {
    pub const ALL: [Self; 9] = [
        Self::Integrity,
        Self::CriticalAttributes,
        Self::TargetBinding,
        Self::Metadata,
        Self::Authenticity,
        Self::AuthenticTimestamp,
        Self::Expiry,
        Self::Revocation,
        Self::SignerService,
    ];

    /// Stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::CriticalAttributes => "criticalAttributes",
            Self::TargetBinding => "targetBinding",
            Self::Metadata => "metadata",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
            Self::SignerService => "signerService",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// What the rule does with a check. The first four, and the last, are enforced by every rule that verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Enforcement {
    /// A failure makes the signature not count.
    Enforce,
    /// A failure is only reported.
    Log,
    /// No rule asks for it.
    Skip,
}

impl Enforcement {
    /// Stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Log => "log",
            Self::Skip => "skip",
        }
    }
}

/// A check, its action and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub check: Check,
    pub action: Enforcement,
    pub found: Found,
}

/// How a check ended. Take it apart without `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Passed,
    /// Failed, and the rule only logs it.
    Logged(Reason),
    /// Left out by the rule.
    Skipped,
    Failed(Reason),
    /// An earlier failure left nothing to look at, or no reason to ask for evidence.
    NotReached,
}

/// The contents of an envelope, by value. Claims of whoever wrote it, unless [`Explanation::is_authentic`].
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether the first certificate's key has signed all of this but the timestamp token. Says nothing about trust.
    pub intact: bool,
    /// `jws` or `cose`.
    pub format: &'static str,
    /// `PS256` … `ES512`, from the header.
    pub algorithm: &'static str,
    /// `notary.x509` or `notary.x509.signingAuthority`.
    pub scheme: &'static str,
    /// The signer's own word under `notary.x509`; the authority's under `notary.x509.signingAuthority`.
    pub signing_time: UnixTime,
    pub expiry: Option<UnixTime>,
    /// Protected attributes that the specification does not define, and the plugin's.
    pub attributes: Vec<AttributeFacts>,
    /// Leaf first, as the envelope has them.
    pub certificates: Vec<Result<CertificateFacts, CertificateError>>,
    /// The descriptor in the payload, its annotations being the user metadata; or why there is none.
    pub target: Result<Descriptor, Reason>,
    /// Length of the RFC 3161 token in bytes, if there is one.
    pub timestamp_token: Option<usize>,
}

/// See [`Facts::attributes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeFacts {
    /// The name, or the decimal number of an integer COSE label.
    pub name: String,
    /// The value, if it is a text.
    pub text: Option<String>,
    pub critical: bool,
}

/// See [`Facts::certificates`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    pub subject: Text,
    pub issuer: Text,
    /// Lower-case hexadecimal.
    pub serial: Text,
    /// SHA-256 of the DER, lower-case hexadecimal.
    pub fingerprint: String,
    /// `EC P-256`, `RSA 2048 bits`.
    pub key: Text,
    pub not_before: UnixTime,
    pub not_after: UnixTime,
}

/// Takes the envelope `bytes`, which its layer declares as `media_type`, apart and puts every check to it. All findings
/// are there, of checks too that [`super::signature`] does not come to because an earlier one failed.
#[must_use]
pub fn explain(bytes: &[u8], media_type: &str, question: &Question<'_>) -> Explanation {
    look(bytes, media_type, question.target, Some(question))
}

/// As [`explain`] where no rule verifies: only what can be said without one, for the image `target`. Every action is
/// [`Enforcement::Skip`].
#[must_use]
pub fn describe(bytes: &[u8], media_type: &str, target: &Descriptor) -> Explanation {
    look(bytes, media_type, target, None)
}

fn look(bytes: &[u8], media_type: &str, target: &Descriptor, question: Option<&Question<'_>>) -> Explanation {
    let mut findings = Findings { list: Vec::new(), question };
    let envelope = match parse(bytes, media_type) {
        Ok(envelope) => envelope,
        Err(reason) => {
            findings.not_intact(reason);
            return Explanation { facts: None, findings: findings.list };
        }
    };
    let mut facts = Facts::of(&envelope);
    match check_integrity(envelope) {
        Ok(intact) => {
            facts.intact = true;
            findings.intact(&intact, &facts.target, target);
        }
        Err(reason) => findings.not_intact(reason),
    }
    Explanation { facts: Some(facts), findings: findings.list }
}

struct Findings<'a> {
    list: Vec<Finding>,
    question: Option<&'a Question<'a>>,
}

impl Findings<'_> {
    fn intact(&mut self, intact: &IntactEnvelope, signed: &Result<Descriptor, Reason>, target: &Descriptor) {
        self.add(Check::Integrity, Found::Passed);
        let plugin = plugin::check(intact);
        self.add(Check::CriticalAttributes, plugin.as_ref().map(|_| ()).map_err(Reason::clone).into());
        let bound = signed.clone().and_then(|signed| binding::is_target(&signed, target));
        self.add(Check::TargetBinding, bound.clone().into());
        let Some(question) = self.question else { return };
        // A payload that cannot be read is told of once.
        let metadata = signed.as_ref().map(|signed| binding::has_metadata(signed, question.required_metadata));
        let accepted = plugin.is_ok() && bound.is_ok() && metadata.as_ref().is_ok_and(Result::is_ok);
        self.add(Check::Metadata, metadata.map_or(Found::NotReached, Found::from));
        // Of a plugin that is not known here there is no service to ask.
        let (plugin, has_service) = plugin.map_or((Plugin::None, false), |plugin| (plugin, true));
        let Judged { authenticity, authentic_timestamp, expiry, revocation, service } =
            judge(intact, &plugin, accepted, question);
        self.add(Check::Authenticity, authenticity.into());
        self.add(Check::AuthenticTimestamp, authentic_timestamp.into());
        self.add(Check::Expiry, expiry.into());
        self.add(Check::Revocation, revocation.into());
        self.add(Check::SignerService, if has_service { service.into() } else { Found::NotReached });
    }

    fn not_intact(&mut self, reason: Reason) {
        self.add(Check::Integrity, Found::Failed(reason));
        let asked: &[Check] = if self.question.is_some() { &Check::ALL } else { &WITHOUT_RULE };
        for check in asked.iter().skip(1) {
            self.add(*check, Found::NotReached);
        }
    }

    fn add(&mut self, check: Check, found: Found) {
        let action = self.question.map_or(Enforcement::Skip, |question| action(check, question));
        self.list.push(Finding { check, action, found });
    }
}

/// What [`describe`] can look at.
const WITHOUT_RULE: [Check; 3] = [Check::Integrity, Check::CriticalAttributes, Check::TargetBinding];

fn action(check: Check, question: &Question<'_>) -> Enforcement {
    let level = question.rules.level();
    match check {
        Check::Integrity
        | Check::CriticalAttributes
        | Check::TargetBinding
        | Check::Metadata
        | Check::SignerService => Enforcement::Enforce,
        Check::Authenticity => level.authenticity.into(),
        Check::AuthenticTimestamp => level.authentic_timestamp.into(),
        Check::Expiry => level.expiry.into(),
        Check::Revocation => match level.revocation {
            RevocationAction::Enforce => Enforcement::Enforce,
            RevocationAction::Log => Enforcement::Log,
            RevocationAction::Skip => Enforcement::Skip,
        },
    }
}

impl From<Action> for Enforcement {
    fn from(action: Action) -> Self {
        match action {
            Action::Enforce => Self::Enforce,
            Action::Log => Self::Log,
        }
    }
}

impl From<Result<(), Reason>> for Found {
    fn from(result: Result<(), Reason>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

impl From<CheckOutcome> for Found {
    fn from(outcome: CheckOutcome) -> Self {
        match outcome {
            CheckOutcome::Passed => Self::Passed,
            CheckOutcome::Logged(reason) => Self::Logged(reason),
            CheckOutcome::Skipped => Self::Skipped,
        }
    }
}

impl From<Authenticity> for Found {
    fn from(authenticity: Authenticity) -> Self {
        match authenticity {
            Authenticity::Passed(_) => Self::Passed,
            Authenticity::Logged(reason) => Self::Logged(reason),
        }
    }
}

impl From<()> for Found {
    fn from((): ()) -> Self {
        Self::Passed
    }
}

impl<T: Into<Self>> From<Ended<T>> for Found {
    fn from(ended: Ended<T>) -> Self {
        match ended {
            Ended::Well(value) => value.into(),
            Ended::Refused(reason) | Ended::Open(reason) => Self::Failed(reason),
            Ended::NotReached => Self::NotReached,
        }
    }
}

impl Facts {
    fn of(envelope: &Envelope) -> Self {
        let attributes = &envelope.attributes;
        let extended = attributes.extended.iter().map(|attribute| AttributeFacts {
            name: attribute.name.clone(),
            text: attribute.text.clone(),
            critical: attribute.critical,
        });
        let certificates = envelope.certificates.iter().map(|der| Certificate::parse(der));
        Self {
            intact: false,
            format: envelope.format.text(),
            algorithm: envelope.claimed_algorithm.jose_name(),
            scheme: attributes.scheme.name(),
            signing_time: attributes.scheme.time(),
            expiry: attributes.expiry,
            attributes: extended.collect(),
            certificates: certificates.map(|parsed| parsed.map(|found| CertificateFacts::from(&found))).collect(),
            target: binding::named(&envelope.unverified_payload),
            timestamp_token: envelope.timestamp_token.as_ref().map(Vec::len),
        }
    }

    /// Annotations of the payload; none if it cannot be read.
    #[must_use]
    pub fn metadata(&self) -> Option<&BTreeMap<String, String>> {
        self.target.as_ref().ok().map(|target| &target.annotations)
    }
}

impl From<&Certificate> for CertificateFacts {
    fn from(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject().text(),
            issuer: certificate.issuer().text(),
            serial: certificate.serial().clone(),
            fingerprint: hex(&certificate.fingerprint()).to_string(),
            key: certificate.key_name(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        }
    }
}
