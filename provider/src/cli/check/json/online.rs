//! What `--online` has tried.

use serde::Serialize;

use crate::cli::check::tried_images::Part;
use crate::cli::check::tried_images::PartResult;
use crate::cli::check::tried_images::SignerStatus;
use crate::cli::check::tried_images::TriedImage;
use crate::evidence::TriedAddress;
use crate::runtime::aws::AwsSurvey;
use crate::runtime::aws::TriedSigner;
use crate::runtime::tokens::TriedToken;

/// The calls of AWS.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AwsView {
    /// From where the pod has its credentials; null if that is not known.
    pod_credentials: Option<String>,
    tokens: Vec<TriedTokenView>,
    signer: Vec<TriedSignerView>,
    /// How many seconds the clock is ahead of that of AWS; null without a response.
    clock_difference_seconds: Option<i64>,
}

/// The tokens of Azure or of Google Cloud.
#[derive(Debug, Serialize)]
pub(super) struct TokensView {
    tokens: Vec<TriedTokenView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TriedTokenView {
    registry: String,
    role: String,
    /// The end of the token; null if it is not issued.
    usable_until: Option<String>,
    /// Why it is not issued, else null.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct TriedSignerView {
    /// Null if none is configured.
    region: Option<String>,
    address: String,
    /// The signing profile of the trust policy that was asked about; null if it is made up, and without a call.
    profile: Option<String>,
    /// Why the service refuses the made-up signature, else null. It has not refused the permission then.
    refusal: Option<String>,
    /// Why it cannot be asked, else null.
    problem: Option<String>,
}

/// An address of a certificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TriedAddressView {
    /// The image whose signatures need it; null for a certificate in a trust store.
    image: Option<String>,
    /// Null for a CRL that the signatures of an image need.
    certificate: Option<String>,
    issuer: String,
    /// `ocsp` or `crl`.
    kind: &'static str,
    url: String,
    /// The end of what was fetched; null if it is not usable.
    usable_until: Option<String>,
    /// What ends it: `nextUpdate`, `maxAge`, `responderCertificate` or `maxLifetime`.
    usable_until_by: Option<&'static str>,
    /// Why it is not usable, else null.
    problem: Option<String>,
}

/// An image of `--image`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TriedImageView {
    image: String,
    /// Whose token of Amazon ECR, Azure Container Registry or Google Cloud is used, else null.
    role: Option<String>,
    /// The repository that its manifest was read from; null without mirrors, or if it was not read.
    location: Option<String>,
    manifest: TriedPartView,
    blob: TriedPartView,
    /// The status of its signatures at AWS Signer.
    signer: Vec<SignerStatusView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SignerStatusView {
    /// The version of the signing profile.
    profile: String,
    /// `good` or `revoked`.
    status: &'static str,
    /// The end of the use of the answer.
    usable_until: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TriedPartView {
    /// The permission that the role or identity needs; null without a token of a cloud.
    permission: Option<&'static str>,
    /// Of what was read, else null.
    digest: Option<String>,
    /// Why it cannot be read, else null.
    problem: Option<String>,
    /// Why it was not requested, else null.
    not_tried: Option<&'static str>,
}

impl From<&TriedAddress> for TriedAddressView {
    fn from(TriedAddress { certificate, issuer, image, kind, url, result }: &TriedAddress) -> Self {
        Self {
            image: image.as_ref().map(ToString::to_string),
            certificate: certificate.as_ref().map(ToString::to_string),
            issuer: issuer.to_string(),
            kind: kind.as_str(),
            url: url.to_string(),
            usable_until: result.as_ref().ok().map(|until| until.at.to_string()),
            usable_until_by: result.as_ref().ok().map(|until| until.by.as_str()),
            problem: result.as_ref().err().map(ToString::to_string),
        }
    }
}

impl From<&TriedToken> for TriedTokenView {
    fn from(TriedToken { registry, role, result }: &TriedToken) -> Self {
        Self {
            registry: registry.clone(),
            role: role.clone(),
            usable_until: result.as_ref().ok().and_then(|end| end.map(|end| end.to_string())),
            problem: result.as_ref().err().map(ToString::to_string),
        }
    }
}

impl From<&[TriedToken]> for TokensView {
    fn from(tokens: &[TriedToken]) -> Self {
        Self { tokens: tokens.iter().map(TriedTokenView::from).collect() }
    }
}

impl From<&AwsSurvey> for AwsView {
    fn from(AwsSurvey { source, tokens, signer, clock_difference }: &AwsSurvey) -> Self {
        let call = |TriedSigner { region, address, profile, result }: &TriedSigner| TriedSignerView {
            region: region.as_ref().map(ToString::to_string),
            address: address.clone(),
            profile: profile.as_ref().map(ToString::to_string),
            refusal: result.as_ref().ok().and_then(|refusal| refusal.as_ref().map(ToString::to_string)),
            problem: result.as_ref().err().map(ToString::to_string),
        };
        Self {
            pod_credentials: source.as_ref().map(ToString::to_string),
            tokens: tokens.iter().map(TriedTokenView::from).collect(),
            signer: signer.iter().map(call).collect(),
            clock_difference_seconds: *clock_difference,
        }
    }
}

impl From<&TriedImage> for TriedImageView {
    fn from(tried: &TriedImage) -> Self {
        let view = |(part, result): (Part, PartResult)| {
            let permission = tried.permission(part);
            let none = TriedPartView { permission, digest: None, problem: None, not_tried: None };
            match result {
                PartResult::Read(digest) => TriedPartView { digest: Some(digest), ..none },
                PartResult::Failed(why) => TriedPartView { problem: Some(why), ..none },
                PartResult::NotTried(why) => TriedPartView { not_tried: Some(why), ..none },
            }
        };
        let [manifest, blob] = tried.parts().map(view);
        let status = |SignerStatus { profile, status, usable_until }: &SignerStatus| SignerStatusView {
            profile: profile.to_string(),
            status: status.as_str(),
            usable_until: usable_until.at.to_string(),
        };
        let signer = tried.signer.iter().map(status).collect();
        let location = tried.location.as_ref().map(ToString::to_string);
        Self { image: tried.image.clone(), role: tried.role.clone(), location, manifest, blob, signer }
    }
}
