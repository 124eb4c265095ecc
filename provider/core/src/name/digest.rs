//! Content digests such as `sha256:…`, defined by the [OCI image
//! specification](https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests).

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use aws_lc_rs::digest as hash;

use crate::codec::hex::hex;

/// The registered hash algorithms of the OCI image specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigestAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    pub(super) const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name before the colon.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn hex_digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    fn implementation(self) -> &'static hash::Algorithm {
        match self {
            Self::Sha256 => &hash::SHA256,
            Self::Sha384 => &hash::SHA384,
            Self::Sha512 => &hash::SHA512,
        }
    }
}

/// A digest with a registered algorithm and the number of lower-case hexadecimal digits that the algorithm has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: DigestAlgorithm,
    text: String,
}

/// The error for a text that is not a [`Digest`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is not registered.
    #[error(
        "digest: found an unknown algorithm, expected sha256:, sha384: or sha512: and lower-case hexadecimal \
             digits"
    )]
    Algorithm,
    /// The number or the form of the digits does not fit the algorithm.
    #[error("{algorithm} digest is not {expected} lower-case hexadecimal digits")]
    Hex {
        /// The algorithm.
        algorithm: &'static str,
        /// The number of digits of the algorithm.
        expected: usize,
    },
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(algorithm: DigestAlgorithm, bytes: &[u8]) -> Self {
        Self::new(algorithm, hash::digest(algorithm.implementation(), bytes))
    }

    fn new(algorithm: DigestAlgorithm, value: hash::Digest) -> Self {
        let (name, value) = (algorithm.name(), value.as_ref());
        let mut text = String::with_capacity(name.len() + 1 + 2 * value.len());
        text.push_str(name);
        text.push(':');
        // Text can always be appended to a string.
        let _ = write!(text, "{}", hex(value));
        Self { algorithm, text }
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// `sha256:…`
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The digits after the colon.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The tag of the [referrers tag schema](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema):
    /// algorithm cut to 32 and digits cut to 64 characters.
    #[must_use]
    pub fn fallback_tag(&self) -> String {
        let hex: String = self.hex().chars().take(64).collect();
        format!("{}-{hex}", self.algorithm.name())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, hex) = text.split_once(':').ok_or(DigestError::Algorithm)?;
        let algorithm = match name {
            "sha256" => DigestAlgorithm::Sha256,
            "sha384" => DigestAlgorithm::Sha384,
            "sha512" => DigestAlgorithm::Sha512,
            _ => return Err(DigestError::Algorithm),
        };
        let expected = algorithm.hex_digits();
        if hex.len() != expected || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::Hex { algorithm: algorithm.name(), expected });
        }
        Ok(Self { algorithm, text: text.to_owned() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Hashes bytes incrementally.
#[derive(Clone)]
pub struct Hasher {
    algorithm: DigestAlgorithm,
    context: hash::Context,
}

impl Hasher {
    /// A hasher without input.
    #[must_use]
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self { algorithm, context: hash::Context::new(algorithm.implementation()) }
    }

    /// Hashes further bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The digest of all bytes.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::new(self.algorithm, self.context.finish())
    }
}

/// The SHA-256 digest of a list of parts, each hashed with its length in front, so that no two lists have the same
/// digest. Collects the parts, as hashing them together is faster than one by one.
#[derive(Clone)]
pub struct ListHasher(Vec<u8>);

impl ListHasher {
    /// The usual size of the parts of a key, in bytes.
    const USUAL_BYTES: usize = 512;

    /// The empty list.
    #[must_use]
    pub fn new() -> Self {
        Self(Vec::with_capacity(Self::USUAL_BYTES))
    }

    /// Appends a part.
    pub fn add(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.0.extend_from_slice(&part.len().to_be_bytes());
        self.0.extend_from_slice(part);
    }

    /// Appends a list as one part.
    pub fn add_list(&mut self, parts: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        let mut list = Self::new();
        parts.into_iter().for_each(|part| list.add(part));
        self.add(list.finish().as_str());
    }

    /// The digest of everything that was added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::of(DigestAlgorithm::Sha256, &self.0)
    }

    /// As [`Self::finish`], but as bytes, for keys that are never printed.
    #[must_use]
    pub fn finish_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash::digest(&hash::SHA256, &self.0).as_ref());
        bytes
    }
}

impl Default for ListHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ListHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListHasher").finish_non_exhaustive()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_prints_round_trip() {
        let digest = Digest::of(DigestAlgorithm::Sha256, b"{}");
        assert_eq!(digest.as_str(), "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.fallback_tag(), "sha256-44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    }

    #[test]
    fn a_list_is_hashed_with_the_length_of_each_part_in_front() {
        let mut list = ListHasher::new();
        list.add("ab");
        list.add_list(["c"]);
        let inner = Digest::of(DigestAlgorithm::Sha256, b"\0\0\0\0\0\0\0\x01c");
        let bytes = [b"\0\0\0\0\0\0\0\x02ab\0\0\0\0\0\0\0\x47".as_slice(), inner.as_str().as_bytes()].concat();
        let expected = Digest::of(DigestAlgorithm::Sha256, &bytes);
        assert_eq!(list.clone().finish(), expected);
        assert_eq!(hex(&list.finish_bytes()).to_string(), expected.hex());
    }

    #[test]
    fn fallback_tag_of_a_long_digest_is_cut_to_64_digits() {
        let digest = Digest::of(DigestAlgorithm::Sha512, b"");
        assert_eq!(digest.fallback_tag().len(), "sha512-".len() + 64);
    }

    #[test]
    fn refuses_other_algorithms_lengths_and_cases() {
        let hex64 = "a".repeat(64);
        for (text, error) in [
            ("".to_owned(), DigestError::Algorithm),
            ("md5:00".to_owned(), DigestError::Algorithm),
            (format!("SHA256:{hex64}"), DigestError::Algorithm),
            (format!("sha256:{}", "A".repeat(64)), DigestError::Hex { algorithm: "sha256", expected: 64 }),
            (format!("sha256:{hex64}a"), DigestError::Hex { algorithm: "sha256", expected: 64 }),
            (format!("sha512:{hex64}"), DigestError::Hex { algorithm: "sha512", expected: 128 }),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(error), "{text}");
        }
    }
}
