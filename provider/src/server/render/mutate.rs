//! The value of an item on the doors of mutation: the image with its digest in place of its tag.
//!
//! Gatekeeper rejects the whole answer on a `systemError` here, so whatever goes wrong with one key is an item error.
//! Mutation has no cache in Gatekeeper: nothing is remembered by it.

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::Selector;
use countersign_core::verdict::Reason;

use super::Context;
use super::sentence;
use crate::server::answer::Outcome;
use crate::server::answer::Text;

/// The outcome of a key that names `image`. Registry and repository stay as they were written, or other policies that
/// match on them would no longer do so; what has a digest already stays as it is, tag included.
pub(in crate::server) fn outcome(
    context: Context<'_>,
    image: &ImageRef,
    resolved: &Result<Digest, Reason>,
) -> Outcome<String> {
    match (image.selector(), resolved) {
        (Selector::Digest(_), _) => Outcome::Value(image.written().to_owned()),
        (Selector::Tag(_), Ok(digest)) => Outcome::Value(format!("{}@{digest}", image.written_name())),
        (Selector::Tag(_), Err(reason)) => {
            Outcome::Error(Text::of_request(&sentence(&image.to_string(), reason), context.request_id))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::DigestAlgorithm;
    use countersign_core::verdict::Code;

    use super::*;

    const OTHER: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    const CONTEXT: Context<'_> = Context { request_id: "1f", timestamp: "2026-01-31T12:00:00Z", signatures: 20 };

    fn mutated(text: &str) -> Outcome<String> {
        outcome(CONTEXT, &text.parse().unwrap(), &Ok(Digest::of(DigestAlgorithm::Sha256, b"{}")))
    }

    #[test]
    fn a_tag_gives_way_to_the_digest_and_the_name_stays_as_written() {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        for (text, name) in [
            ("nginx", "nginx"),
            ("nginx:1.27", "nginx"),
            ("index.docker.io/nginx", "index.docker.io/nginx"),
            ("a.example:5000/b/c:v1", "a.example:5000/b/c"),
            ("[::1]:5000/x:v1", "[::1]:5000/x"),
        ] {
            assert_eq!(mutated(text), Outcome::Value(format!("{name}@{digest}")));
        }
    }

    #[test]
    fn a_digest_stays_as_it_is() {
        for text in [format!("nginx@{OTHER}"), format!("a.example/b:v1@{OTHER}")] {
            assert_eq!(mutated(&text), Outcome::Value(text));
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_an_item_error_even_if_it_may_pass() {
        let reason = Reason::new(Code::RegistryTimeout, "no answer within 500ms: want a manifest");
        assert_eq!(
            outcome(CONTEXT, &"nginx".parse().unwrap(), &Err(reason)),
            Outcome::Error(Text::new(
                "docker.io/library/nginx:latest: registry-timeout: no answer within 500ms: want a manifest; what to do: check the registry's speed; the next request tries again (request 1f)"
            ))
        );
    }
}
