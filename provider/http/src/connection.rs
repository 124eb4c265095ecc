//! Connections to servers and proxies, and HTTP on them. The pool, HTTP/1.1 and HTTP/2 are those of hyper. This
//! module limits what hyper does not: name resolution ([`lookup`]), received bytes that are not content
//! ([`metered`]), and the number of open connections ([`open`]). It keeps the reason why a server closes a connection ([`alert`]).

mod alert;
mod current_request;
mod direct;
mod lookup;
mod metered;
mod open;
mod plain;
mod pool;
mod response;
mod setup;
mod stream;

pub(crate) use alert::WithAlert;
pub(crate) use current_request::current_reception;
pub(crate) use current_request::on_behalf_of;
pub(crate) use direct::Direct;
pub(crate) use lookup::LookupError;
pub(crate) use lookup::Lookups;
pub(crate) use lookup::Resolver;
pub(crate) use metered::Allowance;
pub(crate) use metered::Excess;
pub(crate) use metered::Metered;
pub(crate) use open::OpenConnections;
pub(crate) use plain::UsesTls;
pub(crate) use plain::is_of_tls_port;
pub(crate) use pool::Pool;
pub(crate) use response::UnreadResponse;
pub(crate) use setup::ConnectError;
pub(crate) use setup::ConnectSettings;
pub(crate) use setup::client;
pub(crate) use setup::server_name;
pub(crate) use setup::tcp;
pub(crate) use setup::tls_port;
pub(crate) use setup::with_user_agent;
pub(crate) use stream::BoxIo;
pub(crate) use stream::Stream;
