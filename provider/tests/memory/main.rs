//! Memory that metrics, registry files, requests and verdicts use, by the allocator of the whole process: each test has a process of its own.

use peak_alloc::PeakAlloc;

mod advisories;
mod metrics;
mod registry_files;
mod request;
mod verdict;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;
