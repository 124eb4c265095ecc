//! The host that a request goes to, and the one on whose behalf.

/// The host that a request goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'a> {
    /// The host on whose behalf the request is made.
    pub(crate) home: &'a str,
    /// The part of the host that the request is about.
    pub(crate) about: &'a str,
    /// Host and port as in the URL.
    pub(crate) host: &'a str,
    /// Whether the request is made on behalf of this host.
    pub(crate) own: bool,
    /// Whether the settings have an entry for it.
    pub(crate) listed: bool,
}
