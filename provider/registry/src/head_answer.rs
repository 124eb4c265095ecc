//! What the answer to a HEAD says about a GET of the same URL.

use countersign_core::oci::Descriptor;
use countersign_http::content_type;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use crate::error::Cause;
use crate::error::RegistryError;
use crate::error::RegistryErrorKind;
use crate::observer::Stage;

/// Whether a GET would fail in the same way: the failure is not about the method. Registries and their proxies refuse HEAD in many ways.
pub(crate) fn fails_as_well(error: &RegistryError) -> bool {
    if error.stage == Stage::Token || matches!(error.cause, Cause::Status { status: 502..=504, .. }) {
        return true;
    }
    match error.kind() {
        RegistryErrorKind::Misconfigured
        | RegistryErrorKind::Refused
        | RegistryErrorKind::Unreachable
        | RegistryErrorKind::Timeout
        | RegistryErrorKind::Throttled
        | RegistryErrorKind::Overloaded => true,
        RegistryErrorKind::Denied
        | RegistryErrorKind::Failed
        | RegistryErrorKind::ResponseInvalid
        | RegistryErrorKind::RedirectRefused
        | RegistryErrorKind::ContentMismatch
        | RegistryErrorKind::NotFound
        | RegistryErrorKind::ReferrersUnsupported
        | RegistryErrorKind::Unsupported => false,
    }
}

/// Whether the headers of a 200 are those of the content that `descriptor` describes. Not its length beside a digest: some
/// registries state that of another encoding.
pub(crate) fn is_about(stage: Stage, descriptor: &Descriptor, headers: &HeaderMap) -> bool {
    let mut digests = headers.get_all("docker-content-digest").iter();
    let digest = match (digests.next(), digests.next()) {
        (None, _) => None,
        (Some(one), None) => Some(one.to_str().is_ok_and(|text| text.trim() == descriptor.digest.as_str())),
        (Some(_), Some(_)) => Some(false),
    };
    match (stage, digest) {
        (_, Some(false)) => false,
        (Stage::Blob, Some(true)) => true,
        // Of a store, which does not know the digest. A page in its place has another length.
        (Stage::Blob, None) => {
            let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            length == Some(descriptor.size)
        }
        // As of a GET.
        (Stage::Token | Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest, Some(true) | None) => {
            descriptor.media_type == *content_type(headers).as_str()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::Digest;
    use countersign_core::name::DigestAlgorithm;
    use countersign_core::name::MediaType;
    use http::HeaderName;

    use super::*;

    #[test]
    fn a_200_counts_only_if_it_is_about_the_content() {
        let digest = Digest::of(DigestAlgorithm::Sha256, b"x").to_string();
        let other = Digest::of(DigestAlgorithm::Sha256, b"y").to_string();
        let (oci, json) = (MediaType::OCI_MANIFEST, "application/json");
        let descriptor = Descriptor::new(oci.parse().unwrap(), digest.parse().unwrap(), 1);
        let (of_digest, of_type, length) = ("docker-content-digest", "content-type", "content-length");
        let (digest, other) = (digest.as_str(), other.as_str());
        /// Headers; whether they are enough for a manifest, and for a blob.
        type Case<'a> = (&'a [(&'a str, &'a str)], bool, bool);
        let cases: &[Case<'_>] = &[
            (&[(of_digest, digest), (of_type, oci), (length, "1")], true, true),
            (&[(of_digest, digest), (of_type, oci), (length, "7")], true, true),
            (
                &[(of_digest, digest), (of_type, "application/vnd.oci.image.manifest.v1+json; charset=utf-8")],
                true,
                true,
            ),
            (&[(of_digest, digest), (of_type, json)], false, true),
            (&[(of_digest, digest)], false, true),
            (&[(of_type, oci)], true, false),
            (&[(of_type, oci), (length, "1")], true, true),
            (&[(of_type, "text/html"), (length, "2")], false, false),
            (&[(of_digest, other), (of_type, oci), (length, "1")], false, false),
            (&[(of_digest, "sha256:"), (of_type, oci), (length, "1")], false, false),
            (&[(of_digest, digest), (of_digest, digest), (of_type, oci), (length, "1")], false, false),
            (&[], false, false),
        ];
        for (headers, of_manifest, of_blob) in cases {
            let mut map = HeaderMap::new();
            for (name, value) in *headers {
                map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            let found = [Stage::ReferrerManifest, Stage::Blob].map(|stage| is_about(stage, &descriptor, &map));
            assert_eq!(found, [*of_manifest, *of_blob], "{headers:?}");
        }
    }
}
