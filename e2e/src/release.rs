//! The supported releases of Gatekeeper.

/// A supported release of Gatekeeper. `tools/go.mod` and `tools/gatekeeper-oldest/go.mod` name the versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Release {
    #[default]
    Newest,
    Oldest,
}

impl Release {
    /// The name of its program among the tools. Its custom resource definitions have the same name with `-crds`.
    pub(crate) fn tool(self) -> &'static str {
        match self {
            Self::Newest => "gatekeeper",
            Self::Oldest => "gatekeeper-oldest",
        }
    }

    /// Flags that not every release has.
    pub(crate) fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Newest => &["--shutdown-delay=0"],
            Self::Oldest => &[],
        }
    }
}
