//! The calls of AWS that `--online` tries.

use countersign_core::name::SignerIdentity;
use countersign_core::name::SigningProfileVersion;

use super::Findings;
use super::token_calls;
use crate::policy_source::ModeOutline;
use crate::policy_source::StatementOutline;
use crate::runtime::aws::AwsSurvey;
use crate::runtime::aws::TriedSigner;

/// The difference of clocks that is reported, in seconds. AWS refuses requests from five minutes on.
const CLOCK_DIFFERENCE: u64 = 60;

/// A version of each signing profile that the statements trust, for calls about them: a made-up one if none is written.
pub(super) fn profiles(statements: &[StatementOutline]) -> Vec<SigningProfileVersion> {
    let identities = statements.iter().filter_map(|statement| match &statement.mode {
        ModeOutline::Verify(rules) => Some(&rules.identities),
        ModeOutline::Skip | ModeOutline::Disabled(_) => None,
    });
    // Not about ARNs that AWS Signer cannot have, about which there is a warning.
    let identity =
        |text: &String| SignerIdentity::parse(text)?.ok().filter(|identity| identity.impossible_part().is_none());
    let version = |text: &String| match identity(text)? {
        SignerIdentity::Version(arn) => SigningProfileVersion::parse(&arn),
        SignerIdentity::Profile(arn) => SigningProfileVersion::parse(&format!("{arn}/0000000000")),
        SignerIdentity::AliasedProfile(_) | SignerIdentity::Alias(_) => None,
    };
    identities.flatten().filter_map(version).collect()
}

/// A warning for each call that fails, and for a clock that is wrong.
pub(super) fn warn(survey: &AwsSurvey, findings: &mut Findings) {
    let AwsSurvey { source: _, tokens, signer, clock_difference } = survey;
    token_calls::warn("ecr-token-not-issued", tokens, findings);
    for TriedSigner { region, address, profile: _, result } in signer {
        let Err(why) = result else { continue };
        let region = region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
        findings.warn("aws-signer-unusable", format_args!("AWS Signer{region} ({address}): {why}"));
    }
    if let Some(ahead) = clock_difference.filter(|ahead| ahead.unsigned_abs() >= CLOCK_DIFFERENCE) {
        let (seconds, direction) = (ahead.unsigned_abs(), if ahead > 0 { "ahead of" } else { "behind" });
        findings.warn(
            "aws-clock",
            format_args!(
                "the clock of this machine is {seconds} s {direction} that of AWS, which refuses requests from five minutes on; \
                 correct it"
            ),
        );
    }
}
