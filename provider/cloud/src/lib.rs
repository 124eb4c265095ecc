//! Calls of clouds: what the clients without an SDK have in common, those of Azure and of Google Cloud.
//!
//! Entry point: [`Calls`]. Requests are sent through `countersign-http`, so that the limits on bytes, time and connections, the
//! proxies and the certificate authorities are those of all other requests. No redirect is followed: it would lead a secret to
//! another host, or let another host issue one.
#![warn(missing_docs)]

mod access_token;
mod call;
mod calls;
mod destination;
pub mod limits;
mod observer;
mod payload;
mod server_text;
mod transport;

pub use access_token::AccessToken;
pub use call::Call;
pub use calls::CallError;
pub use calls::Calls;
pub use calls::FailedAttempt;
pub use destination::Destination;
pub use destination::INSTANCE_METADATA;
pub use observer::CallObserver;
pub use observer::Operation;
pub use payload::form;
pub use payload::get_with;
pub use server_text::At;
pub use server_text::message;
pub use transport::Answer;
pub use transport::Transport;
pub use transport::TransportSettings;
