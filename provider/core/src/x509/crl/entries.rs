//! The entries of a CRL, found by serial number.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use super::entry::CrlEntry;
use super::entry::RawEntry;
use super::error::CrlError;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::limits;

/// The entries, one for each serial number.
pub(super) struct Entries {
    /// Where each begins in the bytes of the list, sorted by serial number: four bytes an entry.
    offsets: Vec<u32>,
    /// What several entries for one serial number state together, by the offset of the first one, if none states that
    /// alone.
    combined: BTreeMap<u32, CrlEntry>,
}

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
        Ok(Self::combine(bytes, offsets))
    }

    /// Combines the entries for each serial number, so that a lookup reads one entry whatever the list repeats.
    fn combine(bytes: &[u8], sorted: Vec<u32>) -> Self {
        let order = |one: u32, other: u32| compare(serial(bytes, one), serial(bytes, other));
        if sorted.is_sorted_by(|one, next| order(*one, *next) == Ordering::Less) {
            return Self { offsets: sorted, combined: BTreeMap::new() };
        }
        let mut all = Self { offsets: Vec::new(), combined: BTreeMap::new() };
        for group in sorted.chunk_by(|one, next| order(*one, *next) == Ordering::Equal) {
            let entries = || group.iter().filter_map(|offset| Some((*offset, read(bytes, *offset)?)));
            let Some(together) = entries().map(|(_, entry)| entry).reduce(CrlEntry::most_severe) else { continue };
            let alone = entries().find(|(_, entry)| *entry == together);
            let Some((offset, _)) = alone.or_else(|| entries().next()) else { continue };
            if alone.is_none() {
                all.combined.insert(offset, together);
            }
            all.offsets.push(offset);
        }
        all.offsets.shrink_to_fit();
        all
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The entry for a serial number without leading zeros.
    pub(super) fn find(&self, bytes: &[u8], number: &[u8]) -> Option<CrlEntry> {
        // The contents of an INTEGER have a leading zero if the number would be negative without, and for zero itself.
        let mut contents = Vec::with_capacity(number.len() + 1);
        if number.first().is_none_or(|first| first & 0x80 != 0) {
            contents.push(0);
        }
        contents.extend(number);
        let found = self.offsets.binary_search_by(|offset| compare(serial(bytes, *offset), &contents)).ok()?;
        let offset = self.offsets.get(found)?;
        self.combined.get(offset).copied().or_else(|| read(bytes, *offset))
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        // The nodes of the map are at least half full.
        let combined = 2 * self.combined.len() * size_of::<(u32, CrlEntry)>();
        self.offsets.capacity() * size_of::<u32>() + combined
    }
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
