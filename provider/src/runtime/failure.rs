//! Why a service cannot start or cannot go on.

use std::error::Error;
use std::fmt;

/// Whether the operator can correct it. The command line makes an exit code of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A mistake in the configuration or in the files that it names.
    Mistake,
    /// Trouble of the machine, or ours.
    Trouble,
}

/// Everything that was found.
#[derive(Debug)]
pub struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) causes: Vec<anyhow::Error>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, cause) in self.causes.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}", Chain(cause.as_ref()))?;
        }
        Ok(())
    }
}

impl Error for Failure {}

impl Failure {
    /// Mistakes that the operator can correct.
    pub(super) fn mistakes(causes: Vec<anyhow::Error>) -> Self {
        Self { kind: FailureKind::Mistake, causes }
    }

    /// A mistake that the operator can correct.
    pub(super) fn usage(cause: impl Into<anyhow::Error>) -> Self {
        Self::mistakes(vec![cause.into()])
    }

    /// Trouble of the machine, or ours.
    pub(super) fn trouble(cause: impl Into<anyhow::Error>) -> Self {
        Self { kind: FailureKind::Trouble, causes: vec![cause.into()] }
    }
}

/// An error with what caused it, on one line after another text.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
