//! The entries of a CRL, found by serial number.

use std::cmp::Ordering;
use std::ops::Range;

use super::entry::CrlEntry;
use super::entry::RawEntry;
use super::error::CrlError;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::limits;

/// Where each entry begins in the bytes of the list, sorted by serial number, one for each: four bytes an entry.
pub(super) struct Entries(Vec<u32>);

impl Entries {
    /// Reads and checks every entry. `list` is where they are in `bytes`.
    pub(super) fn read(bytes: &[u8], list: Range<usize>) -> Result<Self, CrlError> {
        let malformed = |NotDer| CrlError::Malformed { part: "list of entries" };
        let end = list.end;
        let mut reader = Reader::new(bytes.get(list).ok_or(malformed(NotDer))?);
        let found = reader.count().map_err(malformed)?;
        if found > limits::CRL_ENTRIES {
            return Err(CrlError::TooManyEntries { found });
        }
        let mut offsets = Vec::with_capacity(found);
        while !reader.is_empty() {
            // At most 32 MiB.
            let offset = u32::try_from(end - reader.rest().len()).map_err(|_| malformed(NotDer))?;
            let entry = reader.expect(der::SEQUENCE).map_err(malformed)?;
            let position = offsets.len() + 1;
            RawEntry::split(&entry).map_err(|part| CrlError::MalformedEntry { position, part })?.read(position)?;
            offsets.push(offset);
        }
        // In place, as an allocation for the keys could double the memory.
        offsets.sort_unstable_by(|one, other| compare(serial(bytes, *one), serial(bytes, *other)));
        Ok(Self(most_severe(bytes, offsets)))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The entry for a serial number without leading zeros.
    pub(super) fn find(&self, bytes: &[u8], number: &[u8]) -> Option<CrlEntry> {
        // The contents of an INTEGER have a leading zero if the number would be negative without, and for zero itself.
        let mut contents = Vec::with_capacity(number.len() + 1);
        if number.first().is_none_or(|first| first & 0x80 != 0) {
            contents.push(0);
        }
        contents.extend(number);
        let found = self.0.binary_search_by(|offset| compare(serial(bytes, *offset), &contents)).ok()?;
        read(bytes, *self.0.get(found)?)
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }
}

/// Keeps the most severe entry for each serial number, so that a lookup reads one entry whatever the list repeats.
fn most_severe(bytes: &[u8], sorted: Vec<u32>) -> Vec<u32> {
    let order = |one: u32, other: u32| compare(serial(bytes, one), serial(bytes, other));
    if sorted.is_sorted_by(|one, next| order(*one, *next) == Ordering::Less) {
        return sorted;
    }
    let groups = sorted.chunk_by(|one, next| order(*one, *next) == Ordering::Equal);
    let kept = groups.filter_map(|group| {
        let entries = group.iter().filter_map(|offset| Some((*offset, read(bytes, *offset)?)));
        entries.reduce(|one, other| if one.1.most_severe(other.1) == one.1 { one } else { other })
    });
    kept.map(|(offset, _)| offset).collect()
}

/// The entry at `offset`, which was checked before.
fn read(bytes: &[u8], offset: u32) -> Option<CrlEntry> {
    RawEntry::split(&element(bytes, offset)?).ok()?.read(0).ok()
}

/// A total order of the contents of INTEGERs.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    (one.len(), one).cmp(&(other.len(), other))
}

fn element(bytes: &[u8], offset: u32) -> Option<Element<'_>> {
    Reader::new(bytes.get(usize::try_from(offset).ok()?..)?).next().ok()
}

/// The contents of the serial number of the entry at `offset`.
fn serial(bytes: &[u8], offset: u32) -> &[u8] {
    let integer = element(bytes, offset).and_then(|entry| entry.inside().next().ok());
    integer.map_or(&[], |integer| integer.contents)
}
