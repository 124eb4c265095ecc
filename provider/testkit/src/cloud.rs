//! What the doubles of all clouds have in common: the clock, tokens, servers with journals, and the process that runs them.

pub mod clock;
pub mod exchange;
pub(crate) mod jwt;
pub(crate) mod lines;
pub(crate) mod process;
pub(crate) mod random;
pub mod server;
pub mod service_account;
pub mod setup;

pub use clock::Clock;
pub use exchange::Exchange;
pub use server::CloudServer;
pub use setup::Setup;
