//! Memory that parsing and verdicts use, by the allocator of the whole process: each test has a process of its own.

use peak_alloc::PeakAlloc;

mod parsing;
mod verdict;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;
