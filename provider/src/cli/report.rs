//! What `countersign verify` prints, and its exit code.

pub(super) mod json;
pub(super) mod text;

use std::io;
use std::io::Write;

use countersign_core::name::ImageRef;
use countersign_core::verdict::VerdictKind;

use super::Exit;
use super::args::Output;
use crate::engine::ImageResult;

/// The result for one image of the command line.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) image: ImageRef,
    pub(super) result: ImageResult,
}

/// Prints all images in the order of the command line.
///
/// # Errors
/// Those of `out`.
pub(super) fn print(checked: &[Checked], output: Output, out: &mut dyn Write) -> io::Result<()> {
    match output {
        Output::Text => out.write_all(text::report(checked).as_bytes()),
        Output::Json => {
            serde_json::to_writer_pretty(&mut *out, &json::Report::from(checked))?;
            out.write_all(b"\n")
        }
    }
}

/// A rejection takes precedence over an inconclusive image: a retry cannot change it.
pub(super) fn exit(checked: &[Checked]) -> Exit {
    let any = |kind| checked.iter().any(|checked| checked.result.verdict.kind() == kind);
    if any(VerdictKind::Rejected) {
        Exit::Rejected
    } else if any(VerdictKind::Inconclusive) {
        Exit::Undecided
    } else {
        Exit::Success
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::Digest;
    use countersign_core::name::DigestAlgorithm;
    use countersign_core::verdict::Code;
    use countersign_core::verdict::FailedSignature;
    use countersign_core::verdict::ImageVerdict;
    use countersign_core::verdict::Reason;
    use countersign_core::verdict::Reasons;
    use countersign_core::verdict::Skipped;
    use serde_json::json;

    use super::*;

    fn digest() -> Digest {
        Digest::of(DigestAlgorithm::Sha256, b"{}")
    }

    fn checked(verdict: ImageVerdict) -> Checked {
        let result = ImageResult { digest: Some(digest()), verdict: verdict.into(), cached: false };
        Checked { image: "nginx".parse().unwrap(), result }
    }

    fn skipped() -> Checked {
        checked(ImageVerdict::Skipped(Skipped { statement: "mirror".into() }))
    }

    fn rejected() -> Checked {
        let signatures = [FailedSignature {
            manifest: digest(),
            unverified_subject: Some("CN=e\u{1b}[2Jvil".into()),
            reasons: Reasons::one(Reason::new(Code::UntrustedIdentity, "CN=evil, expected one of CN=good")),
        }];
        checked(ImageVerdict::none_verified("all".into(), signatures.into_iter().collect(), None))
    }

    fn undecided() -> Checked {
        let reason = Reason::new(Code::RegistryThrottled, "status 429, expected 200");
        let mut checked = checked(ImageVerdict::from_reason(None, reason));
        checked.result.digest = None;
        checked
    }

    fn printed(checked: &[Checked], output: Output) -> String {
        let mut out = Vec::new();
        print(checked, output, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_rejection_takes_precedence_over_an_inconclusive_image() {
        assert_eq!(exit(&[skipped()]), Exit::Success);
        assert_eq!(exit(&[skipped(), undecided()]), Exit::Undecided);
        assert_eq!(exit(&[undecided(), skipped(), rejected()]), Exit::Rejected);
    }

    #[test]
    fn the_text_has_one_block_for_each_image() {
        let digest = digest();
        assert_eq!(
            printed(&[skipped(), rejected(), undecided()], Output::Text),
            format!(
                "skipped       docker.io/library/nginx:latest
  digest      {digest}
  statement   mirror
  code        skipped
  message     statement \"mirror\" of the trust policy skips this repository

rejected      docker.io/library/nginx:latest
  digest      {digest}
  statement   all
  code        untrusted-identity
  message     CN=evil, expected one of CN=good
  what to do  sign with a trusted identity, or add the certificate's subject to trustedIdentities
  signature   {digest} of CN=e\\u{{1b}}[2Jvil (not verified)
              rejected: untrusted-identity: CN=evil, expected one of CN=good

inconclusive  docker.io/library/nginx:latest
  code        registry-throttled
  message     status 429, expected 200
  what to do  wait for the registry's rate limit, or use credentials with a higher one
"
            )
        );
    }

    #[test]
    fn the_document_has_the_members_of_the_servers_items() {
        let document: serde_json::Value =
            serde_json::from_str(&printed(&[rejected(), undecided()], Output::Json)).unwrap();
        assert_eq!(
            document,
            json!({"images": [
                {
                    "verdict": "rejected",
                    "code": "untrusted-identity",
                    "message": "CN=evil, expected one of CN=good",
                    "advice": "sign with a trusted identity, or add the certificate's subject to trustedIdentities",
                    "image": "docker.io/library/nginx:latest",
                    "digest": digest().as_str(),
                    "statement": "all",
                    "rule": "all",
                    "signer": null,
                    "unverifiedSigner": null,
                    "checks": null,
                    "warnings": [],
                    "signatures": [{
                        "digest": digest().as_str(),
                        "subject": "CN=e\\u{1b}[2Jvil",
                        "verdict": "rejected",
                        "reasons": [{"code": "untrusted-identity", "message": "CN=evil, expected one of CN=good"}],
                    }],
                    "signaturesOmitted": 0,
                },
                {
                    "verdict": "inconclusive",
                    "code": "registry-throttled",
                    "message": "status 429, expected 200",
                    "advice": "wait for the registry's rate limit, or use credentials with a higher one",
                    "image": "docker.io/library/nginx:latest",
                    "digest": null,
                    "statement": null,
                    "rule": null,
                    "signer": null,
                    "unverifiedSigner": null,
                    "checks": null,
                    "warnings": [],
                    "signatures": [],
                    "signaturesOmitted": 0,
                },
            ]})
        );
    }
}
