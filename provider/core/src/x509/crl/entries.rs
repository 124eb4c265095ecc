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

/// Where each entry begins in the bytes of the list, sorted by serial number: four bytes an entry.
pub(super) struct Entries(Vec<u32>);

impl Entries {
    /// Reads and checks every entry. `list` is where they are in `bytes`.
    pub(super) fn read(bytes: &[u8], list: Range<usize>) -> Result<Self, CrlError> {
        let malformed = |NotDer| CrlError::Malformed { part: "list of entries" };
        let end = list.end;
        let mut reader = Reader::new(bytes.get(list).unwrap_or_default());
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
        Ok(Self(offsets))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The most severe entry for a serial number without leading zeros.
    pub(super) fn find(&self, bytes: &[u8], number: &[u8]) -> Option<CrlEntry> {
        // The contents of an INTEGER have a leading zero if the number would be negative without, and for zero itself.
        let mut contents = Vec::with_capacity(number.len() + 1);
        if number.first().is_none_or(|first| first & 0x80 != 0) {
            contents.push(0);
        }
        contents.extend(number);
        let from = self.0.partition_point(|offset| compare(serial(bytes, *offset), &contents) == Ordering::Less);
        let same = self.0.get(from..)?.iter().take_while(|offset| serial(bytes, **offset) == contents);
        // Every entry was read before.
        let entries = same.filter_map(|offset| RawEntry::split(&element(bytes, *offset)?).ok()?.read(0).ok());
        entries.reduce(CrlEntry::most_severe)
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }
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
