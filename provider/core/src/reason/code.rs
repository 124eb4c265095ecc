//! Reason codes: a contract with dashboards, alerts and scripts. The golden file `provider/tests/golden/codes.txt`
//! holds their texts; changing one is a visible act.

use std::fmt;

use super::VerdictKind;

/// Whose action ends the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// Nobody: all is well.
    Nobody,
    /// Who wrote the image reference.
    Caller,
    /// Who signed, or should have.
    Signer,
    /// Who runs Countersign: policy, trust stores, credentials.
    Operator,
    /// The registry, or the network to it.
    Registry,
    /// Us: a bug or a missing feature.
    Countersign,
}

impl Blame {
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Caller => "caller",
            Self::Signer => "signer",
            Self::Operator => "operator",
            Self::Registry => "registry",
            Self::Countersign => "countersign",
        }
    }
}

macro_rules! codes {
    ($($variant:ident $text:literal $kind:ident $blame:ident $advice:literal)*) => {
        /// Why a verdict is what it is. Declared in the order in which the checks come, so that of several failed
        /// signatures the one that came furthest has the greatest code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $advice] $variant,)* }

        impl Code {
            /// Every code, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Stable text: metric label, JSON member, log field, denial.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The kind of verdict that this code leads to.
            #[must_use]
            pub fn kind(self) -> VerdictKind {
                match self { $(Self::$variant => VerdictKind::$kind,)* }
            }

            #[must_use]
            pub fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)* }
            }

            /// What to do next, as one sentence without a full stop.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    // Decided well.
    Verified "verified" Verified Nobody "nothing to do"
    Skipped "skipped" Skipped Nobody "nothing to do: a statement of the trust policy skips this repository"

    // Before any signature is looked at.
    InvalidReference "invalid-reference" Rejected Caller "correct the image reference in the workload"
    NoApplicableRule "no-applicable-rule" Rejected Operator "add the repository to registryScopes of a statement in the trust policy"
    NotReady "not-ready" Inconclusive Operator "correct the trust policy document; /readyz and countersign check say what is wrong with it"
    StatementDisabled "statement-disabled" Inconclusive Operator "correct the statement of the trust policy; countersign check names every mistake"
    TrustStoreUnusable "trust-store-unusable" Inconclusive Operator "put certificates that can be read into the trust store; countersign check names every mistake"
    RegistryNotAllowed "registry-not-allowed" Inconclusive Operator "add the registry to the configuration, or use an image from a registry that is there"
    RegistryMisconfigured "registry-misconfigured" Inconclusive Operator "correct the file and entry that the message names; countersign check names every mistake"
    RegistryUnreachable "registry-unreachable" Inconclusive Registry "check name, network policy, proxy and TLS of the host in the message, the registry or its blob store; the next request tries again"
    RegistryTimeout "registry-timeout" Inconclusive Registry "check the registry's speed; the next request tries again"
    RegistryDenied "registry-denied" Inconclusive Operator "give the registry's credentials read access to the repository"
    RegistryThrottled "registry-throttled" Inconclusive Registry "wait for the registry's rate limit, or use credentials with a higher one"
    RegistryFailed "registry-failed" Inconclusive Registry "check the registry's health; the next request tries again"
    RegistryAnswerInvalid "registry-answer-invalid" Inconclusive Registry "check the registry and whatever stands between it and Countersign"
    RegistryRedirectRefused "registry-redirect-refused" Inconclusive Registry "have the registry redirect to an https address that Countersign may reach, or add the blob store's host to registries in the configuration"
    ReferrersUnsupported "referrers-unsupported" Inconclusive Registry "use a registry with the OCI referrers API and let /referrers/ through to it, or push the signature with the referrers tag schema"
    ImageNotFound "image-not-found" Inconclusive Caller "push the image, or correct its name, tag or digest"
    ImageUnsupported "image-unsupported" Rejected Caller "use an OCI or Docker v2 image manifest or index"
    DeadlineExceeded "deadline-exceeded" Inconclusive Registry "try again; if it stays, raise the Provider's and the webhook's time-outs"
    Overloaded "overloaded" Inconclusive Operator "add replicas or raise the limits of concurrent work"
    InternalError "internal-error" Inconclusive Countersign "report this with the log line that has the same request id"
    TooManySignatures "too-many-signatures" Inconclusive Operator "remove stale signatures from the image, or raise verification.maxSignatures"
    Unsigned "unsigned" Rejected Signer "sign the image with notation and push the signature beside it; signatures of other tools (cosign, Docker Content Trust, GPG) are not read"

    // One signature: what is stored.
    SignatureUnavailable "signature-unavailable" Inconclusive Registry "push the signature again, or remove the broken referrer"
    SignatureManifestInvalid "signature-manifest-invalid" Rejected Signer "sign the image again, or remove the broken referrer"
    EnvelopeUnsupported "envelope-unsupported" Rejected Signer "sign as application/jose+json or application/cose"
    EnvelopeMalformed "envelope-malformed" Rejected Signer "sign the image again; the envelope is damaged or not of the Notary Project's form"

    // One signature: integrity.
    CriticalAttributeUnknown "critical-attribute-unknown" Rejected Signer "sign without the critical attribute that no verifier here understands"
    CertificateInvalid "certificate-invalid" Rejected Signer "have the signing certificate or its CA reissued to the Notary Project's certificate requirements"
    ChainInvalid "chain-invalid" Rejected Signer "sign with the complete certificate chain, leaf first, root last"
    AlgorithmMismatch "algorithm-mismatch" Rejected Signer "sign with the algorithm that belongs to the key"
    SignatureMismatch "signature-mismatch" Rejected Signer "sign the image again; the envelope was altered after signing"
    PayloadInvalid "payload-invalid" Rejected Signer "sign the image again with a Notary Project client"
    TargetMismatch "target-mismatch" Rejected Signer "sign this image; the signature belongs to another one"
    MetadataMissing "metadata-missing" Rejected Signer "sign with the user metadata that the configuration requires"
    PluginUnsupported "plugin-unsupported" Rejected Signer "sign without a verification plugin, or with one that Countersign has built in"

    // One signature: the statement's five checks.
    UntrustedChain "untrusted-chain" Rejected Signer "sign with a certificate of a trusted root, or add the root to the statement's trust store"
    UntrustedIdentity "untrusted-identity" Rejected Signer "sign with a trusted identity, or add the certificate's subject to trustedIdentities"
    Expired "expired" Rejected Signer "sign the image again; the signature has reached its expiry"
    CertificateOutsideValidity "certificate-outside-validity" Rejected Signer "sign with a certificate that is valid, or have signatures timestamped"
    TimestampInvalid "timestamp-invalid" Rejected Signer "sign again with a timestamp of a trusted TSA"
    Revoked "revoked" Rejected Signer "sign again with a certificate that is not revoked"
    TimestampUnchecked "timestamp-unchecked" Inconclusive Countersign "use a statement without tsa: trust stores or with verifyTimestamp afterCertExpiry; this version cannot check timestamps"
    RevocationUnchecked "revocation-unchecked" Inconclusive Countersign "override revocation to log or skip in the statement; this version cannot ask OCSP responders or CRLs"
    SignerServiceUnchecked "signer-service-unchecked" Inconclusive Countersign "use a signature without AWS Signer; this version cannot ask the service"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
