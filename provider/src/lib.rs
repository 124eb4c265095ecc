//! Countersign: a Gatekeeper external-data provider. See `ARCHITECTURE.md` for its modules.

// Futures of calls of the AWS SDK are deep, and each caller adds some levels. How many the compiler counts depends on what it has
// cached, so that a margin is necessary: the default is 128.
#![recursion_limit = "256"]

pub mod cli;
pub mod runtime;

use countersign_files as files;
pub use countersign_service::cache;
pub use countersign_service::clock;
pub use countersign_service::config;
pub use countersign_service::engine;
pub use countersign_service::evidence;
pub use countersign_service::json_model;
pub use countersign_service::policy_source;
pub use countersign_service::protocol;
pub use countersign_service::server;
pub use countersign_service::telemetry;
