//! DNS names in text form.

/// Maximum size of a DNS name in text form, in bytes, [RFC 1035 §3.1](https://www.rfc-editor.org/rfc/rfc1035#section-3.1).
const NAME_BYTES: usize = 253;

/// Maximum size of a label of a DNS name, in bytes, [RFC 1035 §2.3.4](https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4).
const LABEL_BYTES: usize = 63;

/// Whether `text` is a label of a host name: 1 to 63 ASCII letters, digits and inner hyphens
/// ([RFC 1123 §2.1](https://www.rfc-editor.org/rfc/rfc1123#section-2.1)). In lower case this is a DNS label of Kubernetes,
/// such as the name of a namespace.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    (1..=LABEL_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` is a host name of the DNS: labels, separated by dots, of at most 253 bytes together. No dot at the end, no
/// underscore. Whether software reads it as an IP address is not checked.
#[must_use]
pub fn is_dns_name(text: &str) -> bool {
    text.len() <= NAME_BYTES && text.split('.').all(is_dns_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_labels_of_letters_digits_and_inner_hyphens() {
        for text in ["a", "0", "a-b", "A--9", &"a".repeat(63)] {
            assert!(is_dns_label(text), "{text}");
        }
        for text in ["", "-a", "a-", "a_b", "a.b", "é", &"a".repeat(64)] {
            assert!(!is_dns_label(text), "{text}");
        }
    }

    #[test]
    fn accepts_names_of_labels_of_at_most_253_bytes() {
        let long = vec!["a".repeat(49); 5].join(".");
        for text in ["a", "a.b", "127.0.0.1", &format!("{long}.aaa")] {
            assert!(is_dns_name(text), "{text}");
        }
        for text in ["", ".", "a.", ".a", "a..b", "a_b.c", "[::1]", &format!("{long}.aaaa")] {
            assert!(!is_dns_name(text), "{text}");
        }
    }
}
