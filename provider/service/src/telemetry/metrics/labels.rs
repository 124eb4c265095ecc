//! The closed sets of label values.

use countersign_http::Resource;
use countersign_http::Resources;
use countersign_http::Unit;
use countersign_registry::Stage;
use countersign_registry::resources;

/// Replaces unknown label values.
pub const OTHER: &str = "other";

/// The label `registry` of hosts that no entry of the configuration matches.
pub const UNLISTED: &str = "unlisted";

/// The stages of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictStage {
    /// Waiting for a permit.
    Queue,
    /// A request to a registry.
    Registry(Stage),
    /// The verification of a signature.
    Verify,
}

impl VerdictStage {
    /// Every stage, in the order of [`Self::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Queue].into_iter().chain(Stage::ALL.iter().copied().map(Self::Registry)).chain([Self::Verify])
    }

    /// The position in [`Self::all`].
    pub(super) fn index(self) -> usize {
        match self {
            Self::Queue => 0,
            Self::Registry(stage) => 1 + stage as usize,
            Self::Verify => 1 + Stage::ALL.len(),
        }
    }

    /// Stable text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Registry(stage) => stage.as_str(),
            Self::Verify => "verify",
        }
    }
}

/// Images being pinned or verified. Those that wait are refused by the time that they would wait; their number is a bound on memory: 6 KiB
/// for each, which the limit on requests being processed counts.
pub const VERIFICATIONS: Resource =
    Resource::new("verifications", "too many verifications in progress", Unit::Item, 32);

/// Requests for evidence and their responses.
pub const EVIDENCE: Resources = Resources {
    requests: Resource::new("evidence-requests", "too many requests for evidence in progress", Unit::Item, 64),
    responders: Resource::new("evidence-answers", "too many requests for evidence in progress", Unit::Item, 64),
    bytes: Resource::new("evidence-bytes", "too many bytes of evidence being received", Unit::Byte, 8),
};

/// Requests to AWS and their responses.
pub const AWS: Resources = Resources {
    requests: Resource::new("aws-requests", "too many requests to AWS in progress", Unit::Item, 64),
    responders: Resource::new("aws-answers", "too many requests to AWS in progress", Unit::Item, 64),
    bytes: Resource::new("aws-bytes", "too many bytes of responses of AWS being received", Unit::Byte, 8),
};

/// Requests to Azure and their responses.
pub const AZURE: Resources = Resources {
    requests: Resource::new("azure-requests", "too many requests to Azure in progress", Unit::Item, 64),
    responders: Resource::new("azure-answers", "too many requests to Azure in progress", Unit::Item, 64),
    bytes: Resource::new("azure-bytes", "too many bytes of responses of Azure being received", Unit::Byte, 8),
};

/// Requests to Google Cloud and their responses.
pub const GOOGLE: Resources = Resources {
    requests: Resource::new("google-requests", "too many requests to Google Cloud in progress", Unit::Item, 64),
    responders: Resource::new("google-answers", "too many requests to Google Cloud in progress", Unit::Item, 64),
    bytes: Resource::new("google-bytes", "too many bytes of responses of Google Cloud being received", Unit::Byte, 8),
};

/// All resources that have a limit with shares.
pub fn limited_resources() -> impl Iterator<Item = Resource> {
    let of_kind = |Resources { requests, responders, bytes }: Resources| [requests, responders, bytes];
    // None in a build without the cloud.
    let aws = cfg!(feature = "aws").then_some(AWS);
    let azure = cfg!(feature = "azure").then_some(AZURE);
    let google = cfg!(feature = "google").then_some(GOOGLE);
    let kinds = [EVIDENCE].into_iter().chain(aws).chain(azure).chain(google).flat_map(of_kind);
    [VERIFICATIONS].into_iter().chain(resources::ALL.iter().copied()).chain(kinds)
}

macro_rules! labels {
    ($(#[$about:meta])* $name:ident { $($(#[$one:meta])* $variant:ident $text:literal)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$one])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Stable text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

labels! {
    /// The kinds of evidence that are requested.
    EvidenceKind {
        Ocsp "ocsp"
        /// Complete and delta CRLs.
        Crl "crl"
        /// Statuses of signatures at AWS Signer.
        AwsSigner "aws-signer"
    }
}

labels! {
    /// How a request for evidence ended.
    EvidenceResult {
        /// A verified OCSP response or CRL.
        Ok "ok"
        /// Not sent: the configuration does not allow it, or the proxy cannot be used.
        Refused "refused"
        /// Not sent: there are no credentials for it.
        Credentials "credentials"
        /// No connection, or it was interrupted.
        Unreachable "unreachable"
        /// No response in time.
        Timeout "timeout"
        /// 429, or 503 with a pause.
        Throttled "throttled"
        /// Another status from 500 on.
        ServerError "server-error"
        /// Another status than 200, redirects included.
        Status "status"
        /// The response is larger than the limit.
        TooLarge "too-large"
        /// A response that violates a limit or the protocol.
        Invalid "invalid"
        /// The content is not a usable OCSP response or CRL.
        Unusable "unusable"
        /// Cancelled, as a limit of this process was reached.
        Overloaded "overloaded"
    }
}

labels! {
    /// The calls of AWS.
    AwsCall {
        /// Credentials of the pod.
        Credentials "credentials"
        /// STS `AssumeRole`, for a role of the configuration.
        AssumeRole "assume-role"
        /// Amazon ECR `GetAuthorizationToken`.
        EcrToken "ecr-token"
        /// Amazon ECR Public `GetAuthorizationToken`.
        EcrPublicToken "ecr-public-token"
        /// AWS Signer `GetRevocationStatus`.
        SignerStatus "signer-status"
    }
}

labels! {
    /// The calls of Azure.
    AzureCall {
        /// A token of Microsoft Entra for a workload identity or an application.
        EntraToken "entra-token"
        /// A token of Microsoft Entra for a managed identity.
        ManagedIdentityToken "managed-identity-token"
        /// The exchange for a token of Azure Container Registry.
        AcrExchange "acr-exchange"
        /// The versions of a certificate of Azure Key Vault.
        KeyVaultVersions "key-vault-versions"
        /// A certificate of Azure Key Vault.
        KeyVaultCertificate "key-vault-certificate"
        /// The secret of a certificate of Azure Key Vault.
        KeyVaultSecret "key-vault-secret"
    }
}

labels! {
    /// The calls of Google Cloud.
    GoogleCall {
        /// An access token of the metadata server.
        MetadataToken "metadata-token"
    }
}

labels! {
    /// How a call of a cloud ended.
    CloudCallResult {
        Ok "ok"
        /// Refused because of the number of calls.
        Throttled "throttled"
        /// Not sent: there are no credentials.
        Credentials "credentials"
        /// No response in time.
        Timeout "timeout"
        /// No connection, or it was interrupted.
        Unreachable "unreachable"
        /// A status from 500 on.
        Failed "failed"
        /// Another status than 200.
        Refused "refused"
        /// A response that is not usable.
        Invalid "invalid"
        /// Not sent: the settings do not allow it.
        NotAllowed "not-allowed"
    }
}

labels! {
    /// What the caches of verdicts, of tags, of signatures, of evidence and of items of responses do.
    CacheEvent {
        VerdictHit "verdict-hit"
        VerdictMiss "verdict-miss"
        VerdictStored "verdict-stored"
        VerdictEvicted "verdict-evicted"
        VerdictAhead "verdict-ahead"
        VerdictAheadRefused "verdict-ahead-refused"
        VerdictRenewed "verdict-renewed"
        VerdictAgain "verdict-again"
        TagRenewed "tag-renewed"
        TagHit "tag-hit"
        TagMiss "tag-miss"
        /// The registry has it, and it was not received again.
        SignatureHit "signature-hit"
        SignatureMiss "signature-miss"
        SignatureStored "signature-stored"
        SignatureEvicted "signature-evicted"
        ItemHit "item-hit"
        ItemMiss "item-miss"
        ItemEvicted "item-evicted"
        EvidenceHit "evidence-hit"
        EvidenceMiss "evidence-miss"
        EvidenceStored "evidence-stored"
        EvidenceEvicted "evidence-evicted"
    }
}

labels! {
    /// The parts of the cache of verdicts.
    CachedVerdicts {
        Verified "verified"
        Rejected "rejected"
    }
}

labels! {
    /// How a request ended; of several the last.
    Outcome {
        /// Every key has a value. The value may be a rejection.
        Ok "ok"
        /// Some key has an item error.
        ItemError "item-error"
        /// Some key is undecided.
        SystemError "system-error"
        /// Some key was not finished in time.
        TimedOut "timed-out"
        /// Not a valid request, or too large.
        BadRequest "bad-request"
        /// A bug.
        InternalError "internal-error"
        /// The caller left before the response.
        Abandoned "abandoned"
    }
}

labels! {
    /// Why a connection was refused before its first request.
    HandshakeFailure {
        /// The handshake took too long.
        Timeout "timeout"
        /// Evicted by many unfinished handshakes.
        Evicted "crowded"
        /// The client left, or sent an alert: it does not accept the server's certificate.
        ClientLeft "client-left"
        /// TLS below 1.3, or no algorithm in common.
        Incompatible "incompatible"
        NoCertificate "no-certificate"
        /// Issued by another authority, expired, or not for clients.
        BadCertificate "bad-certificate"
        /// A valid certificate of a client that is not allowed.
        NameNotAllowed "name-not-allowed"
        /// Not TLS.
        Malformed "malformed"
        /// All connections have running requests.
        TooManyConnections "too-many-connections"
    }
}

labels! {
    /// Certificates in use.
    Certificate {
        Server "server"
        ClientCa "client-ca"
        /// Countersign's own, for registries that request one.
        RegistryClient "registry-client"
        /// In trust stores of type `ca`.
        StoreCa "store-ca"
        /// In trust stores of type `signingAuthority`.
        StoreSigningAuthority "store-signing-authority"
        /// In trust stores of type `tsa`.
        StoreTsa "store-tsa"
    }
}

labels! {
    /// The parts of the running service that are loaded from files, and reloaded when these change. `/readyz?verbose`
    /// lists them in this order.
    Component {
        Config "config"
        Tls "tls"
        Trust "trust"
        /// Credentials and authorities of registries.
        Registries "registries"
    }
}
