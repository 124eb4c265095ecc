//! AWS Signer's signatures, as far as they can be judged without asking the service: whose signing profile it was, and
//! whether the statement trusts that profile
//! ([its verification](https://github.com/aws/aws-signer-notation-plugin/blob/main/internal/verifier/verifier.go)).
//!
//! The signing certificates name AWS and not its customer, so that only the profile tells who signed.

use std::fmt;

use super::IntactEnvelope;
use super::SigningScheme;
use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::policy::Identities;
use crate::policy::Identity;
use crate::reason::Code;
use crate::reason::Reason;

/// The plugin that AWS Signer's signatures name.
pub(super) const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";

const PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB: &str = "com.amazonaws.signer.signingJob";

/// Critical attributes that the service's plugin processes.
pub(super) const ATTRIBUTES: [&str; 2] = [PROFILE, JOB];

/// Most trusted identities that a message names.
const IDENTITIES_SHOWN: usize = 8;

/// The version of a signing profile, as an ARN, `arn:…:signer:…:/signing-profiles/NAME/VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SigningProfile(String);

impl SigningProfile {
    /// Reads what the service needs to be asked by.
    ///
    /// # Errors
    /// A scheme or attributes that the service does not write.
    pub(super) fn of(intact: &IntactEnvelope) -> Result<Self, Reason> {
        match &intact.attributes().scheme {
            SigningScheme::SigningAuthority { .. } => {}
            scheme @ SigningScheme::X509 { .. } => {
                let detail = format_args!(
                    "AWS Signer's plugin is asked for under scheme {}: want notary.x509.signingAuthority",
                    scheme.name()
                );
                return Err(Reason::new(Code::PluginUnsupported, detail));
            }
        }
        let profile = attribute(intact, PROFILE, "/signing-profiles/", 2)?;
        attribute(intact, JOB, "/signing-jobs/", 1)?;
        Ok(Self(profile.to_owned()))
    }

    /// Whether a statement's identities name the profile, with any version or with this one. Cases are ignored as the
    /// service's own plugin does it.
    ///
    /// # Errors
    /// Why none of them does. `*` does not: it would trust every customer of AWS.
    pub(super) fn is_trusted(&self, identities: &Identities) -> Result<(), Reason> {
        let refuse = |detail: fmt::Arguments<'_>| Err(Reason::new(Code::UntrustedIdentity, detail));
        let shown = Excerpt::at_most(256, &self.0);
        let listed = match identities {
            Identities::Any => {
                return refuse(format_args!(
                    "the signature is AWS Signer's for {shown}, and the trusted identity is *, which would trust all of its customers: want the ARN of the signing profile"
                ));
            }
            Identities::Listed(listed) => listed,
        };
        let any_version = self.0.rsplit_once('/').map_or("", |(profile, _)| profile);
        let profiles = listed.iter().filter_map(|identity| match identity {
            Identity::Foreign { prefix: _, text } => Some(text.as_str()),
            Identity::Subject(_) => None,
        });
        let names = |text: &str| text.eq_ignore_ascii_case(&self.0) || text.eq_ignore_ascii_case(any_version);
        if profiles.clone().any(names) {
            return Ok(());
        }
        let wanted = text::list(profiles.map(|text| Excerpt::at_most(256, text)), ", ", IDENTITIES_SHOWN);
        refuse(format_args!(
            "signing profile {shown} is none of the trusted identities of that kind: want one of {wanted}"
        ))
    }
}

/// The attribute as the ARN of a resource of AWS Signer, with so many parts behind `kind`.
fn attribute<'a>(
    intact: &'a IntactEnvelope,
    name: &'static str,
    kind: &'static str,
    parts: usize,
) -> Result<&'a str, Reason> {
    let found = intact.attributes().extended(name).and_then(|attribute| attribute.text.as_deref());
    found.filter(|text| is_arn(text, kind, parts)).ok_or_else(|| {
        let found = Excerpt::at_most(256, found.unwrap_or("no text"));
        let detail = format_args!(
            "attribute {name} is {found}: want an ARN of AWS Signer, arn:aws:signer:region:account:{kind}…"
        );
        Reason::new(Code::EnvelopeMalformed, detail)
    })
}

fn is_arn(text: &str, kind: &str, parts: usize) -> bool {
    let Some(("arn", rest)) = text.split_once(':') else { return false };
    let mut fields = rest.splitn(5, ':');
    let [Some(partition), Some("signer"), Some(region), Some(account), Some(resource)] =
        std::array::from_fn(|_| fields.next())
    else {
        return false;
    };
    let inside =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    [partition, region, account].into_iter().all(inside)
        && resource
            .strip_prefix(kind)
            .is_some_and(|names| names.split('/').count() == parts && names.split('/').all(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1234";

    #[test]
    fn an_arn_has_six_fields_and_the_parts_of_its_kind() {
        assert!(is_arn(ARN, "/signing-profiles/", 2));
        assert!(is_arn("arn:aws-us-gov:signer:us-gov-west-1:1:/signing-jobs/0d8b-1", "/signing-jobs/", 1));
        for other in [
            "",
            "arn",
            "arn:aws:signer:eu-central-1:111122223333",
            "arn:aws:signer:eu-central-1:111122223333:",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v/w",
            "arn:aws:signer:eu-central-1:111122223333:signing-profiles/ci/v",
            "arn:aws:signer::111122223333:/signing-profiles/ci/v",
            "arn:aws:s3:eu-central-1:111122223333:/signing-profiles/ci/v",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/c i/v",
            "ARN:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v",
        ] {
            assert!(!is_arn(other, "/signing-profiles/", 2), "{other}");
        }
    }

    #[test]
    fn a_profile_is_trusted_by_name_with_or_without_its_version_and_never_by_a_star() {
        let trusted = |entries: &[&str]| {
            let identities = Identities::parse(entries).unwrap_or(Identities::Any);
            SigningProfile(ARN.to_owned()).is_trusted(&identities).map_err(|reason| reason.code)
        };
        let profile = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile";
        for entries in [[ARN], [profile], [&profile.to_ascii_uppercase().replace("ARN:", "arn:")]] {
            assert_eq!(trusted(&entries), Ok(()), "{entries:?}");
        }
        assert_eq!(trusted(&["x509.subject: C=US, ST=WA, O=AWS", profile]), Ok(()));
        for entries in [
            ["*"],
            ["x509.subject: C=US, ST=WA, O=AWS"],
            ["arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/other"],
            ["arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci"],
            ["arn:aws:signer:eu-central-1:444455556666:/signing-profiles/ci_profile"],
            ["arn:aws:signer:eu-central-1:111122223333:/signing-profiles"],
        ] {
            assert_eq!(trusted(&entries), Err(Code::UntrustedIdentity), "{entries:?}");
        }
    }
}
