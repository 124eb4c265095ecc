//! The value of an item of the endpoints of mutation: the image with its digest, in place of its tag or behind it.
//!
//! Gatekeeper rejects the whole response on a `systemError` here, so every failure of one key is an item error.
//! Gatekeeper has no cache for mutation.

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::Selector;
use countersign_core::verdict::Reason;

use super::KeyOutcome;
use super::encode_item;
use crate::protocol::EncodedKey;
use crate::protocol::Message;
use crate::protocol::ResponseContext;
use crate::protocol::message::sentence;

/// The item of the key that names `image`. Registry and repository stay as written, so that other policies still match
/// them; a reference with a digest stays unchanged, including its tag.
pub(super) fn encode(
    context: ResponseContext<'_>,
    key: &str,
    image: &ImageRef,
    resolved: &Result<Digest, Reason>,
) -> EncodedKey {
    encode_item(key, outcome(context, image, resolved))
}

fn outcome(context: ResponseContext<'_>, image: &ImageRef, resolved: &Result<Digest, Reason>) -> KeyOutcome<String> {
    match (image.selector(), resolved) {
        (Selector::Digest(_), _) => KeyOutcome::Value(image.written().to_owned()),
        (Selector::Tag(_), Ok(digest)) => {
            // Without a digest, what is written is the name with its tag, if it has one.
            let name = if context.keep_tag { image.written() } else { image.written_name() };
            KeyOutcome::Value(format!("{name}@{digest}"))
        }
        (Selector::Tag(_), Err(reason)) => {
            KeyOutcome::Error(Message::of_request(&sentence(&image.to_string(), reason), context.request_id))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::DigestAlgorithm;
    use countersign_core::verdict::Code;

    use super::*;
    use crate::protocol::fixtures::CONTEXT;

    const OTHER: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    const KEEP_TAG: ResponseContext<'_> = ResponseContext { keep_tag: true, ..CONTEXT };

    fn mutated(context: ResponseContext<'_>, text: &str) -> KeyOutcome<String> {
        outcome(context, &text.parse().unwrap(), &Ok(Digest::of(DigestAlgorithm::Sha256, b"{}")))
    }

    #[test]
    fn keeps_the_tag_as_written_if_configured() {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        for text in ["nginx", "nginx:1.27", "a.example:5000/b/c", "a.example:5000/b/c:v1", "[::1]:5000/x:v1"] {
            let image = format!("{text}@{digest}");
            assert_eq!(mutated(KEEP_TAG, text), KeyOutcome::Value(image.clone()));
            // Gatekeeper mutates an object again when it is updated.
            assert_eq!(mutated(KEEP_TAG, &image), KeyOutcome::Value(image.clone()));
            assert_eq!(mutated(CONTEXT, &image), KeyOutcome::Value(image));
        }
    }

    #[test]
    fn replaces_the_tag_and_keeps_the_name_as_written() {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        for (text, name) in [
            ("nginx", "nginx"),
            ("nginx:1.27", "nginx"),
            ("index.docker.io/nginx", "index.docker.io/nginx"),
            ("a.example:5000/b/c:v1", "a.example:5000/b/c"),
            ("[::1]:5000/x:v1", "[::1]:5000/x"),
        ] {
            assert_eq!(mutated(CONTEXT, text), KeyOutcome::Value(format!("{name}@{digest}")));
        }
    }

    #[test]
    fn a_reference_with_a_digest_is_unchanged() {
        for text in [format!("nginx@{OTHER}"), format!("a.example/b:v1@{OTHER}")] {
            for context in [CONTEXT, KEEP_TAG] {
                assert_eq!(mutated(context, &text), KeyOutcome::Value(text.clone()));
            }
        }
    }

    #[test]
    fn an_unresolved_image_is_an_item_error() {
        let reason = Reason::new(Code::RegistryTimeout, "no response within 500ms, expected a manifest");
        assert_eq!(
            outcome(CONTEXT, &"nginx".parse().unwrap(), &Err(reason)),
            KeyOutcome::Error(Message::new(
                "docker.io/library/nginx:latest: registry-timeout: no response within 500ms, expected a manifest; what to do: check the registry's speed; the next request tries again (request 1f)"
            ))
        );
    }
}
