//! Mistakes against the syntax of YAML, by their kind: the library's texts quote the file.

use serde_saphyr::granit_parser::ErrorKind;

use super::Limits;

const FLOW_LIST: &str = "a comma between its elements, and ] at its end";
const FLOW_MAP: &str = "a comma between its keys, and } at its end";
const BLOCK: &str = "one key or element on each line, with the same indentation as its neighbours";
const QUOTE: &str = "a quotation mark at its end and nothing behind it";
const KEY: &str = "a colon and a space behind the name of a key";

/// Found and expected. The mistakes that people make have texts of their own.
#[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
pub(super) fn describe(kind: &ErrorKind, limits: &Limits) -> (String, String) {
    let (found, wanted) = match kind {
        ErrorKind::RecursionLimitExceeded => return limit(limits.levels, "levels of lists and maps"),
        ErrorKind::UnexpectedEofFlowSequence | ErrorKind::UnclosedFlowCollection { open: '[' } => {
            ("a list without its end", FLOW_LIST)
        }
        ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnclosedFlowCollection { .. } => ("a map without its end", FLOW_MAP),
        ErrorKind::ExpectedFlowSequenceSeparator => ("another text in a list", FLOW_LIST),
        ErrorKind::ExpectedFlowMappingSeparator => ("another text in a map", FLOW_MAP),
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            ("] or } in the wrong position", "each [ with its ], and each { with its }")
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => ("a string in quotation marks without its end", QUOTE),
        ErrorKind::UnknownQuotedScalarEscape => {
            ("an unknown escape behind \\", "single quotation marks, or \\\\ in place of \\")
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofBlockMapping => ("a line that is no key or element of its neighbours", BLOCK),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey | ErrorKind::InvalidMappingValueWhitespace => {
            ("a name without a colon", KEY)
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            ("a colon within a value", "quotation marks around a value that has a colon and a space")
        }
        ErrorKind::BlockSequenceEntryNotAllowed | ErrorKind::BlockEntryInFlowCollection => {
            ("the - of an element within a line", "each element on a line of its own")
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => ("a tab", "spaces"),
        ErrorKind::CommentNotSeparated => ("a comment directly behind a value", "a space before #"),
        ErrorKind::UnexpectedCharacter { .. } => (
            "a character with which no value starts",
            "quotation marks around a text that starts with @, ` or %, or has control characters",
        ),
        ErrorKind::MissingAnchorOrAliasName => {
            ("& or * at the start of a value", "quotation marks around a text that starts with & or *")
        }
        ErrorKind::ExpectedTagBang
        | ErrorKind::UndeclaredTagHandle
        | ErrorKind::MissingTagUri
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidTagEscape => ("a tag (!name)", "no tag; put a text that begins with ! in quotation marks"),
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::InvalidBlockScalarIndent => {
            ("a text behind | or > at the start of a value", "quotation marks around it, or the text on lines below")
        }
        ErrorKind::ExpectedDocumentStart | ErrorKind::InvalidDocumentEnd => ("a text behind the value", "one value"),
        _ => ("a text that is no YAML", "YAML 1.2"),
    };
    (found.to_owned(), wanted.to_owned())
}

/// More than `most` of `what`.
pub(super) fn limit(most: usize, what: &str) -> (String, String) {
    (format!("more than {most} {what}"), format!("at most {most}"))
}
