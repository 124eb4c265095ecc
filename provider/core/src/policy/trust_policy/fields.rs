//! Parses the members of a document's objects and continues after each mistake, to report all of them.

use std::cell::OnceCell;

use serde_json::Map;
use serde_json::Value;

use super::mistakes::Mistakes;
use super::problem::PolicyError;
use super::problem::PolicyProblem;
use crate::codec::excerpt::Excerpt;
use crate::codec::json::Position;
use crate::codec::text::Text;
use crate::limits;

/// Collects mistakes under the name of the current statement.
pub(super) struct Fields<'d> {
    document: Position<'d>,
    /// The statements of the document, once there is a mistake in one.
    statements: OnceCell<Vec<Position<'d>>>,
    /// The list of the current statement in which the last mistake was, so that many mistakes in one list cost one pass
    /// over it.
    list: Option<StatementList<'d>>,
    /// The number of the current statement; `None` outside statements.
    number: Option<usize>,
    /// `None` outside statements.
    pub(super) statement: Option<Excerpt>,
    /// The mistakes of the current statement, or of the document.
    pub(super) mistakes: Mistakes,
    /// Whether a mistake invalidates the whole document, as each name and `*` must identify one statement.
    pub(super) is_unusable: bool,
}

/// A list of the current statement.
struct StatementList<'d> {
    /// The path of its member.
    name: String,
    position: Position<'d>,
    elements: Vec<Position<'d>>,
}

impl<'d> Fields<'d> {
    pub(super) fn new(document: &'d str) -> Self {
        Self {
            document: Position::of(document),
            statements: OnceCell::new(),
            list: None,
            number: None,
            statement: None,
            mistakes: Mistakes::default(),
            is_unusable: false,
        }
    }

    pub(super) fn begin_statement(&mut self, number: usize, name: &str) {
        (self.number, self.statement, self.list) = (Some(number), Some(Excerpt::of(name)), None);
    }

    pub(super) fn end_statements(&mut self) {
        (self.number, self.statement, self.list) = (None, None, None);
    }

    /// A mistake in the current statement, or in the document.
    pub(super) fn mistake(&mut self, field: impl std::fmt::Display, problem: PolicyProblem) -> PolicyError {
        let field = Text::of(field);
        let line = self.position(field.as_str()).line();
        PolicyError { statement: self.statement.clone(), field, line, problem }
    }

    /// The value of `field` in the current statement, or in the document.
    fn position(&mut self, field: &str) -> Position<'d> {
        let statements = || self.document.at("trustPolicies").elements();
        let statement = self.number.and_then(|number| self.statements.get_or_init(statements).get(number).copied());
        let parent = statement.unwrap_or(self.document);
        let Some((name, index)) = field.strip_suffix(']').and_then(|field| field.rsplit_once('[')) else {
            return parent.at(field);
        };
        let Ok(index) = index.parse::<usize>() else { return parent.at(field) };
        if self.list.as_ref().is_none_or(|list| list.name != name) {
            let position = parent.at(name);
            self.list = Some(StatementList { name: name.to_owned(), position, elements: position.elements() });
        }
        let list = self.list.as_ref();
        list.map_or(parent, |list| list.elements.get(index).copied().unwrap_or(list.position))
    }

    pub(super) fn fail(&mut self, field: impl std::fmt::Display, problem: PolicyProblem) {
        if self.mistakes.total() >= limits::STATEMENT_MISTAKES {
            // Only counted: its line is not looked up.
            self.is_unusable |= self.number.is_none();
            self.mistakes.count();
            return;
        }
        let mistake = self.mistake(field, problem);
        self.is_unusable |= mistake.statement.is_none();
        self.mistakes.push(limits::STATEMENT_MISTAKES, mistake);
    }

    /// The members of an object. Reports another type and every member that is not in `known`.
    pub(super) fn object<'a>(
        &mut self,
        field: &str,
        value: &'a Value,
        known: &[&str],
        expected: &'static str,
    ) -> Option<&'a Map<String, Value>> {
        let Value::Object(members) = value else {
            self.fail(field, PolicyProblem::Type { found: type_of(value), expected });
            return None;
        };
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let dot = if field.is_empty() { "" } else { "." };
            self.fail(
                format_args!("{field}{dot}{}", Excerpt::of(name).escaped()),
                PolicyProblem::UnknownMember { expected },
            );
        }
        Some(members)
    }

    pub(super) fn text<'a>(&mut self, field: &str, value: &'a Value, expected: &'static str) -> Option<&'a str> {
        if let Value::String(text) = value {
            return Some(text);
        }
        self.fail(field, PolicyProblem::Type { found: type_of(value), expected });
        None
    }

    /// As [`Self::text`], for a required member that must not be empty.
    pub(super) fn required_text<'a>(
        &mut self,
        field: &str,
        value: Option<&'a Value>,
        expected: &'static str,
    ) -> Option<&'a str> {
        let Some(value) = value else {
            self.fail(field, PolicyProblem::Missing { expected });
            return None;
        };
        let text = self.text(field, value, expected)?;
        if text.is_empty() {
            self.fail(field, PolicyProblem::Empty { expected });
            return None;
        }
        Some(text)
    }

    /// The elements of a required list that must not be empty.
    pub(super) fn required_list<'a>(
        &mut self,
        field: &str,
        value: Option<&'a Value>,
        expected: &'static str,
    ) -> Option<&'a Vec<Value>> {
        match value {
            None => self.fail(field, PolicyProblem::Missing { expected }),
            Some(Value::Array(list)) if list.is_empty() => self.fail(field, PolicyProblem::Empty { expected }),
            Some(Value::Array(list)) => return Some(list),
            Some(other) => self.fail(field, PolicyProblem::Type { found: type_of(other), expected }),
        }
        None
    }

    /// As [`Self::required_list`], for strings. Other elements are reported and omitted.
    pub(super) fn required_texts<'a>(
        &mut self,
        field: &str,
        value: Option<&'a Value>,
        expected: &'static str,
    ) -> Option<Vec<(String, &'a str)>> {
        let list = self.required_list(field, value, expected)?;
        let mut texts = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let field = format!("{field}[{index}]");
            if let Some(text) = self.text(&field, value, "a string") {
                texts.push((field, text));
            }
        }
        Some(texts)
    }

    /// As [`Self::required_texts`], at most [`limits::STATEMENT_ENTRIES`].
    pub(super) fn bounded_texts<'a>(
        &mut self,
        field: &str,
        value: Option<&'a Value>,
        expected: &'static str,
    ) -> Option<Vec<(String, &'a str)>> {
        let texts = self.required_texts(field, value, expected)?;
        if texts.len() > limits::STATEMENT_ENTRIES {
            self.fail(field, PolicyProblem::TooManyEntries { found: texts.len() });
            return None;
        }
        Some(texts)
    }
}

pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
