//! [Descriptors](https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md).

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;

use super::annotations::RawAnnotations;
use crate::codec::excerpt::Excerpt;
use crate::codec::json::Member;
use crate::name::Digest;
use crate::name::DigestError;
use crate::name::MediaType;

/// The description of another document: media type, digest, size, and for referrers artifact type and annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The media type of the content.
    pub media_type: MediaType,
    /// The digest of the content.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// The artifact type in lower case without parameters, or as written if it is not a media type. Not empty.
    pub artifact_type: Option<String>,
    /// Annotations: all in a signed payload; in a list of referrers the first that fit into
    /// [`ENTRY_ANNOTATION_BYTES`](crate::limits::ENTRY_ANNOTATION_BYTES); none in a manifest.
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A descriptor with only the three members that are compared.
    #[must_use]
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self { media_type, digest, size, artifact_type: None, annotations: BTreeMap::new() }
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {} bytes)", self.digest, self.media_type, self.size)
    }
}

/// The error for a malformed descriptor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// The value is not an object.
    #[error("descriptor: found {found}, expected an object")]
    NotAnObject {
        /// The JSON type of the value.
        found: &'static str,
    },
    /// A required member is missing.
    #[error("descriptor has no {0}")]
    Missing(&'static str),
    /// A member has the wrong type.
    #[error("descriptor: member {member} has the wrong type: found {found}, expected {expected}")]
    Type {
        /// The member with the mistake.
        member: &'static str,
        /// The JSON type of the member.
        found: &'static str,
        /// The JSON type that it must have.
        expected: &'static str,
    },
    /// The media type is invalid.
    #[error("descriptor has mediaType {found}, which is not a media type")]
    MediaType {
        /// The text in the position of the media type.
        found: Excerpt,
    },
    /// The digest is invalid.
    #[error("descriptor has digest {found}: {error}")]
    Digest {
        /// The text in the position of the digest.
        found: Excerpt,
        /// The cause.
        error: DigestError,
    },
    /// The size is invalid.
    #[error("descriptor: size: found {found}, expected a whole number from 0 to 2^63-1")]
    Size {
        /// The size as written.
        found: String,
    },
}

/// A descriptor as written, with members of any type. Mistakes are reported on conversion into a [`Descriptor`], so
/// that one malformed descriptor in a list does not invalidate the others. `null` counts as absent, as registries
/// write `"annotations": null`. The first annotations that fit into `ANNOTATION_BYTES` are kept.
#[derive(Clone, Debug)]
pub(crate) struct RawDescriptor<const ANNOTATION_BYTES: usize>(
    Result<Members<RawAnnotations<ANNOTATION_BYTES>>, &'static str>,
);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound = "A: Default + Deserialize<'de>")]
struct Members<A> {
    media_type: Member,
    digest: Member,
    size: Member,
    artifact_type: Member,
    annotations: A,
}

impl<'de, const ANNOTATION_BYTES: usize> Deserialize<'de> for RawDescriptor<ANNOTATION_BYTES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor<const ANNOTATION_BYTES: usize>;

impl<const ANNOTATION_BYTES: usize> RawVisitor<ANNOTATION_BYTES> {
    fn other(found: &'static str) -> RawDescriptor<ANNOTATION_BYTES> {
        RawDescriptor(Err(found))
    }
}

impl<'de, const ANNOTATION_BYTES: usize> Visitor<'de> for RawVisitor<ANNOTATION_BYTES> {
    type Value = RawDescriptor<ANNOTATION_BYTES>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a descriptor")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Members::deserialize(MapAccessDeserializer::new(map)).map(|members| RawDescriptor(Ok(members)))
    }

    /// Refuses an array, which serde would read by position.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Self::other("a list"))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Self::other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Self::other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Self::other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Self::other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Self::other("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Self::other("a text"))
    }
}

impl<const ANNOTATION_BYTES: usize> TryFrom<RawDescriptor<ANNOTATION_BYTES>> for Descriptor {
    type Error = DescriptorError;

    fn try_from(RawDescriptor(members): RawDescriptor<ANNOTATION_BYTES>) -> Result<Self, DescriptorError> {
        let members = members.map_err(|found| DescriptorError::NotAnObject { found })?;
        let media_type = required("mediaType", members.media_type)?;
        let digest = required("digest", members.digest)?;
        let size = match members.size {
            Member::Absent => return Err(DescriptorError::Missing("size")),
            Member::Number(size) => size,
            other @ (Member::Boolean | Member::Text(_) | Member::Array | Member::Object) => {
                let (found, expected) = (other.kind(), "a whole number");
                return Err(DescriptorError::Type { member: "size", found, expected });
            }
        };
        let annotations = members.annotations.texts().map_err(|found| DescriptorError::Type {
            member: "annotations",
            found,
            expected: "an object of strings",
        })?;
        Ok(Self {
            media_type: media_type
                .parse()
                .map_err(|_| DescriptorError::MediaType { found: Excerpt::of(&media_type) })?,
            digest: digest.parse().map_err(|error| DescriptorError::Digest { found: Excerpt::of(&digest), error })?,
            size: size
                .as_u64()
                .filter(|size| i64::try_from(*size).is_ok())
                .ok_or_else(|| DescriptorError::Size { found: size.to_string() })?,
            artifact_type: artifact_type(members.artifact_type).map_err(|found| DescriptorError::Type {
                member: "artifactType",
                found,
                expected: "a text",
            })?,
            annotations,
        })
    }
}

fn required(member: &'static str, value: Member) -> Result<String, DescriptorError> {
    text(value)
        .map_err(|found| DescriptorError::Type { member, found, expected: "a text" })?
        .ok_or(DescriptorError::Missing(member))
}

/// The text of an optional member, or the type found instead of a text.
pub(super) fn text(member: Member) -> Result<Option<String>, &'static str> {
    match member {
        Member::Absent => Ok(None),
        Member::Text(text) => Ok(Some(text)),
        other @ (Member::Boolean | Member::Number(_) | Member::Array | Member::Object) => Err(other.kind()),
    }
}

/// See [`Descriptor::artifact_type`]; an empty one counts as absent.
pub(super) fn artifact_type(member: Member) -> Result<Option<String>, &'static str> {
    let written = text(member)?.filter(|text| !text.is_empty());
    Ok(written.map(|text| text.parse::<MediaType>().map_or(text, |media_type| media_type.to_string())))
}
