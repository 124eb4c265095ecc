//! A cluster in a cloud whose guide is followed, so that the Deployment that the page applies answers all cases: the processes, the user
//! of the page, and what a case asks.

mod chain;
mod page;
mod secrets;
mod site;

pub(super) use self::chain::Chain;
pub(super) use self::page::Page;
pub(super) use self::page::User;
pub(super) use self::page::is_step;
pub(super) use self::secrets::SecretsOf;
pub(super) use self::site::Platform;
pub(super) use self::site::Site;
