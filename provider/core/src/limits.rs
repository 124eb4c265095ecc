//! Limits on untrusted input, each with the origin of its number.
//!
//! Limits that an operator may change are fields of configuration types in other crates. The limits here are far
//! above every legitimate input.

/// Maximum size of an image reference, in bytes. 255 for the name, 128 for the tag, 135 for a sha512 digest, two
/// separators, rounded up.
pub const REFERENCE_BYTES: usize = 1024;

/// Maximum size of a tag, in bytes: the limit of the
/// [distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests).
pub const TAG_BYTES: usize = 128;

/// Maximum size of a repository name, host included, in bytes: the limit of many clients, by the
/// [distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests).
pub const REPOSITORY_BYTES: usize = 255;

/// Maximum size of a manifest, target or signature, in bytes: the 4 MiB that the OCI distribution specification
/// requires registries to accept at least, and the limit of notation-go.
pub const MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// Maximum size of a referrers page or fallback index, in bytes. An index is a manifest.
pub const REFERRERS_PAGE_BYTES: usize = MANIFEST_BYTES;

/// Maximum number of referrers pages followed. Registries send some hundred entries per page. A malicious one may send
/// an endless sequence of empty pages.
pub const REFERRERS_PAGES: usize = 50;

/// Maximum number of referrers entries read, of any artifact type, over all pages.
pub const REFERRERS_ENTRIES: usize = 1000;

/// Default limit on the signatures verified per image: that of the notation command line.
pub const SIGNATURES_PER_IMAGE: usize = 100;

/// Maximum size of a signature envelope, in bytes. A JWS with ten certificates and a timestamp stays below 100 KiB.
pub const ENVELOPE_BYTES: usize = 1024 * 1024;

/// Maximum size of a signed payload, in bytes: one descriptor with annotations.
pub const PAYLOAD_BYTES: usize = 64 * 1024;

/// Maximum size of a protected header, in bytes. Real ones have some hundred; signers may add attributes of their own.
pub const PROTECTED_HEADER_BYTES: usize = 64 * 1024;

/// Maximum size of an RFC 3161 token, in bytes. Real ones have 4 to 10 KiB; a token may contain CRLs.
pub const TIMESTAMP_TOKEN_BYTES: usize = 64 * 1024;

/// Maximum number of certificates in an RFC 3161 token. Real ones have two to four.
pub const TIMESTAMP_CERTIFICATES: usize = 10;

/// Maximum number of signatures (SignerInfos) of an RFC 3161 token. Real ones have one.
pub const TIMESTAMP_SIGNERS: usize = 4;

/// Maximum number of signatures of certificates that are verified while the chains of one RFC 3161 token are built. Real
/// tokens need one to four; certificates that could be one another's issuers would need 45 for each signature.
pub const TIMESTAMP_LINKS: usize = 32;

/// Deepest nesting of JSON and CBOR inside an envelope.
pub const ENVELOPE_DEPTH: usize = 16;

/// Maximum number of header members in one envelope map, and of entries of a list such as `crit`. Real ones have ten.
pub const ENVELOPE_MEMBERS: usize = 64;

/// Maximum number of values in one part of an envelope (the JWS itself, one header, a COSE message), whatever their
/// type: both headers full, and as many values again within them seven times over.
pub const ENVELOPE_VALUES: usize = 1024;

/// Maximum number of bytes of annotations that are kept of one entry of a list of referrers, 64 for each annotation
/// included. They are not signed and only affect the order of verification. The thumbprints of a chain of ten
/// certificates take 700.
pub const ENTRY_ANNOTATION_BYTES: usize = 4 * 1024;

/// Maximum number of certificates in an envelope's chain. Public chains have four.
pub const CHAIN_CERTIFICATES: usize = 10;

/// Maximum size of a certificate, in bytes.
pub const CERTIFICATE_BYTES: usize = 64 * 1024;

/// Maximum number of extensions of a certificate. Real ones have ten.
pub const CERTIFICATE_EXTENSIONS: usize = 64;

/// Maximum number of attributes of a subject or issuer. Real ones have ten.
pub const NAME_ATTRIBUTES: usize = 64;

/// Maximum number of names in a subjectAltName, attributes of directory names counted too. Public authorities stop at
/// some hundred.
pub const ALTERNATIVE_NAMES: usize = 1000;

/// Maximum number of purposes in an extKeyUsage. Real ones have five.
pub const KEY_PURPOSES: usize = 64;

/// Maximum number of entries of an authorityInfoAccess or cRLDistributionPoints, and of addresses in one. Real ones
/// have two.
pub const REVOCATION_ADDRESSES: usize = 32;

/// Maximum size of an OCSP response, in bytes. Real ones have one to four KiB; a responder may include its certificate
/// chain.
pub const OCSP_RESPONSE_BYTES: usize = 64 * 1024;

/// Maximum number of single responses in an OCSP response. A request is about one certificate; some responders sign the
/// status of a few at once.
pub const OCSP_SINGLE_RESPONSES: usize = 100;

/// Maximum number of certificates in an OCSP response. Real ones have that of the responder, or its chain.
pub const OCSP_CERTIFICATES: usize = 10;

/// Maximum number of extensions of an OCSP response, of a single response, of a CRL and of an entry of a CRL. Real ones
/// have five.
pub const REVOCATION_EXTENSIONS: usize = 64;

/// Maximum size of a CRL, in bytes: the limit of notation-go. Large public ones have 20 MiB.
pub const CRL_BYTES: usize = 32 * 1024 * 1024;

/// Maximum number of entries of a CRL: twice what large public ones have. The index takes four bytes for each.
pub const CRL_ENTRIES: usize = 1_000_000;

/// Maximum number of revoked names in a response of AWS Signer. A request has two names and a hash for each certificate.
pub const SIGNER_ENTITIES: usize = 64;

/// Maximum size of a trust policy document, in bytes: what a ConfigMap can hold.
pub const POLICY_BYTES: usize = 1024 * 1024;

/// Maximum number of statements in a trust policy document.
pub const POLICY_STATEMENTS: usize = 1000;

/// Maximum number of trust stores that the statements of a document name together: each is a directory that is read
/// periodically, and a metric.
pub const POLICY_STORES: usize = 1000;

/// Maximum number of mistakes kept of one statement of a trust policy, and of a whole document; more are counted.
pub const STATEMENT_MISTAKES: usize = 20;

/// See [`STATEMENT_MISTAKES`]: at least one of each statement.
pub const POLICY_MISTAKES: usize = POLICY_STATEMENTS;

/// Maximum number of trust stores, and of trusted identities, in one statement: they are compared with one another.
pub const STATEMENT_ENTRIES: usize = 1000;

/// Maximum number of certificates in one named trust store. The Mozilla root list has fewer than 200.
pub const STORE_CERTIFICATES: usize = 1000;

/// Maximum size of a file of a trust store, in bytes: what a ConfigMap or Secret can hold.
pub const STORE_FILE_BYTES: usize = 1024 * 1024;

/// Most blocks in one PEM file. The Mozilla root list has fewer than 200 certificates.
pub const PEM_BLOCKS: usize = 1000;

/// Limits on one JSON document, checked while it is parsed, before values are allocated.
///
/// In addition to the document, parsing uses the texts that the type keeps, at most about 100 bytes for each kept
/// value and 75 for each member of the open objects. With the constants below this is at most the larger of three
/// times the document and 1 MiB, and 12 MiB more for a trust policy. `tests/memory/parsing.rs` checks this, also for CBOR and
/// certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// Nesting levels of arrays and objects.
    pub depth: usize,
    /// Values of any type, including the document itself.
    pub values: usize,
    /// Elements of one array.
    pub elements: usize,
    /// Members of one object and of the objects around it. Their names are kept to detect duplicates.
    pub members: usize,
}

/// A JWS envelope, and each of its headers: at most 1024 values, that is 0.2 MiB in addition to the texts. A text is
/// kept encoded and decoded, and protected header and payload, of at most 64 KiB each, once more as signed bytes.
pub const ENVELOPE_JSON: JsonLimits = JsonLimits {
    depth: ENVELOPE_DEPTH,
    values: ENVELOPE_VALUES,
    elements: ENVELOPE_MEMBERS,
    members: ENVELOPE_MEMBERS,
};

/// A signed payload: one descriptor, with annotations that people choose. 64 KiB would allow more, but a thousand are
/// far above real use.
pub const PAYLOAD_JSON: JsonLimits = JsonLimits { depth: ENVELOPE_DEPTH, values: 4096, elements: 1024, members: 1024 };

/// A page of referrers or a fallback index. Of its entries [`REFERRERS_ENTRIES`] are kept, each with
/// [`ENTRY_ANNOTATION_BYTES`] of annotations and 1.5 KiB of other texts at most; the others are skipped, so that the
/// number of values of a page costs no memory. Everyone with push access can give an entry any number of annotations:
/// more than a thousand invalidate the entry, not the page.
pub const INDEX_JSON: JsonLimits =
    JsonLimits { depth: 32, values: REFERRERS_PAGE_BYTES, elements: 10_000, members: 1000 };

/// An image manifest or index, of which only the media type is kept. Runtimes stop at 127 layers or some hundred, an
/// index has one entry for each platform.
pub const TARGET_JSON: JsonLimits = JsonLimits { depth: 32, values: 500_000, elements: 10_000, members: 10_000 };

/// A signature's manifest, of which the descriptors are kept. Real ones have one layer and a few annotations.
pub const REFERRER_JSON: JsonLimits = JsonLimits { depth: 32, values: 20_000, elements: 1000, members: 4096 };

/// A trust policy document: statements, members and lists are four levels. Further levels are allowed, so that errors
/// can name the mistake. [`POLICY_STATEMENTS`] statements with 40 scopes, stores and identities each; at most 12 MiB
/// in addition to the texts.
pub const POLICY_JSON: JsonLimits = JsonLimits { depth: 8, values: 50_000, elements: 50_000, members: 10_000 };
