//! Calls end in time with the right bytes or an exact error, whatever a registry sends, and a credential reaches only
//! its own host. The tests use in-process registries.
#![allow(clippy::unwrap_used)]

mod addresses;
mod broken;
mod client_certificates;
mod connections;
mod content;
mod content_again;
mod credential_leaks;
mod denials;
mod floods;
mod identities;
mod kept_connections;
mod mirrors;
mod observed;
mod outages;
mod pin;
mod plain_http;
mod predictions;
mod products;
mod proxies;
mod rate_limits;
mod redirects;
mod references;
mod referrers;
mod rules;
mod server_certificates;
mod shares;
mod spellings;
mod support;
mod texts;
mod tls;
mod token_services;
mod tokens;
mod wrong_predictions;
