//! Why a text is not the YAML that was wanted. The texts of the library are never shown: they quote the file, which may
//! have a secret in the wrong location.

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;
use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::localizer::ExternalMessageSource;

use super::Limits;
use super::join;
use super::syntax;
use super::syntax::limit;

/// Why a text is not the YAML that was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// 0 if it has no line.
    pub line: u64,
    /// `registries[0].host`; empty if it is not known.
    pub field: String,
    pub found: Text,
    pub wanted: Text,
}

/// What a file without anchors has in place of them.
const WRITTEN_OUT: &str = "every value written out; put a text that begins with & or * in quotation marks";

impl YamlError {
    pub(super) fn new(line: u64, field: String, found: String, wanted: String) -> Self {
        Self { line, field, found: Text::of(found), wanted: Text::of(wanted) }
    }

    /// `key` twice in one map; `field` ends with it.
    pub(super) fn repeated(line: u64, field: String, key: &str) -> Self {
        Self::new(line, field, format!("{:?} twice", Excerpt::of(key)), "each key once".to_owned())
    }

    /// The error of the library at the key `field`, with the limits that it applied.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    pub(super) fn of(error: &Error, field: String, limits: &Limits) -> Self {
        let line = error.location().map_or(0, |location| location.line());
        let (found, wanted) = match innermost(error) {
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                let field = join(&field, &Text::of(key).to_string());
                return Self::repeated(line, field, key);
            }
            Error::DuplicateMappingKey { key: None, .. } => fixed("a key twice", "each key once"),
            Error::MultipleDocuments { .. } => fixed("a second document", "one document"),
            Error::MergeKeyNotAllowed { .. } => fixed("a merge key (<<)", "every key written out"),
            Error::MergeValueNotMapOrSeqOfMaps { .. } => {
                fixed("a merge key (<<) without a map", "a map, or a list of maps")
            }
            Error::Budget { breach, .. } => above(breach, limits),
            Error::AliasReplayLimitExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. }
            | Error::AliasReplayCounterOverflow { .. } => limit(limits.aliased, "values in place of aliases"),
            Error::AliasReplayStackDepthExceeded { max_depth, .. } => limit(*max_depth, "aliases within each other"),
            Error::RecursiveReferencesRequireWeakTypes { .. } => {
                fixed("an alias (*name) within its own anchor", "an alias of an earlier value")
            }
            Error::UnknownAnchor { .. } if limits.anchors == 0 => fixed("an alias (*name)", WRITTEN_OUT),
            Error::UnknownAnchor { .. } => fixed("an alias (*name) without its anchor", "an anchor (&name) before it"),
            Error::UnsupportedTag { .. } | Error::TaggedEnumMismatch { .. } | Error::TaggedStructFieldName { .. } => {
                fixed("a tag (!name)", "no tag; put a text that begins with ! in quotation marks")
            }
            Error::InvalidBinaryBase64 { .. }
            | Error::BinaryNotUtf8 { .. }
            | Error::TaggedScalarCannotDeserializeIntoString { .. }
            | Error::InvalidBooleanStrict { .. }
            | Error::InvalidScalar { .. } => fixed("a value that does not match its tag", "a value without a tag"),
            Error::NullIntoString { .. } => fixed("a key without a name", "a name before the colon"),
            Error::Unexpected { .. } | Error::SerdeInvalidType { .. } | Error::UnexpectedSequenceEnd { .. } => {
                fixed("a list or a map in the position of a name", "a string as the name of a key")
            }
            Error::NonFiniteFloat { .. } => fixed("a number that is not finite", "a finite number, or a string"),
            Error::Eof { .. } => fixed("the end of the file", "a value"),
            Error::ExternalMessage { source, .. } => match source.as_ref() {
                ExternalMessageSource::Parser(error) => syntax::describe(error.kind(), limits),
                _ => fixed("a text that is no YAML", "YAML 1.2"),
            },
            _ => fixed("a text that is no YAML", "YAML 1.2"),
        };
        Self::new(line, field, found, wanted)
    }
}

/// The error without the library's wrappers. One within an alias is as any other.
fn innermost(mut error: &Error) -> &Error {
    while let Error::AliasError { error: inner, .. } | Error::WithSnippet { error: inner, .. } = error {
        error = inner;
    }
    error
}

fn fixed(found: &str, wanted: &str) -> (String, String) {
    (found.to_owned(), wanted.to_owned())
}

/// The limit that was exceeded.
#[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
fn above(breach: &BudgetBreach, limits: &Limits) -> (String, String) {
    match breach {
        BudgetBreach::Anchors { .. } if limits.anchors == 0 => fixed("an anchor (&name)", WRITTEN_OUT),
        BudgetBreach::Aliases { .. } if limits.anchors == 0 => fixed("an alias (*name)", WRITTEN_OUT),
        BudgetBreach::MergeKeys { .. } if limits.anchors == 0 => fixed("a merge key (<<)", "every key written out"),
        BudgetBreach::Anchors { .. } => limit(limits.anchors, "anchors"),
        BudgetBreach::Aliases { .. } | BudgetBreach::AliasAnchorRatio { .. } => limit(limits.anchors, "aliases"),
        BudgetBreach::MergeKeys { .. } => limit(limits.anchors, "merge keys"),
        BudgetBreach::RecordedAnchorEvents { .. } | BudgetBreach::RecordedAnchorBytes { .. } => {
            limit(limits.aliased, "values below anchors")
        }
        BudgetBreach::Depth { .. } => limit(limits.levels, "levels of lists and maps"),
        BudgetBreach::Events { .. } | BudgetBreach::Nodes { .. } => limit(limits.values, "values"),
        BudgetBreach::Documents { .. } => limit(limits.documents, "documents"),
        BudgetBreach::ScalarBytes { .. } | BudgetBreach::InputBytes { .. } => limit(limits.bytes, "bytes of text"),
        _ => fixed("a text that is no YAML", "YAML 1.2"),
    }
}
