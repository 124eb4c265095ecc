//! The request id, which denials and log lines have.

use std::cell::RefCell;
use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use countersign_core::codec::hex::hex;
use http::HeaderMap;
use rustls::crypto::SecureRandom;

/// Maximum size of an id accepted from a caller, in bytes: twice a UUID.
const BYTES: usize = 72;

/// 1 to 72 letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    /// The caller's, from `x-request-id` or else the trace id of a W3C `traceparent`, if it is well-formed; else a new
    /// one. Gatekeeper sends none.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let given = header("x-request-id").filter(|text| is_plain(text));
        let given = given.or_else(|| header("traceparent").and_then(trace_id));
        Self(given.map_or_else(new, str::to_owned))
    }

    /// A new one.
    pub(super) fn new() -> Self {
        Self(new())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(text: &str) -> bool {
    (1..=BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// The second part of `version-traceid-parentid-flags`, [version
/// 00](https://www.w3.org/TR/trace-context-1/#traceparent-header).
fn trace_id(text: &str) -> Option<&str> {
    let is_hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let well_formed = version == "00" && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    (well_formed && parts.next().is_none() && trace.bytes().any(|b| b != b'0')).then_some(trace)
}

/// Of the provider, which is made only once.
static RANDOM: LazyLock<&dyn SecureRandom> =
    LazyLock::new(|| rustls::crypto::aws_lc_rs::default_provider().secure_random);

/// How many random bytes a thread gets at a time: each time costs a call of the system.
const RANDOM_BYTES: usize = 64 * ID_BYTES;

/// Of a new ID.
const ID_BYTES: usize = 16;

thread_local! {
    /// Random bytes, and how many of them are used.
    static UNUSED: RefCell<([u8; RANDOM_BYTES], usize)> = const { RefCell::new(([0; RANDOM_BYTES], RANDOM_BYTES)) };
}

/// Bytes that were never used before; `None` if the system has none.
fn random() -> Option<[u8; ID_BYTES]> {
    UNUSED.with_borrow_mut(|(bytes, used)| {
        if *used == bytes.len() {
            RANDOM.fill(bytes).ok()?;
            *used = 0;
        }
        let id = bytes.get(*used..)?.first_chunk().copied()?;
        *used += ID_BYTES;
        Some(id)
    })
}

/// 128 random bits. Without randomness the time and a counter: unique enough to find a line in a log.
fn new() -> String {
    if let Some(bytes) = random() {
        return hex(&bytes).to_string();
    }
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{now:x}-{:x}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn given(pairs: &[(&'static str, &str)]) -> RequestId {
        let pairs = pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        RequestId::of(&pairs.collect())
    }

    fn is_new(id: &RequestId) -> bool {
        id.0.len() == 32 && id.0.bytes().all(|b| b.is_ascii_hexdigit())
    }

    #[test]
    fn accepts_the_id_of_the_caller() {
        const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(given(&[("x-request-id", "a.B_c-1"), ("traceparent", TRACE)]).as_str(), "a.B_c-1");
        assert_eq!(given(&[("traceparent", TRACE)]).as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn new_ids_differ_on_all_threads() {
        // More than the random bytes that a thread gets at a time.
        let make = || std::iter::repeat_with(new).take(RANDOM_BYTES / ID_BYTES + 2).collect::<Vec<_>>();
        let threads = [(); 3].map(|()| std::thread::spawn(make));
        let ids = threads.map(|thread| thread.join().unwrap()).concat();
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
        assert!(ids.iter().all(|id| id.len() == 2 * ID_BYTES));
    }

    #[test]
    fn creates_an_id_if_the_callers_is_not_plain() {
        for text in ["", "a b", "a\"b", "ü", &"a".repeat(BYTES + 1)] {
            assert!(is_new(&given(&[("x-request-id", text)])), "{text}");
        }
        for text in [
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-02",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert!(is_new(&given(&[("traceparent", text)])), "{text}");
        }
    }

    #[test]
    fn two_new_ids_differ() {
        assert_ne!(given(&[]), given(&[]));
    }
}
