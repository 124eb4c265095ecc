//! The mistakes of a configuration file, all of them.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use countersign_core::codec::text::Text;

/// One mistake in a configuration file, with the information to correct it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The configuration file.
    pub file: PathBuf,
    /// Counted from 1; 0 if the mistake has no line.
    pub line: u64,
    /// `registries[0].host`; empty for the file as a whole.
    pub field: Text,
    pub found: Text,
    pub wanted: Text,
    /// A valid value; empty if the expected text is sufficient.
    pub example: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, field, found, wanted, example } = self;
        write!(f, "{}", file.display())?;
        if *line > 0 {
            write!(f, ":{line}")?;
        }
        if !field.as_str().is_empty() {
            write!(f, ": {field}")?;
        }
        write!(f, ": found {found}, expected {wanted}")?;
        if !example.is_empty() {
            write!(f, ", for example {example}")?;
        }
        Ok(())
    }
}

/// Maximum number of mistakes kept for one file. More mean the wrong file, or one mistake many times.
const MISTAKES: usize = 100;

/// The mistakes of one file, in the order of their lines.
#[derive(Debug)]
pub(super) struct Mistakes {
    file: PathBuf,
    list: RefCell<Vec<Mistake>>,
    left_out: Cell<usize>,
}

impl Mistakes {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), list: RefCell::new(Vec::new()), left_out: Cell::new(0) }
    }

    pub(super) fn add(
        &self,
        line: u64,
        field: &str,
        found: impl fmt::Display,
        wanted: impl fmt::Display,
        example: &str,
    ) {
        let mut list = self.list.borrow_mut();
        if list.len() == MISTAKES {
            self.left_out.set(self.left_out.get() + 1);
            return;
        }
        list.push(Mistake {
            file: self.file.clone(),
            line,
            field: Text::of(field),
            found: Text::of(found),
            wanted: Text::of(wanted),
            example: example.to_owned(),
        });
    }

    /// Whether a mistake concerns `field` or a key within it. After the last that is kept, it may.
    pub(super) fn concerns(&self, field: &str) -> bool {
        let is_within =
            |found: &str| found.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        self.left_out.get() > 0 || self.list.borrow().iter().any(|mistake| is_within(mistake.field.as_str()))
    }

    /// The mistakes that are kept. If there were more, the last entry has the number of the others.
    pub(super) fn into_list(self) -> Vec<Mistake> {
        let mut list = self.list.into_inner();
        list.sort_by_key(|mistake| mistake.line);
        if self.left_out.get() > 0 {
            list.push(Mistake {
                file: self.file,
                line: 0,
                field: Text::default(),
                found: Text::of(format_args!("{} more mistakes", self.left_out.get())),
                wanted: Text::of("the mistakes above to be corrected first"),
                example: String::new(),
            });
        }
        list
    }
}
