//! The roots of AWS Signer: certificates of trust stores are compared with those whose fingerprints are known.
//!
//! Everyone who holds the key of a root can make a signature for every signing profile, so a trust store with another root than
//! that of AWS is probably a mistake. AWS documents roots for two partitions; those of others are not known here.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use countersign_core::name::SignerIdentity;
use countersign_core::policy::SignerRoot;
use countersign_core::policy::StoreKind;

use super::Findings;
use crate::policy_source::ModeOutline;
use crate::policy_source::RequirementOutline;
use crate::policy_source::StatementOutline;
use crate::policy_source::StoreOutline;

/// Maximum number of statements in one warning.
const SHOWN_STATEMENTS: usize = 5;

/// What is known of the certificate with this fingerprint in `store` of a statement with `rules`; `None` if signatures of AWS
/// Signer are not trusted by it.
pub(super) fn root(rules: &RequirementOutline, store: &StoreOutline, fingerprint: &str) -> Option<SignerRoot> {
    let is_used = is_of_services(store) && identities(rules).next().is_some();
    is_used.then(|| SignerRoot::of(fingerprint))
}

fn is_of_services(store: &StoreOutline) -> bool {
    store.name.split_once(':').is_some_and(|(kind, _)| kind == StoreKind::SigningAuthority.as_str())
}

/// The names of AWS Signer among the identities, with their partitions.
fn identities(rules: &RequirementOutline) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |text: &&String| matches!(SignerIdentity::parse(text), Some(Ok(_)));
    rules.identities.iter().filter(is_name).map(|text| (text.as_str(), text.split(':').nth(1).unwrap_or_default()))
}

/// A certificate that is not known, with the statements that trust signing profiles under it.
struct UnknownRoot<'a> {
    subject: String,
    statements: Vec<&'a str>,
    /// The names of the partitions of the signing profiles.
    partitions: BTreeSet<&'a str>,
}

/// The partitions of the identities of which no store has the root: signatures of their profiles may have any root.
fn partitions_without_root(rules: &RequirementOutline) -> BTreeSet<&str> {
    let certificates = rules.stores.iter().flat_map(|store| &store.certificates);
    let roots: Vec<SignerRoot> = certificates.map(|certificate| SignerRoot::of(&certificate.fingerprint)).collect();
    let has_root = |partition: &str| SignerRoot::of_partition(partition).is_some_and(|root| roots.contains(&root));
    identities(rules).map(|(_, partition)| partition).filter(|partition| !has_root(partition)).collect()
}

/// Warns about certificates that are not known, and about identities in partitions whose root is in no store.
pub(super) fn check(statements: &[StatementOutline], findings: &mut Findings) {
    let mut unknown: BTreeMap<(&str, &str), UnknownRoot<'_>> = BTreeMap::new();
    for StatementOutline { name, mode, .. } in statements {
        let ModeOutline::Verify(rules) = mode else { continue };
        let partitions = partitions_without_root(rules);
        let mut roots = Vec::new();
        for store in &rules.stores {
            for certificate in &store.certificates {
                let Some(root) = root(rules, store, &certificate.fingerprint) else { continue };
                roots.push(root);
                if root == SignerRoot::Unknown && !partitions.is_empty() {
                    let key = (store.name.as_str(), certificate.fingerprint.as_str());
                    let found = unknown.entry(key).or_insert_with(|| UnknownRoot {
                        subject: certificate.subject.to_string(),
                        statements: Vec::new(),
                        partitions: BTreeSet::new(),
                    });
                    found.statements.push(name);
                    found.partitions.extend(&partitions);
                }
            }
        }
        about_partitions(name, rules, &roots, findings);
    }
    for ((store, fingerprint), UnknownRoot { subject, statements, partitions }) in unknown {
        findings.warn(
            "aws-signer-root-unknown",
            format_args!(
                "trust store {store}: certificate {subject:?} (SHA-256 {fingerprint}) is not a root of AWS Signer whose fingerprint \
                 is known, and signing profiles are trusted under it (statements {}); {}",
                listed(&statements),
                expected(&partitions)
            ),
        );
    }
}

/// The roots of these partitions, as far as they are known.
fn expected(partitions: &BTreeSet<&str>) -> String {
    let known = partitions.iter().filter_map(|name| Some((name, SignerRoot::fingerprint_for(name)?)));
    let mut parts: Vec<String> =
        known.map(|(name, fingerprint)| format!("expected SHA-256 {fingerprint} for the partition {name}")).collect();
    if !parts.is_empty() {
        parts.push(
            "openssl x509 -fingerprint -sha256 prints these digits in upper case, in pairs with colons".to_owned(),
        );
    }
    if partitions.iter().any(|name| SignerRoot::fingerprint_for(name).is_none()) {
        parts.push(
            "only the roots of commercial regions and of GovCloud (US) are known: for another partition bring your own, and \
             compare it with the one that AWS documents"
                .to_owned(),
        );
    }
    parts.join("; ")
}

/// An identity matches no signature if its partition has a known root, and the stores have only known roots of others.
fn about_partitions(name: &str, rules: &RequirementOutline, roots: &[SignerRoot], findings: &mut Findings) {
    let of_roots: Option<Vec<&str>> = roots.iter().map(|root| root.partition()).collect();
    let Some(of_roots) = of_roots.filter(|partitions| !partitions.is_empty()) else { return };
    for (identity, partition) in identities(rules) {
        let is_known =
            [SignerRoot::Commercial, SignerRoot::GovCloud].iter().any(|root| root.partition() == Some(partition));
        if is_known && !of_roots.contains(&partition) {
            findings.warn(
                "aws-signer-root-of-another-partition",
                format_args!(
                    "statement {name:?} has the identity {identity:?}, which no signature matches: found {}, expected that of \
                     the partition {partition} in its trust stores",
                    roots.first().map_or("", |root| root.description())
                ),
            );
        }
    }
}

fn listed(names: &[&str]) -> String {
    let mut shown: Vec<String> = names.iter().take(SHOWN_STATEMENTS).map(|name| format!("{name:?}")).collect();
    if let Some(more) = names.len().checked_sub(SHOWN_STATEMENTS + 1) {
        shown.push(format!("and {} more", more + 1));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests;
