//! The doubles of the services of Azure and Google Cloud, and of registries that are in use, to a client that is not theirs.

mod azure;
mod client;
mod google;
mod lines;
mod products;

use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-05-06 07:08:09 UTC);
