//! Cached verdicts and shared work.
//!
//! Floor 5: knows keys and values, not what they mean.

pub use countersign_http::FlightError;
pub use countersign_http::LruTtlCache;
pub use countersign_http::Progress;
pub use countersign_http::SingleFlight;
