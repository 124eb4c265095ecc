//! Remembered verdicts and shared work.
//!
//! Floor 5: knows keys and values, not what they mean.

mod flight;
mod remembered;

pub use flight::FlightError;
pub use flight::Flights;
pub use flight::Progress;
pub use remembered::Remembered;
