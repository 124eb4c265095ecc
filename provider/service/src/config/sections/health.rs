//! Section `health`.

use crate::config::ListenAddress;
use crate::config::schema::Address;
use crate::config::schema::section;

section! {
    /// Section `health`.
    pub Health {
        /// Address and port of /livez, /readyz and /metrics: plain HTTP, no secrets. Written as server.listen.
        listen "listen" [Restart]: ListenAddress = Address { port: 8888 };
    }
}
