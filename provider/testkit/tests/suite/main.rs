//! What the testkit writes and serves, read by independent implementations and by clients that are not its own.

#![allow(clippy::unwrap_used)]

mod aws;
mod clouds;
mod fixtures;
