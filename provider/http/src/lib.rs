//! HTTP to servers that nobody vouches for: where requests may go, who answers, and how many bytes, connections, threads
//! and how much time that may take.
//!
//! Knows no registry: what is asked, of whom and with which credential is the caller's.

mod address;
mod connection;
mod content;
mod flight;
mod kept;
mod limit;
mod limiter;
pub mod limits;
mod parsing;
mod remembered;
mod share;
pub mod tls;

pub use address::AddressRefused;
pub use address::Guard;
pub use address::Network;
pub use connection::Allowance;
pub use connection::BoxIo;
pub use connection::ConnectError;
pub use connection::Counted;
pub use connection::Direct;
pub use connection::Excess;
pub use connection::Io;
pub use connection::LookupError;
pub use connection::Lookups;
pub use connection::Means;
pub use connection::Metered;
pub use connection::Open;
pub use connection::Pool;
pub use connection::Resolver;
pub use connection::Response;
pub use connection::Stream;
pub use connection::client;
pub use connection::on_behalf_of;
pub use connection::server_name;
pub use connection::tcp;
pub use connection::with_user_agent;
pub use content::Content;
pub use flight::FlightError;
pub use flight::Flights;
pub use flight::GRACE;
pub use flight::Progress;
pub use kept::Kept;
pub use limit::LimitObserver;
pub use limit::LimitReached;
pub use limit::Resource;
pub use limit::Unobserved;
pub use limiter::Limiter;
pub use limiter::Permit;
pub use limiter::Ticket;
pub use parsing::Parsing;
pub use remembered::Remembered;
pub use remembered::repository_bytes;
pub use share::Claim;
pub use share::Class;
pub use share::Scope;
pub use share::Share;
pub use share::ShareLimits;
