//! Trusted signing profiles of AWS Signer.

use super::Identities;
use super::Identity;
use super::expected;
use super::shown;
use crate::codec::text::Text;
use crate::name::SignerIdentity;
use crate::name::SignerNearMiss;
use crate::name::SigningProfileAlias;
use crate::name::SigningProfileVersion;
use crate::policy::identity_mismatch::IdentityMismatch;

/// Longest ARN in a remedy, in bytes: it is copied into a trust policy, so that it must not be cut. Those of AWS have at most 150.
const ARN_BYTES: usize = 256;

impl Identities {
    /// Whether the signing profile of a signature, or the alias that it was used under, is one of these. Names are compared byte
    /// by byte; the service's own plugin ignores their case.
    ///
    /// # Errors
    /// The reason why no entry matches, with the nearest one and its differences. [`Identities::Any`] does not match, as it would
    /// trust every customer of AWS.
    pub fn matches_profile(
        &self,
        version: &SigningProfileVersion,
        alias: Option<&SigningProfileAlias>,
    ) -> Result<(), IdentityMismatch> {
        let listed = match self {
            Self::Any => {
                let remedy = remedy(version, |arn, trusted| {
                    format!("replace * in trustedIdentities of the statement by {arn:?}, {trusted}")
                });
                return Err(IdentityMismatch::AnyProfile { profile: shown(version.as_str()), remedy });
            }
            Self::Listed(listed) => listed,
        };
        if listed.iter().filter_map(Identity::signer).any(|signer| signer.matches(version, alias)) {
            return Ok(());
        }
        let profile = Text::of(match alias {
            None => format!("{}", shown(version.as_str())),
            Some(alias) => format!("{} under the alias {}", shown(version.as_str()), shown(alias.as_str())),
        });
        let near = listed.iter().filter_map(|identity| {
            let near = SignerNearMiss::of(identity.as_str(), version, alias)?;
            Some((identity.as_str(), near))
        });
        let nearest = near.min_by_key(|(_, near)| near.distance());
        let remedy = match &nearest {
            Some((entry, near)) => remedy_of_near_miss(entry, near, version),
            None => remedy(version, add),
        };
        // Also those that are almost ARNs of AWS Signer.
        let is_signer = |identity: &&Identity| {
            let text = identity.as_str();
            let is_nearest = nearest.as_ref().is_some_and(|(entry, _)| *entry == text);
            is_nearest || identity.signer().is_some() || SignerIdentity::respelled(text).is_some()
        };
        let signers = listed.iter().filter(is_signer).map(Identity::as_str);
        if signers.clone().next().is_none() {
            return Err(IdentityMismatch::NoProfiles { profile, remedy });
        }
        Err(IdentityMismatch::ProfileNotListed { profile, expected: expected(signers, nearest.as_ref()), remedy })
    }
}

fn remedy_of_near_miss(entry: &str, near: &SignerNearMiss, version: &SigningProfileVersion) -> Text {
    let trusted = trusted(version);
    match near.corrected() {
        Some(corrected) if corrected.len() <= ARN_BYTES => Text::of(format_args!(
            "correct {} in trustedIdentities of the statement to {corrected:?}, {trusted}",
            shown(entry)
        )),
        _ if near.is_other_version() => remedy(version, |arn, trusted| {
            format!(
                "sign with the trusted version of the signing profile; or add {arn:?}, which is every version of it, or this version \
                 to trustedIdentities of the statement, {trusted}"
            )
        }),
        Some(_) | None => remedy(version, add),
    }
}

fn add(arn: &str, trusted: &str) -> String {
    format!("sign with a trusted signing profile; or add {arn:?} to trustedIdentities of the statement, {trusted}")
}

/// A remedy that names the ARN of the profile, of any version.
fn remedy(version: &SigningProfileVersion, text: impl Fn(&str, &str) -> String) -> Text {
    match version.profile() {
        arn if arn.len() <= ARN_BYTES => Text::of(text(arn, &trusted(version))),
        _ => "sign with a trusted signing profile, or add its ARN to trustedIdentities of the statement".into(),
    }
}

/// A signature by the profile of a stranger must not become trusted by a remedy that is followed without a thought.
fn trusted(version: &SigningProfileVersion) -> String {
    match version.account() {
        Some(account) => format!("if you trust this profile of account {account}"),
        None => "if you trust this profile".to_owned(),
    }
}

#[cfg(test)]
mod tests;
