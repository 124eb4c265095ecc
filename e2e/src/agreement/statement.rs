//! The statement of a case in the trust policy, and its trust stores, in the layout of notation.

use std::fs;
use std::path::Path;

use countersign_testkit::pki::Authority;
use serde_json::Value;
use serde_json::json;

use super::axes::Case;
use super::axes::Identity;
use super::axes::PolicyLevel;
use super::axes::SigningScheme;
use super::axes::StoreContent;
use super::axes::Timestamp;

/// The certificates that the trust stores of a case may contain, DER.
pub(super) struct Trusted<'a> {
    pub(super) leaf: &'a [u8],
    pub(super) issuing: &'a [u8],
    pub(super) root: &'a [u8],
    /// Another root.
    pub(super) other: &'a Authority,
    /// The root of timestamps.
    pub(super) tsa: &'a Authority,
}

/// The statement with this name for this repository.
pub(super) fn statement(case: &Case, name: &str, scope: &str) -> Value {
    let (level, changed) = level(case.level);
    let mut verification = json!({ "level": level });
    if let Some((check, action)) = changed {
        verification["override"] = json!({ check: action });
    }
    let mut statement = json!({ "name": name, "registryScopes": [scope] });
    if case.level != PolicyLevel::Skip {
        let (has_store, option) = verify_timestamp(case.timestamp);
        if let Some(option) = option {
            verification["verifyTimestamp"] = json!(option);
        }
        let mut stores: Vec<String> = stores(case, name).iter().map(|(kind, name)| format!("{kind}:{name}")).collect();
        if has_store {
            stores.push(format!("tsa:{name}"));
        }
        statement["trustStores"] = json!(stores);
        statement["trustedIdentities"] = json!(identities(case.identity, name));
    }
    statement["signatureVerification"] = verification;
    statement
}

fn level(level: PolicyLevel) -> (&'static str, Option<(&'static str, &'static str)>) {
    let authenticity = |action| Some(("authenticity", action));
    let timestamp = |action| Some(("authenticTimestamp", action));
    let expiry = |action| Some(("expiry", action));
    let revocation = |action| Some(("revocation", action));
    match level {
        PolicyLevel::Strict => ("strict", None),
        PolicyLevel::Permissive => ("permissive", None),
        PolicyLevel::Audit => ("audit", None),
        PolicyLevel::Skip => ("skip", None),
        PolicyLevel::StrictAuthenticityLog => ("strict", authenticity("log")),
        PolicyLevel::StrictTimestampLog => ("strict", timestamp("log")),
        PolicyLevel::StrictExpiryLog => ("strict", expiry("log")),
        PolicyLevel::StrictRevocationLog => ("strict", revocation("log")),
        PolicyLevel::StrictRevocationSkip => ("strict", revocation("skip")),
        PolicyLevel::PermissiveAuthenticityLog => ("permissive", authenticity("log")),
        PolicyLevel::PermissiveTimestampEnforce => ("permissive", timestamp("enforce")),
        PolicyLevel::PermissiveExpiryEnforce => ("permissive", expiry("enforce")),
        PolicyLevel::PermissiveRevocationEnforce => ("permissive", revocation("enforce")),
        PolicyLevel::AuditAuthenticityEnforce => ("audit", authenticity("enforce")),
        PolicyLevel::AuditTimestampEnforce => ("audit", timestamp("enforce")),
        PolicyLevel::AuditExpiryEnforce => ("audit", expiry("enforce")),
        PolicyLevel::AuditRevocationEnforce => ("audit", revocation("enforce")),
        PolicyLevel::AuditRevocationSkip => ("audit", revocation("skip")),
    }
}

/// Whether the statement has a `tsa` store, and its `verifyTimestamp`.
fn verify_timestamp(timestamp: Timestamp) -> (bool, Option<&'static str>) {
    match timestamp {
        Timestamp::Off | Timestamp::Ignored => (false, None),
        Timestamp::ValidDefault | Timestamp::NoneDefault => (true, None),
        Timestamp::ValidAfterExpiry
        | Timestamp::NoneAfterExpiry
        | Timestamp::OtherSignatureAfterExpiry
        | Timestamp::UntrustedAfterExpiry => (true, Some("afterCertExpiry")),
        Timestamp::ValidAlways
        | Timestamp::NoneAlways
        | Timestamp::OtherSignature
        | Timestamp::Untrusted
        | Timestamp::Early
        | Timestamp::Future
        | Timestamp::Cut
        | Timestamp::RevokedTsa
        | Timestamp::UncheckedTsa
        | Timestamp::StoreMissing => (true, Some("always")),
    }
}

/// Type and name of the trust stores of the statement beside that for timestamps.
fn stores(case: &Case, name: &str) -> Vec<(&'static str, String)> {
    let (right, wrong) = match case.scheme {
        SigningScheme::X509 => ("ca", "signingAuthority"),
        SigningScheme::SigningAuthority => ("signingAuthority", "ca"),
    };
    let own = || (right, name.to_owned());
    match case.store {
        StoreContent::Root
        | StoreContent::Issuer
        | StoreContent::OtherRoot
        | StoreContent::Leaf
        | StoreContent::Empty
        | StoreContent::Missing => vec![own()],
        StoreContent::Two => vec![(right, format!("{name}-other")), own()],
        StoreContent::BothTypes => vec![(wrong, name.to_owned()), own()],
        StoreContent::OtherType => vec![(wrong, name.to_owned())],
        StoreContent::RootAndMissing => vec![own(), (right, format!("{name}-missing"))],
    }
}

/// Writes the trust stores of a case below `x509`.
pub(super) fn write_stores(case: &Case, name: &str, x509: &Path, trusted: &Trusted<'_>) -> anyhow::Result<()> {
    if case.level == PolicyLevel::Skip {
        return Ok(());
    }
    for (kind, store) in stores(case, name) {
        let is_other = store.ends_with("-other");
        let content = match case.store {
            StoreContent::Missing => None,
            StoreContent::RootAndMissing if store != name => None,
            StoreContent::Two if is_other => Some(trusted.other.der()),
            StoreContent::OtherRoot => Some(trusted.other.der()),
            StoreContent::Issuer => Some(trusted.issuing),
            StoreContent::Leaf => Some(trusted.leaf),
            StoreContent::Empty => Some(&[][..]),
            StoreContent::Root
            | StoreContent::Two
            | StoreContent::BothTypes
            | StoreContent::OtherType
            | StoreContent::RootAndMissing => Some(trusted.root),
        };
        if let Some(content) = content {
            write(x509, kind, &store, content)?;
        }
    }
    if verify_timestamp(case.timestamp).0 && case.timestamp != Timestamp::StoreMissing {
        write(x509, "tsa", name, trusted.tsa.der())?;
    }
    Ok(())
}

/// Makes a trust store with this certificate, or an empty one.
fn write(x509: &Path, kind: &str, store: &str, certificate: &[u8]) -> anyhow::Result<()> {
    let directory = x509.join(kind).join(store);
    fs::create_dir_all(&directory)?;
    if !certificate.is_empty() {
        fs::write(directory.join("certificate.der"), certificate)?;
    }
    Ok(())
}

fn identities(identity: Identity, name: &str) -> Vec<String> {
    let subject = |attributes: &str| format!("x509.subject: {attributes}");
    let partial = "C=CH, ST=ZH, O=Agreement AG";
    match identity {
        Identity::Any => vec!["*".to_owned()],
        Identity::Full => vec![subject(&format!("{partial}, CN={name}"))],
        Identity::Partial => vec![subject(partial)],
        Identity::OtherOrder => vec![subject(&format!("CN={name}, O=Agreement AG, ST=ZH, C=CH"))],
        Identity::Multi => vec![subject("C=CH, ST=ZH, O=Other AG"), subject(partial)],
        Identity::Other => vec![subject("C=CH, ST=ZH, O=Other AG")],
        Identity::Case => vec![subject("C=CH, ST=ZH, O=AGREEMENT AG")],
        Identity::Further => vec![subject(&format!("{partial}, OU=Release, CN={name}"))],
    }
}
