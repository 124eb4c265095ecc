//! RSA keys that were generated once, for tests and the demo only: each process would otherwise spend seconds on the same
//! kinds of keys. Made with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:BITS`, as PKCS #8.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::key::KeyType;

const RSA_2048: [&[u8]; 4] = [
    include_bytes!("rsa/rsa2048-1.der"),
    include_bytes!("rsa/rsa2048-2.der"),
    include_bytes!("rsa/rsa2048-3.der"),
    include_bytes!("rsa/rsa2048-4.der"),
];

const RSA_3072: [&[u8]; 4] = [
    include_bytes!("rsa/rsa3072-1.der"),
    include_bytes!("rsa/rsa3072-2.der"),
    include_bytes!("rsa/rsa3072-3.der"),
    include_bytes!("rsa/rsa3072-4.der"),
];

const RSA_4096: [&[u8]; 4] = [
    include_bytes!("rsa/rsa4096-1.der"),
    include_bytes!("rsa/rsa4096-2.der"),
    include_bytes!("rsa/rsa4096-3.der"),
    include_bytes!("rsa/rsa4096-4.der"),
];

/// A key of this type that this process has not used yet; `None` if there are no more, or the type is not RSA.
pub(super) fn next(kind: KeyType) -> Option<&'static [u8]> {
    static USED: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
    let [used_2048, used_3072, used_4096] = &USED;
    let (keys, used) = match kind {
        KeyType::Rsa2048 => (&RSA_2048, used_2048),
        KeyType::Rsa3072 => (&RSA_3072, used_3072),
        KeyType::Rsa4096 => (&RSA_4096, used_4096),
        KeyType::P256 | KeyType::P384 | KeyType::P521 | KeyType::Ed25519 => return None,
    };
    keys.get(used.fetch_add(1, Ordering::Relaxed)).copied()
}
