//! RSA keys that were generated once, for tests and the demo only: each process would otherwise spend seconds on the same
//! kinds of keys. Made with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:BITS`, as PKCS #8.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// The keys of one size.
pub(super) struct Keys {
    files: [&'static [u8]; 4],
    used: AtomicUsize,
}

/// 2048 bits.
pub(super) static RSA_2048: Keys = Keys::of([
    include_bytes!("rsa/rsa2048-1.der"),
    include_bytes!("rsa/rsa2048-2.der"),
    include_bytes!("rsa/rsa2048-3.der"),
    include_bytes!("rsa/rsa2048-4.der"),
]);

/// 3072 bits.
pub(super) static RSA_3072: Keys = Keys::of([
    include_bytes!("rsa/rsa3072-1.der"),
    include_bytes!("rsa/rsa3072-2.der"),
    include_bytes!("rsa/rsa3072-3.der"),
    include_bytes!("rsa/rsa3072-4.der"),
]);

/// 4096 bits.
pub(super) static RSA_4096: Keys = Keys::of([
    include_bytes!("rsa/rsa4096-1.der"),
    include_bytes!("rsa/rsa4096-2.der"),
    include_bytes!("rsa/rsa4096-3.der"),
    include_bytes!("rsa/rsa4096-4.der"),
]);

impl Keys {
    const fn of(files: [&'static [u8]; 4]) -> Self {
        Self { files, used: AtomicUsize::new(0) }
    }

    /// A key that this process has not used yet, if there is one.
    pub(super) fn next(&self) -> Option<&'static [u8]> {
        self.files.get(self.used.fetch_add(1, Ordering::Relaxed)).copied()
    }
}
