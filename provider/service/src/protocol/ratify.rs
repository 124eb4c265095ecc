//! Ratify's endpoints: Gatekeeper's protocol with keys and values as Ratify's stock templates write and read them, and
//! the paths of its Provider objects.

mod verification_result;

use countersign_core::name::is_dns_label;

use super::Operation;
use super::Protocol;
use super::gatekeeper;

/// `POST /ratify/gatekeeper/v1/verify`.
pub(crate) const VERIFY: Protocol = Protocol {
    image_of,
    operation: Operation::Verify(verification_result::encode),
    encode_not_a_reference: verification_result::encode_not_a_reference,
    ..gatekeeper::VERIFY
};

/// `POST /ratify/gatekeeper/v1/mutate`.
pub(crate) const MUTATE: Protocol = Protocol { image_of, ..gatekeeper::MUTATE };

/// Splits `[namespace]image`, the form of a multi-tenancy template. The namespace must be a DNS label; otherwise the
/// bracket is part of an IPv6 host or a mistake, and the whole key is the image. The verdict does not depend on it.
fn image_of(key: &str) -> &str {
    let is_namespace = |text: &str| is_dns_label(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    match key.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((namespace, image)) if is_namespace(namespace) => image,
        Some(_) | None => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dns_label_in_brackets_is_a_namespace() {
        for (key, image) in [
            ("nginx", "nginx"),
            ("[default]nginx:1", "nginx:1"),
            ("[a-1][::1]:5000/x", "[::1]:5000/x"),
            ("[::1]:5000/x", "[::1]:5000/x"),
            ("[]nginx", "[]nginx"),
            ("[-a]nginx", "[-a]nginx"),
            ("[a-]nginx", "[a-]nginx"),
            ("[A]nginx", "[A]nginx"),
            ("[a.b]nginx", "[a.b]nginx"),
            ("[a\n]nginx", "[a\n]nginx"),
            ("[default", "[default"),
            ("[default]", ""),
            ("", ""),
        ] {
            assert_eq!(image_of(key), image, "{key:?}");
        }
        let long = format!("[{}]nginx", "a".repeat(64));
        assert_eq!(image_of(&long), long);
    }
}
