//! Why a service refuses a call, by its status and its code.

use crate::codes::THROTTLED;

/// What a refusal is about, which decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The number of calls.
    Throttled,
    /// A failure of the service, or of one that it needs: it ends by itself.
    Failure,
    /// A permission, or the trust policy of a role.
    Permission,
    /// The session, or the token of the service account, has ended.
    Ended,
    /// The token of the service account: its issuer is not known to the account of the role, or it is for another audience.
    Token,
    /// The time or the signature of the request.
    Clock,
    /// The region or the service that the request is signed for.
    Scope,
    /// The credentials are not known in the region.
    UnknownCredentials,
    /// STS is not active in the region for the account.
    RegionDisabled,
    /// The content of the request.
    Content,
    /// A code without a meaning here.
    Unclassified,
}

impl Refusal {
    /// The refusal of an answer with another status than 200 and this code ([codes of all
    /// services](https://docs.aws.amazon.com/signer/latest/api/CommonErrors.html), [of
    /// STS](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors)).
    pub(crate) fn of(status: u16, code: &str) -> Self {
        if status == 429 || THROTTLED.contains(&code) {
            return Self::Throttled;
        }
        if status >= 500 {
            return Self::Failure;
        }
        // Services of one protocol append it, others do not.
        match code.strip_suffix("Exception").unwrap_or(code) {
            "IDPCommunicationError" => Self::Failure,
            "AccessDenied" | "NotAuthorized" | "UnauthorizedOperation" => Self::Permission,
            "ExpiredToken" => Self::Ended,
            "InvalidIdentityToken" | "IDPRejectedClaim" => Self::Token,
            "RequestTimeTooSkewed" | "SignatureDoesNotMatch" | "InvalidSignature" | "RequestExpired" => Self::Clock,
            "UnrecognizedClient" | "InvalidClientTokenId" => Self::UnknownCredentials,
            "RegionDisabled" => Self::RegionDisabled,
            "Validation" | "ValidationError" | "ResourceNotFound" | "NotFound" => Self::Content,
            _ => Self::Unclassified,
        }
    }

    /// As [`Self::of`], for a code that has two meanings by its text
    /// ([signature errors](https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html#signature-v4-troubleshooting-credential-scope)).
    pub(crate) fn of_text(status: u16, code: &str, text: &str) -> Self {
        let refusal = Self::of(status, code);
        if refusal == Self::Clock && text.contains("Credential should be scoped to") { Self::Scope } else { refusal }
    }

    /// The refusal of the endpoint of credentials on the node, whose answers have no code.
    pub(crate) fn of_endpoint(status: u16) -> Self {
        match status {
            429 => Self::Throttled,
            500.. => Self::Failure,
            404 => Self::Content,
            _ => Self::Token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_meaning_in_both_spellings() {
        for (status, codes, meaning) in [
            (400, &["Throttling", "ThrottlingException", "RequestLimitExceeded"][..], Refusal::Throttled),
            (429, &["", "AccessDenied"], Refusal::Throttled),
            (503, &["RequestLimitExceeded"], Refusal::Throttled),
            (500, &["InternalFailure", "", "AccessDenied"], Refusal::Failure),
            (503, &["ServiceUnavailable", "ServiceUnavailableException"], Refusal::Failure),
            (400, &["IDPCommunicationError", "IDPCommunicationErrorException"], Refusal::Failure),
            (
                403,
                &["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"],
                Refusal::Permission,
            ),
            (400, &["ExpiredToken", "ExpiredTokenException"], Refusal::Ended),
            (400, &["InvalidIdentityToken", "InvalidIdentityTokenException"], Refusal::Token),
            (403, &["IDPRejectedClaim", "IDPRejectedClaimException"], Refusal::Token),
            (403, &["SignatureDoesNotMatch", "RequestExpired", "InvalidSignatureException"], Refusal::Clock),
            (403, &["RequestTimeTooSkewed"], Refusal::Clock),
            (403, &["InvalidClientTokenId", "UnrecognizedClientException"], Refusal::UnknownCredentials),
            (403, &["RegionDisabled", "RegionDisabledException"], Refusal::RegionDisabled),
            (400, &["ValidationError", "ValidationException"], Refusal::Content),
            (404, &["NotFoundException", "ResourceNotFoundException"], Refusal::Content),
            (400, &["", "Other", "accessdenied", "PackedPolicyTooLarge"], Refusal::Unclassified),
        ] {
            for code in codes {
                assert_eq!(Refusal::of(status, code), meaning, "{status} {code:?}");
            }
        }
    }

    #[test]
    fn a_signature_for_another_region_or_service_is_none_of_the_clock() {
        for (text, meaning) in [
            ("Credential should be scoped to a valid region, not 'us-east-1'. ", Refusal::Scope),
            ("Credential should be scoped to correct service: 'ecr'. ", Refusal::Scope),
            ("Signature expired: 20260506T070809Z is now earlier than 20260506T071809Z", Refusal::Clock),
        ] {
            assert_eq!(Refusal::of_text(403, "InvalidSignatureException", text), meaning, "{text}");
            assert_eq!(Refusal::of_text(403, "AccessDenied", text), Refusal::Permission, "{text}");
        }
    }

    #[test]
    fn statuses_of_the_endpoint_of_the_node_have_a_meaning() {
        for (status, meaning) in [
            (400, Refusal::Token),
            (401, Refusal::Token),
            (403, Refusal::Token),
            (404, Refusal::Content),
            (429, Refusal::Throttled),
            (500, Refusal::Failure),
            (503, Refusal::Failure),
        ] {
            assert_eq!(Refusal::of_endpoint(status), meaning, "{status}");
        }
    }
}
