//! The content of a store as an attempt to fetch it found it, and what stays of the former content beside it.

use countersign_core::limits::STORE_FILE_BYTES;

use super::files::NamedFile;
use super::store_failure::StoreFailure;

/// What a source has of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreContent {
    /// Each with its name. None if the source says that the store is empty.
    pub files: Vec<(String, Vec<u8>)>,
    /// What the source says that it does not have, although it should. It is not among the files, and is a failure beside them.
    pub missing: Option<StoreFailure>,
    /// What the source gave no usable answer about: of this, and of nothing else, former files stay. A failure beside the files.
    pub unanswered: Vec<Unanswered>,
    /// Of which entries of the configuration the source says that nothing is enabled, as messages name them. No failure: nothing of them is
    /// among the files, and the others are used.
    pub nothing_enabled: Vec<String>,
}

/// Files that a source gave no usable answer about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Why not.
    pub why: StoreFailure,
    /// Which files of the former content stay.
    pub stays: FormerFiles,
}

/// Files of the former content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormerFiles {
    /// All whose name has this beginning, without those that the source says have ended.
    Beginning {
        /// With its separator.
        beginning: String,
        /// Names of files.
        ended: Vec<String>,
    },
    /// The first so many of these names that the former content has.
    First {
        /// At most.
        count: usize,
        /// Names of files that the source says are valid, or says nothing about.
        names: Vec<String>,
    },
}

impl FormerFiles {
    /// Those among `former`.
    fn among<'f>(&self, former: &'f [NamedFile]) -> Vec<&'f NamedFile> {
        match self {
            Self::Beginning { beginning, ended } => {
                former.iter().filter(|(name, _)| name.starts_with(beginning) && !ended.contains(name)).collect()
            }
            Self::First { count, names } => {
                names.iter().filter_map(|name| former.iter().find(|(one, _)| one == name)).take(*count).collect()
            }
        }
    }
}

/// The files of a store after an attempt.
pub(super) struct Merged {
    pub(super) files: Vec<NamedFile>,
    pub(super) missing: Option<StoreFailure>,
    /// The first reason.
    pub(super) unanswered: Option<StoreFailure>,
    pub(super) nothing_enabled: Vec<String>,
}

impl StoreContent {
    /// With the files of `former` that stay: at most [`STORE_FILE_BYTES`] together. The order is that of `former`, so that equal content is
    /// recognized as such; new files follow.
    pub(super) fn merged(self, former: &[NamedFile]) -> Merged {
        let Self { mut files, missing, unanswered, nothing_enabled } = self;
        let mut bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        for stays in unanswered.iter().flat_map(|Unanswered { stays, why: _ }| stays.among(former)) {
            bytes += stays.1.len();
            if bytes > STORE_FILE_BYTES {
                break;
            }
            if !files.iter().any(|(name, _)| *name == stays.0) {
                files.push(stays.clone());
            }
        }
        if !unanswered.is_empty() {
            let place = |(name, _): &NamedFile| former.iter().position(|(one, _)| one == name).unwrap_or(former.len());
            files.sort_by_key(place);
        }
        let unanswered = unanswered.into_iter().next().map(|first| first.why);
        Merged { files, missing, unanswered, nothing_enabled }
    }
}

#[cfg(test)]
mod tests {
    use super::super::store_failure::StoreFailureCause;
    use super::*;

    fn failed() -> StoreFailure {
        StoreFailure::new(StoreFailureCause::Failed, "why")
    }

    fn file(name: &str, size: usize) -> NamedFile {
        (name.to_owned(), vec![b'a'; size])
    }

    fn names(content: StoreContent, former: &[NamedFile]) -> Vec<String> {
        content.merged(former).files.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn former_files_stay_only_for_what_was_not_answered() {
        let former = [file("a/2", 1), file("a/1", 1), file("ab/1", 1), file("b/1", 1)];
        let kept = |files: &[&str], stays: FormerFiles| {
            let unanswered = vec![Unanswered { why: failed(), stays }];
            let files = files.iter().map(|name| file(name, 1)).collect();
            names(StoreContent { files, unanswered, ..StoreContent::default() }, &former)
        };
        let beginning = |ended: &[&str]| FormerFiles::Beginning {
            beginning: "a/".to_owned(),
            ended: ended.iter().map(|&name| name.to_owned()).collect(),
        };
        let first = |count, names: &[&str]| FormerFiles::First {
            count,
            names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        assert_eq!(kept(&[], beginning(&[])), ["a/2", "a/1"]);
        assert_eq!(kept(&["c/1", "b/1"], beginning(&["a/1"])), ["a/2", "b/1", "c/1"]);
        assert_eq!(kept(&["b/1"], first(1, &["a/3", "a/2", "a/1"])), ["a/2", "b/1"]);
        assert_eq!(kept(&["a/2"], first(1, &["a/2", "a/1"])), ["a/2"]);
        assert_eq!(kept(&[], first(2, &["a/3"])), [""; 0]);
        assert_eq!(names(StoreContent::default(), &former), [""; 0]);
    }

    #[test]
    fn former_files_stay_only_within_the_size_of_a_store() {
        let former = [file("a/1", STORE_FILE_BYTES), file("b/1", 1)];
        let stays = FormerFiles::Beginning { beginning: String::new(), ended: Vec::new() };
        let unanswered = vec![Unanswered { why: failed(), stays }];
        let content = |size| StoreContent {
            files: vec![file("c/1", size)],
            unanswered: unanswered.clone(),
            ..StoreContent::default()
        };
        assert_eq!(names(content(0), &former), ["a/1", "c/1"]);
        assert_eq!(names(content(1), &former), ["c/1"]);
    }
}
