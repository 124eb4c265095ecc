//! Reason codes: a stable contract with dashboards, alerts and scripts. The golden file
//! `provider/tests/golden/codes.txt` contains their texts.

use std::fmt;

use super::responsible::Responsible;
use super::stage::Reached;
use super::stage::Stage;
use super::verdict_kind::VerdictKind;

macro_rules! codes {
    ($($variant:ident $text:literal $kind:ident $responsible:ident $stage:ident $step:literal $advice:literal)*) => {
        /// The reason code of a verdict.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $advice] $variant,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Stable text: metric label, JSON member, log field, denial.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The kind of verdict of this code.
            #[must_use]
            pub fn kind(self) -> VerdictKind {
                match self { $(Self::$variant => VerdictKind::$kind,)* }
            }

            /// The responsible party.
            #[must_use]
            pub fn responsible(self) -> Responsible {
                match self { $(Self::$variant => Responsible::$responsible,)* }
            }

            /// The stage that verification reached. Of several failed signatures, the one that passed the most checks
            /// is reported.
            #[must_use]
            pub fn reached(self) -> Reached {
                match self { $(Self::$variant => Reached { stage: Stage::$stage, step: $step },)* }
            }

            /// The remediation, as one sentence without a full stop.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

// Code, text, kind of verdict, responsible party, stage and step within it, remediation.
codes! {
    Verified "verified" Verified None Admission 1 "nothing to do"
    Skipped "skipped" Skipped None Admission 2 "nothing to do: a statement of the trust policy skips this repository"

    InvalidReference "invalid-reference" Rejected Caller Policy 1 "correct the image reference in the workload"
    NoApplicableRule "no-applicable-rule" Rejected Operator Policy 2 "add the repository to registryScopes of a statement in the trust policy"
    NotReady "not-ready" Inconclusive Operator Policy 3 "correct the trust policy document; /readyz and countersign check say what is wrong with it"
    StatementDisabled "statement-disabled" Inconclusive Operator Policy 4 "correct the statement of the trust policy; countersign check names every mistake"
    TrustStoreUnusable "trust-store-unusable" Inconclusive Operator Policy 5 "put readable certificates into the \
             trust store; countersign check \
             names every mistake"
    RegistryNotAllowed "registry-not-allowed" Inconclusive Operator Registry 1 "add the registry to registries in \
             the configuration, or use an \
             image from a configured registry"
    RegistryMisconfigured "registry-misconfigured" Inconclusive Operator Registry 2 "correct the file, the entry or the permission that the message names; countersign check names every mistake"
    RegistryUnreachable "registry-unreachable" Inconclusive Registry Registry 3 "check name, network policy, proxy and TLS of the host in the message, the registry or its blob store; the next request tries again"
    RegistryTimeout "registry-timeout" Inconclusive Registry Registry 4 "check the registry's speed; the next request tries again"
    RegistryDenied "registry-denied" Inconclusive Operator Registry 5 "give the registry's credentials read access to the repository"
    RegistryThrottled "registry-throttled" Inconclusive Registry Registry 6 "wait for the registry's rate limit, or use credentials with a higher one"
    RegistryFailed "registry-failed" Inconclusive Registry Registry 7 "check the registry's health; the next request tries again"
    RegistryAnswerInvalid "registry-answer-invalid" Inconclusive Registry Registry 8 "check the registry and any \
             proxy between it and \
             Countersign"
    RegistryRedirectRefused "registry-redirect-refused" Inconclusive Registry Registry 9 "have the registry redirect to an https address that Countersign may reach, or add the blob store's host to registries in the configuration"
    ReferrersUnsupported "referrers-unsupported" Inconclusive Registry Registry 10 "use a registry with the OCI referrers API and let /referrers/ through to it, or push the signature with the referrers tag schema"
    ImageNotFound "image-not-found" Inconclusive Caller Image 1 "push the image, or correct its name, tag or digest"
    ImageUnsupported "image-unsupported" Rejected Caller Image 2 "use an OCI or Docker v2 image manifest or index"
    DeadlineExceeded "deadline-exceeded" Inconclusive Registry Work 1 "try again; if it persists, raise the \
             Provider's and the webhook's timeouts"
    Overloaded "overloaded" Inconclusive Operator Work 2 "add replicas or raise the limits of concurrent work"
    InternalError "internal-error" Inconclusive Countersign Work 3 "report this with the log line that has the \
             same request ID"
    TooManySignatures "too-many-signatures" Inconclusive Operator Signatures 1 "remove stale signatures from the image, or raise verification.maxSignatures"
    Unsigned "unsigned" Rejected Signer Signatures 2 "sign the image with notation and push the signature beside it; signatures of other tools (cosign, Docker Content Trust, GPG) are not read"

    SignatureUnavailable "signature-unavailable" Inconclusive Registry Envelope 1 "push the signature again, or remove the broken referrer"
    SignatureManifestInvalid "signature-manifest-invalid" Rejected Signer Envelope 2 "sign the image again, or remove the broken referrer"
    EnvelopeUnsupported "envelope-unsupported" Rejected Signer Envelope 3 "sign as application/jose+json or application/cose"
    EnvelopeMalformed "envelope-malformed" Rejected Signer Envelope 4 "sign the image again; the envelope is damaged or not of the Notary Project's form"

    CriticalAttributeUnknown "critical-attribute-unknown" Rejected Signer Integrity 1 "sign without the critical \
             attribute that Countersign \
             does not process"
    CertificateInvalid "certificate-invalid" Rejected Signer Integrity 2 "have the signing certificate or its CA reissued to the Notary Project's certificate requirements"
    ChainInvalid "chain-invalid" Rejected Signer Integrity 3 "sign with the complete certificate chain, leaf first, root last"
    AlgorithmMismatch "algorithm-mismatch" Rejected Signer Integrity 4 "sign with the algorithm that belongs to the key"
    SignatureMismatch "signature-mismatch" Rejected Signer Integrity 5 "sign the image again; the envelope was altered after signing"
    PayloadInvalid "payload-invalid" Rejected Signer Integrity 6 "sign the image again with a Notary Project client"
    TargetMismatch "target-mismatch" Rejected Signer Integrity 7 "sign this image; the signature belongs to another one"
    MetadataMissing "metadata-missing" Rejected Signer Integrity 8 "sign with the user metadata that the configuration requires"
    PluginUnsupported "plugin-unsupported" Rejected Signer Integrity 9 "sign without a verification plugin, or with one that Countersign has built in"

    UntrustedChain "untrusted-chain" Rejected Signer Statement 1 "sign with a certificate of a trusted root, or add the root to the statement's trust store"
    UntrustedIdentity "untrusted-identity" Rejected Signer Statement 2 "sign with a trusted identity, or add the certificate's subject to trustedIdentities"
    Expired "expired" Rejected Signer Statement 3 "sign the image again; the signature has expired"
    CertificateOutsideValidity "certificate-outside-validity" Rejected Signer Statement 4 "sign with a certificate that is valid, or have signatures timestamped and give the statement a tsa trust store"
    TimestampInvalid "timestamp-invalid" Rejected Signer Statement 5 "sign again with a timestamp of a TSA that is not revoked and whose root is in the statement's tsa trust store; add the root if it is missing there"
    Revoked "revoked" Rejected Signer Statement 6 "sign again with a certificate that is not revoked"
    TimestampUnchecked "timestamp-unchecked" Inconclusive RevocationService Evidence 1 "make the OCSP responder or CRL that the message names reachable and current; it is tried again after some seconds (evidence.negativeLifetime)"
    RevocationUnchecked "revocation-unchecked" Inconclusive RevocationService Evidence 2 "make the OCSP responder or CRL that the message names reachable and current; it is tried again after some seconds (evidence.negativeLifetime)"
    SignerServiceUnchecked "signer-service-unchecked" Inconclusive RevocationService Evidence 3 "correct the cause that the message names; or let the statement log or skip revocation"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes in the order of declaration that formerly decided the comparison.
    const FORMER_ORDER: [&str; 46] = [
        "verified",
        "skipped",
        "invalid-reference",
        "no-applicable-rule",
        "not-ready",
        "statement-disabled",
        "trust-store-unusable",
        "registry-not-allowed",
        "registry-misconfigured",
        "registry-unreachable",
        "registry-timeout",
        "registry-denied",
        "registry-throttled",
        "registry-failed",
        "registry-answer-invalid",
        "registry-redirect-refused",
        "referrers-unsupported",
        "image-not-found",
        "image-unsupported",
        "deadline-exceeded",
        "overloaded",
        "internal-error",
        "too-many-signatures",
        "unsigned",
        "signature-unavailable",
        "signature-manifest-invalid",
        "envelope-unsupported",
        "envelope-malformed",
        "critical-attribute-unknown",
        "certificate-invalid",
        "chain-invalid",
        "algorithm-mismatch",
        "signature-mismatch",
        "payload-invalid",
        "target-mismatch",
        "metadata-missing",
        "plugin-unsupported",
        "untrusted-chain",
        "untrusted-identity",
        "expired",
        "certificate-outside-validity",
        "timestamp-invalid",
        "revoked",
        "timestamp-unchecked",
        "revocation-unchecked",
        "signer-service-unchecked",
    ];

    #[test]
    fn the_order_of_codes_is_unchanged() {
        let former = |code: Code| FORMER_ORDER.iter().position(|text| *text == code.as_str());
        assert_eq!(Code::ALL.len(), FORMER_ORDER.len());
        for &one in Code::ALL {
            for &other in Code::ALL {
                assert!(former(one).is_some() && former(other).is_some());
                assert_eq!(one.reached().cmp(&other.reached()), former(one).cmp(&former(other)), "{one} {other}");
            }
        }
    }
}
