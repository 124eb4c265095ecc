//! The commands as the built binary; `tests/service` has the endpoints of `serve`.

mod certs;
mod check;
mod cli;
mod inspect;
