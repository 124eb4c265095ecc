//! Every number that bounds what comes from outside, with the origin of the number.
//!
//! Floor 0: uses nothing. A limit that an operator may want to change is a field of a configuration type elsewhere;
//! what stands here is what no legitimate input comes near.

/// Longest image reference read, in bytes. 255 for the name, 128 for the tag, 135 for a sha512 digest, two separators,
/// rounded up.
pub const REFERENCE_BYTES: usize = 1024;

/// Longest repository name, host included, in bytes: the limit of the distribution project's reference grammar.
pub const REPOSITORY_BYTES: usize = 255;

/// Largest manifest read, target or signature, in bytes: the 4 MiB that the OCI distribution specification asks
/// registries to accept at least, and the limit of notation-go.
pub const MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// Largest referrers page or fallback index read, in bytes. An index is a manifest.
pub const REFERRERS_PAGE_BYTES: usize = MANIFEST_BYTES;

/// Most referrers pages followed. Registries send some hundred entries a page; a hostile one may send empty pages for ever.
pub const REFERRERS_PAGES: usize = 50;

/// Most referrers entries looked at, of any artifact type, over all pages.
pub const REFERRERS_ENTRIES: usize = 1000;

/// Signatures tried per image unless configured otherwise: the default of the notation command line.
pub const SIGNATURES_PER_IMAGE: usize = 100;

/// Largest signature envelope, in bytes. A JWS with ten certificates and a timestamp stays below 100 KiB.
pub const ENVELOPE_BYTES: usize = 1024 * 1024;

/// Largest signed payload, in bytes: one descriptor with annotations.
pub const PAYLOAD_BYTES: usize = 64 * 1024;

/// Largest RFC 3161 token, in bytes.
pub const TIMESTAMP_TOKEN_BYTES: usize = 64 * 1024;

/// Deepest nesting of JSON and CBOR inside an envelope.
pub const ENVELOPE_DEPTH: usize = 16;

/// Deepest nesting of a manifest or index. Annotations and platforms need four levels.
pub const MANIFEST_DEPTH: usize = 32;

/// Most header members in one envelope map, and most names in `crit`.
pub const ENVELOPE_MEMBERS: usize = 64;

/// Most certificates in an envelope's chain. Public chains have four.
pub const CHAIN_CERTIFICATES: usize = 10;

/// Largest certificate, in bytes.
pub const CERTIFICATE_BYTES: usize = 64 * 1024;

/// Largest trust policy document, in bytes: what a ConfigMap can hold.
pub const POLICY_BYTES: usize = 1024 * 1024;

/// Most statements in a trust policy document.
pub const POLICY_STATEMENTS: usize = 1000;

/// Most trust stores, and most trusted identities, in one statement: they are compared with one another.
pub const STATEMENT_ENTRIES: usize = 1000;

/// Most certificates in one named trust store. The Mozilla root list has fewer than 200.
pub const STORE_CERTIFICATES: usize = 1000;

/// Largest file of a trust store, in bytes: what a ConfigMap or Secret can hold.
pub const STORE_FILE_BYTES: usize = 1024 * 1024;

/// Most blocks in one PEM file. The Mozilla root list has fewer than 200 certificates.
pub const PEM_BLOCKS: usize = 1000;
