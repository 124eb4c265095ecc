//! Cached verdicts and shared work.
//!
//! Knows keys and values, not their meaning.

pub use countersign_http::FlightError;
pub use countersign_http::LruTtlCache;
pub use countersign_http::Progress;
pub use countersign_http::ShardedCache;
pub use countersign_http::SingleFlight;
