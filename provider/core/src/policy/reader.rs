//! Turns the JSON of a trust policy into statements, and goes on after each mistake to find the others.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;

use super::Action;
use super::DeclaredScopes;
use super::Identities;
use super::Level;
use super::Mode;
use super::NotationRequirement;
use super::PolicyEntry;
use super::PolicyError;
use super::PolicyProblem;
use super::RevocationAction;
use super::Scopes;
use super::Statement;
use super::StoreKind;
use super::StoreRef;
use super::VerifyTimestamp;
use super::entries::Conflicts;
use super::entries::ReadStatement;
use super::entries::entries;
use super::entries::uncertain;
use super::mistakes::Mistakes;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::limits;
use crate::name::Repository;

const VERSION: &str = "\"1.0\"";
const STATEMENTS: &str = "a list of at least one statement";
const NAME: &str = "a name for messages and logs";
const SCOPES: &str = "a list of repositories as host[:port]/repository, or [\"*\"]";
const VERIFICATION: &str = "an object with level and, perhaps, override and verifyTimestamp";
const LEVEL: &str = "strict, permissive, audit or skip";
const TIMESTAMP: &str = "always or afterCertExpiry";
const STORES: &str = "a list of stores as type:name, of which one is ca or signingAuthority";
const IDENTITIES: &str = "a list of identities as x509.subject:NAME, or [\"*\"]";
const OVERRIDES: &str = "authenticity, authenticTimestamp, expiry or revocation";
const ACTION: &str = "enforce or log";
const REVOCATION: &str = "enforce, log or skip";

/// Reads the document: its statements, unless a mistake is about the document as a whole, and the mistakes.
pub(super) fn document(value: &Value) -> (Option<Vec<(DeclaredScopes, PolicyEntry)>>, Vec<PolicyError>) {
    let mut reader = Reader::default();
    let statements = reader.document(value);
    let mut mistakes = reader.mistakes;
    for read in &statements {
        mistakes.append(limits::POLICY_MISTAKES, &read.mistakes);
    }
    let entries = (!reader.is_unusable).then(|| entries(statements, reader.conflicts));
    (entries, mistakes.list(None))
}

/// Collects mistakes, under the name of the statement that is being read.
#[derive(Default)]
struct Reader {
    statement: Option<Excerpt>,
    /// How many statements are read.
    read: usize,
    /// Of the statement that is being read, or of the document.
    mistakes: Mistakes,
    /// Whether a mistake leaves no statement certain: each name, and `*`, must lead to one statement.
    is_unusable: bool,
    /// Names seen so far.
    names: HashSet<String>,
    /// Scopes seen so far, by place, as written and with the number and name of the statement that has them; `None` is
    /// `*`.
    scopes: HashMap<Option<Repository>, (Excerpt, usize, Excerpt)>,
    conflicts: Conflicts,
    /// Trust stores seen so far.
    stores: BTreeSet<StoreRef>,
}

/// What `signatureVerification` says.
enum Verification {
    Skip,
    Level(Level, VerifyTimestamp),
}

impl Reader {
    fn fail(&mut self, field: impl std::fmt::Display, problem: PolicyProblem) {
        let mistake = PolicyError { statement: self.statement.clone(), field: Text::of(field), problem };
        self.is_unusable |= mistake.statement.is_none();
        self.mistakes.push(limits::STATEMENT_MISTAKES, mistake);
    }

    /// The object's members; reports another type and every member that is not among `known`.
    fn object<'a>(
        &mut self,
        field: &str,
        value: &'a Value,
        known: &[&str],
        wanted: &'static str,
    ) -> Option<&'a Map<String, Value>> {
        let Value::Object(members) = value else {
            self.fail(field, PolicyProblem::Type { found: type_of(value), wanted });
            return None;
        };
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let dot = if field.is_empty() { "" } else { "." };
            self.fail(
                format_args!("{field}{dot}{}", Excerpt::of(name).escaped()),
                PolicyProblem::UnknownMember { wanted },
            );
        }
        Some(members)
    }

    fn text<'a>(&mut self, field: &str, value: &'a Value, wanted: &'static str) -> Option<&'a str> {
        if let Value::String(text) = value {
            return Some(text);
        }
        self.fail(field, PolicyProblem::Type { found: type_of(value), wanted });
        None
    }

    /// As [`Self::text`], of a member that must be there and not empty.
    fn required_text<'a>(&mut self, field: &str, value: Option<&'a Value>, wanted: &'static str) -> Option<&'a str> {
        let Some(value) = value else {
            self.fail(field, PolicyProblem::Missing { wanted });
            return None;
        };
        let text = self.text(field, value, wanted)?;
        if text.is_empty() {
            self.fail(field, PolicyProblem::Empty { wanted });
            return None;
        }
        Some(text)
    }

    /// The elements of a list that must be there and not empty.
    fn required_list<'a>(
        &mut self,
        field: &str,
        value: Option<&'a Value>,
        wanted: &'static str,
    ) -> Option<&'a Vec<Value>> {
        match value {
            None => self.fail(field, PolicyProblem::Missing { wanted }),
            Some(Value::Array(list)) if list.is_empty() => self.fail(field, PolicyProblem::Empty { wanted }),
            Some(Value::Array(list)) => return Some(list),
            Some(other) => self.fail(field, PolicyProblem::Type { found: type_of(other), wanted }),
        }
        None
    }

    /// As [`Self::required_list`], of strings; those that are none are reported and left out.
    fn required_texts<'a>(
        &mut self,
        field: &str,
        value: Option<&'a Value>,
        wanted: &'static str,
    ) -> Option<Vec<(String, &'a str)>> {
        let list = self.required_list(field, value, wanted)?;
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
    fn bounded_texts<'a>(
        &mut self,
        field: &str,
        value: Option<&'a Value>,
        wanted: &'static str,
    ) -> Option<Vec<(String, &'a str)>> {
        let texts = self.required_texts(field, value, wanted)?;
        if texts.len() > limits::STATEMENT_ENTRIES {
            self.fail(field, PolicyProblem::TooManyEntries { found: texts.len() });
            return None;
        }
        Some(texts)
    }

    fn document(&mut self, value: &Value) -> Vec<ReadStatement> {
        let known = ["version", "trustPolicies"];
        let Some(members) = self.object("", value, &known, "an object with version and trustPolicies") else {
            return Vec::new();
        };
        if let Some(found) = self.required_text("version", members.get("version"), VERSION)
            && found != "1.0"
        {
            self.fail("version", PolicyProblem::Value { found: found.into(), wanted: VERSION });
        }
        let Some(list) = self.required_list("trustPolicies", members.get("trustPolicies"), STATEMENTS) else {
            return Vec::new();
        };
        if list.len() > limits::POLICY_STATEMENTS {
            self.fail("trustPolicies", PolicyProblem::TooManyStatements { found: list.len() });
            return Vec::new();
        }
        let mut statements = Vec::new();
        let of_document = mem::take(&mut self.mistakes);
        for (number, value) in (1_usize..).zip(list) {
            let name = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
            let name: Arc<str> = name.map_or_else(|| format!("#{number}").into(), Arc::from);
            self.statement = Some(Excerpt::of(&name));
            let (scopes, statement) = self.statement(value);
            let mistakes = mem::take(&mut self.mistakes);
            statements.push(ReadStatement { name, scopes, statement, mistakes });
            self.read += 1;
        }
        self.statement = None;
        self.mistakes = of_document;
        if self.stores.len() > limits::POLICY_STORES {
            self.fail("trustPolicies", PolicyProblem::TooManyStores { found: self.stores.len() });
        }
        statements
    }

    fn statement(&mut self, value: &Value) -> (DeclaredScopes, Option<Statement>) {
        let known = ["name", "registryScopes", "signatureVerification", "trustStores", "trustedIdentities"];
        let wanted = "name, registryScopes, signatureVerification, trustStores and trustedIdentities";
        let Some(members) = self.object("", value, &known, wanted) else {
            return (DeclaredScopes::Unknown(Vec::new()), None);
        };
        let name = self.required_text("name", members.get("name"), NAME);
        if let Some(name) = name
            && !self.names.insert(name.to_owned())
        {
            self.is_unusable = true;
            self.fail("name", PolicyProblem::NameTwice { found: name.into() });
        }
        let mut scopes = self.scopes(members.get("registryScopes"));
        // It may hold further scopes under a misspelt name.
        let misspelt = |name: &String| !known.contains(&name.as_str()) && name.to_ascii_lowercase().contains("scope");
        if members.keys().any(misspelt) {
            scopes = uncertain(scopes);
        }
        let verification = self.verification(members.get("signatureVerification"));
        let (stores, identities) = (members.get("trustStores"), members.get("trustedIdentities"));
        let mode = match verification {
            Some(Verification::Skip) => {
                if scopes == DeclaredScopes::Known(Scopes::All) {
                    self.fail("registryScopes", PolicyProblem::SkipAll);
                }
                self.absent("trustStores", stores);
                self.absent("trustedIdentities", identities);
                Some(Mode::Skip)
            }
            Some(Verification::Level(level, verify_timestamp)) => {
                let (stores, identities) = (self.stores(stores), self.identities(identities));
                let parts = stores.zip(identities);
                parts.map(|(stores, identities)| {
                    Mode::Verify(Arc::new(NotationRequirement { level, verify_timestamp, stores, identities }))
                })
            }
            None => {
                // Level unknown: whether they must be there is open, but what is there can be looked at.
                stores.and_then(|_| self.stores(stores));
                identities.and_then(|_| self.identities(identities));
                None
            }
        };
        let statement = match (name, &scopes, mode) {
            (Some(name), DeclaredScopes::Known(scopes), Some(mode)) => {
                Some(Statement { name: name.into(), scopes: scopes.clone(), mode })
            }
            _ => None,
        };
        (scopes, statement)
    }

    /// That a list is not there, or empty.
    fn absent(&mut self, field: &str, value: Option<&Value>) {
        let empty = value.is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
        if !empty {
            self.fail(field, PolicyProblem::BesideSkip);
        }
    }

    /// The scopes; not known if there is any mistake in them.
    fn scopes(&mut self, value: Option<&Value>) -> DeclaredScopes {
        let before = self.mistakes.found();
        let Some(texts) = self.required_texts("registryScopes", value, SCOPES) else {
            return DeclaredScopes::Unknown(Vec::new());
        };
        let alone = texts.len() == 1;
        let mut repositories = Vec::new();
        let mut all = false;
        for (field, text) in texts {
            let scope = match text {
                "*" => None,
                text => match text.parse::<Repository>() {
                    Ok(repository) => Some(repository),
                    Err(error) => {
                        self.fail(field, PolicyProblem::Scope { found: text.into(), error });
                        continue;
                    }
                },
            };
            if let Some((spelling, first, name)) = self.scopes.get(&scope).cloned() {
                self.is_unusable |= scope.is_none() && first != self.read;
                let problem = PolicyProblem::ScopeTwice { found: text.into(), scope: spelling, first: name };
                let statement = self.statement.clone();
                let mistake = PolicyError { statement, field: Text::of(&field), problem: problem.clone() };
                self.conflicts.entry((first, self.read)).or_insert(mistake);
                self.fail(&field, problem);
            } else {
                let owner = (text.into(), self.read, self.statement.clone().unwrap_or_default());
                self.scopes.insert(scope.clone(), owner);
            }
            match scope {
                Some(repository) => repositories.push(repository),
                None => {
                    all = true;
                    if !alone {
                        self.fail(field, PolicyProblem::AllBesideOthers);
                    }
                }
            }
        }
        if self.mistakes.found() > before {
            DeclaredScopes::Unknown(repositories)
        } else if all {
            DeclaredScopes::Known(Scopes::All)
        } else {
            DeclaredScopes::Known(Scopes::Repositories(repositories))
        }
    }

    fn verification(&mut self, value: Option<&Value>) -> Option<Verification> {
        let field = "signatureVerification";
        let Some(value) = value else {
            self.fail(field, PolicyProblem::Missing { wanted: VERIFICATION });
            return None;
        };
        let members = self.object(field, value, &["level", "override", "verifyTimestamp"], VERIFICATION)?;
        let verify_timestamp = match members.get("verifyTimestamp") {
            Some(value) => self.verify_timestamp(value),
            None => Some(VerifyTimestamp::Always),
        };
        let level_field = "signatureVerification.level";
        let preset = match self.required_text(level_field, members.get("level"), LEVEL)? {
            "strict" => Some(Level::STRICT),
            "permissive" => Some(Level::PERMISSIVE),
            "audit" => Some(Level::AUDIT),
            "skip" => None,
            other => {
                self.fail(level_field, PolicyProblem::Value { found: other.into(), wanted: LEVEL });
                return None;
            }
        };
        let overrides = members.get("override");
        match (preset, overrides) {
            (Some(level), Some(overrides)) => {
                Some(Verification::Level(self.overridden(level, overrides)?, verify_timestamp?))
            }
            (Some(level), None) => Some(Verification::Level(level, verify_timestamp?)),
            (None, Some(overrides)) if overrides.as_object().is_none_or(|members| !members.is_empty()) => {
                self.fail("signatureVerification.override", PolicyProblem::OverrideSkip);
                Some(Verification::Skip)
            }
            (None, Some(_) | None) => Some(Verification::Skip),
        }
    }

    fn verify_timestamp(&mut self, value: &Value) -> Option<VerifyTimestamp> {
        let field = "signatureVerification.verifyTimestamp";
        match self.text(field, value, TIMESTAMP)? {
            "always" | "" => Some(VerifyTimestamp::Always),
            "afterCertExpiry" => Some(VerifyTimestamp::AfterCertExpiry),
            other => {
                self.fail(field, PolicyProblem::Value { found: other.into(), wanted: TIMESTAMP });
                None
            }
        }
    }

    /// The level with its overrides; reports the rest and goes on.
    fn overridden(&mut self, mut level: Level, overrides: &Value) -> Option<Level> {
        let field = "signatureVerification.override";
        let Value::Object(members) = overrides else {
            self.fail(field, PolicyProblem::Type { found: type_of(overrides), wanted: OVERRIDES });
            return None;
        };
        let before = self.mistakes.found();
        for (check, value) in members {
            let field = format!("{field}.{}", Excerpt::of(check).escaped());
            match check.as_str() {
                "authenticity" => level.authenticity = self.action(&field, value).unwrap_or(level.authenticity),
                "authenticTimestamp" => {
                    level.authentic_timestamp = self.action(&field, value).unwrap_or(level.authentic_timestamp);
                }
                "expiry" => level.expiry = self.action(&field, value).unwrap_or(level.expiry),
                "revocation" => level.revocation = self.revocation(&field, value).unwrap_or(level.revocation),
                "integrity" => self.fail(field, PolicyProblem::OverrideIntegrity),
                _ => self.fail(field, PolicyProblem::UnknownMember { wanted: OVERRIDES }),
            }
        }
        (self.mistakes.found() == before).then_some(level)
    }

    fn action(&mut self, field: &str, value: &Value) -> Option<Action> {
        match self.text(field, value, ACTION)? {
            "enforce" => Some(Action::Enforce),
            "log" => Some(Action::Log),
            other => {
                self.fail(field, PolicyProblem::Value { found: other.into(), wanted: ACTION });
                None
            }
        }
    }

    fn revocation(&mut self, field: &str, value: &Value) -> Option<RevocationAction> {
        match self.text(field, value, REVOCATION)? {
            "enforce" => Some(RevocationAction::Enforce),
            "log" => Some(RevocationAction::Log),
            "skip" => Some(RevocationAction::Skip),
            other => {
                self.fail(field, PolicyProblem::Value { found: other.into(), wanted: REVOCATION });
                None
            }
        }
    }

    fn stores(&mut self, value: Option<&Value>) -> Option<Vec<StoreRef>> {
        let texts = self.bounded_texts("trustStores", value, STORES)?;
        let mut stores: Vec<StoreRef> = Vec::new();
        let before = self.mistakes.found();
        for (field, text) in texts {
            match text.parse() {
                Ok(store) if stores.contains(&store) => {}
                Ok(store) => {
                    self.stores.insert(store.clone());
                    stores.push(store);
                }
                Err(error) => self.fail(field, PolicyProblem::Store(error)),
            }
        }
        if self.mistakes.found() > before {
            return None;
        }
        if stores.iter().all(|store| store.kind == StoreKind::Tsa) {
            self.fail("trustStores", PolicyProblem::OnlyTimestampStores);
            return None;
        }
        Some(stores)
    }

    fn identities(&mut self, value: Option<&Value>) -> Option<Identities> {
        let texts = self.bounded_texts("trustedIdentities", value, IDENTITIES)?;
        let texts: Vec<_> = texts.into_iter().map(|(_, text)| text).collect();
        match Identities::parse(&texts) {
            Ok(identities) => Some(identities),
            Err(errors) => {
                for error in errors {
                    self.fail("trustedIdentities", PolicyProblem::Identity(error));
                }
                None
            }
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
