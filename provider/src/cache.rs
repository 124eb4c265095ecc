//! Remembered verdicts and shared work.
//!
//! Floor 5: knows keys and values, not what they mean.

pub use countersign_registry::FlightError;
pub use countersign_registry::Flights;
pub use countersign_registry::Progress;
pub use countersign_registry::Remembered;
