//! Converts the JSON of a trust policy into statements and continues after each mistake, to report all of them.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;

use super::conflicts::Conflicts;
use super::conflicts::ReadStatement;
use super::conflicts::Statement;
use super::conflicts::usable_or_broken;
use super::fields::Fields;
use super::problem::PolicyError;
use super::problem::PolicyProblem;
use super::verification::Verification;
use crate::codec::excerpt::Excerpt;
use crate::limits;
use crate::name::Digest;
use crate::name::ListHasher;
use crate::name::Repository;
use crate::policy::identity::Identities;
use crate::policy::notation_requirement::NotationRequirement;
use crate::policy::rule::Decision;
use crate::policy::rule::DeclaredImages;
use crate::policy::rule::ImageSelector;
use crate::policy::rule::Requirement;
use crate::policy::rule::Rule;
use crate::policy::store_name::StoreKind;
use crate::policy::store_name::StoreRef;

const VERSION: &str = "\"1.0\"";
/// The member with the images of a statement.
const SCOPES_MEMBER: &str = "registryScopes";
const STATEMENTS: &str = "a list of at least one statement";
const NAME: &str = "a name for messages and logs";
const SCOPES: &str = "a list of repositories as host[:port]/repository, or [\"*\"]";
const STORES: &str = "a list of stores as type:name, of which one is ca or signingAuthority";
const IDENTITIES: &str = "a list of identities as x509.subject:NAME, or [\"*\"]";

/// Returns the statements, unless a mistake concerns the document as a whole, and the mistakes.
/// `text` is the document, for the lines of the mistakes.
pub(super) fn document(value: &Value, text: &str) -> (Option<Vec<(DeclaredImages, Statement)>>, Vec<PolicyError>) {
    let mut reader = Reader::new(text);
    let statements = reader.document(value);
    let mut mistakes = reader.fields.mistakes;
    for read in &statements {
        mistakes.append(limits::POLICY_MISTAKES, &read.mistakes);
    }
    let statements = (!reader.fields.is_unusable).then(|| usable_or_broken(statements, reader.conflicts));
    (statements, mistakes.list(None))
}

/// See [`Rule::terms`]: every member as written, in its canonical form, so that none can be forgotten.
fn terms(members: &Map<String, Value>) -> Digest {
    let mut all = ListHasher::new();
    all.add(VERSION);
    for (name, value) in members.iter().filter(|(name, _)| *name != SCOPES_MEMBER) {
        all.add(name);
        all.add(value.to_string());
    }
    all.finish()
}

/// Parses statements in sequence, with the names, scopes and stores of the earlier ones.
struct Reader<'d> {
    fields: Fields<'d>,
    /// The number of parsed statements.
    read: usize,
    /// Names seen so far.
    names: HashSet<String>,
    /// Scopes seen so far by repository (`None` for `*`): the scope as written, and the number and name of its
    /// statement.
    scopes: HashMap<Option<Repository>, (Excerpt, usize, Excerpt)>,
    conflicts: Conflicts,
    /// Trust stores seen so far.
    stores: BTreeSet<StoreRef>,
}

impl<'d> Reader<'d> {
    fn new(text: &'d str) -> Self {
        Self {
            fields: Fields::new(text),
            read: 0,
            names: HashSet::new(),
            scopes: HashMap::new(),
            conflicts: Conflicts::default(),
            stores: BTreeSet::new(),
        }
    }

    fn document(&mut self, value: &Value) -> Vec<ReadStatement> {
        let known = ["version", "trustPolicies"];
        let Some(members) = self.fields.object("", value, &known, "an object with version and trustPolicies") else {
            return Vec::new();
        };
        if let Some(found) = self.fields.required_text("version", members.get("version"), VERSION)
            && found != "1.0"
        {
            self.fields.fail("version", PolicyProblem::Value { found: found.into(), expected: VERSION });
        }
        let Some(list) = self.fields.required_list("trustPolicies", members.get("trustPolicies"), STATEMENTS) else {
            return Vec::new();
        };
        if list.len() > limits::POLICY_STATEMENTS {
            self.fields.fail("trustPolicies", PolicyProblem::TooManyStatements { found: list.len() });
            return Vec::new();
        }
        let mut statements = Vec::new();
        let of_document = mem::take(&mut self.fields.mistakes);
        for (number, value) in (1_usize..).zip(list) {
            let name = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
            let name: Arc<str> = name.map_or_else(|| format!("#{number}").into(), Arc::from);
            self.fields.begin_statement(self.read, &name);
            let (images, rule) = self.statement(value);
            let mistakes = mem::take(&mut self.fields.mistakes);
            statements.push(ReadStatement { name, images, rule, mistakes });
            self.read += 1;
        }
        self.fields.end_statements();
        self.fields.mistakes = of_document;
        if self.stores.len() > limits::POLICY_STORES {
            self.fields.fail("trustPolicies", PolicyProblem::TooManyStores { found: self.stores.len() });
        }
        statements
    }

    fn statement(&mut self, value: &Value) -> (DeclaredImages, Option<Rule>) {
        let known = ["name", SCOPES_MEMBER, "signatureVerification", "trustStores", "trustedIdentities"];
        let expected = "name, registryScopes, signatureVerification, trustStores and trustedIdentities";
        let Some(members) = self.fields.object("", value, &known, expected) else {
            return (DeclaredImages::Uncertain(Vec::new()), None);
        };
        let name = self.fields.required_text("name", members.get("name"), NAME);
        if let Some(name) = name
            && !self.names.insert(name.to_owned())
        {
            self.fields.is_unusable = true;
            self.fields.fail("name", PolicyProblem::NameTwice { found: name.into() });
        }
        let mut scopes = self.scopes(members.get(SCOPES_MEMBER));
        // A misspelt member may contain further scopes.
        let misspelt = |name: &String| !known.contains(&name.as_str()) && name.to_ascii_lowercase().contains("scope");
        if members.keys().any(misspelt) {
            scopes = scopes.uncertain();
        }
        let verification = self.fields.verification(members.get("signatureVerification"));
        let (stores, identities) = (members.get("trustStores"), members.get("trustedIdentities"));
        let decision = match verification {
            Some(Verification::Skip) => {
                if scopes == DeclaredImages::Certain(ImageSelector::All) {
                    self.fields.fail(SCOPES_MEMBER, PolicyProblem::SkipAll);
                }
                self.absent("trustStores", stores);
                self.absent("trustedIdentities", identities);
                Some(Decision::Skip)
            }
            Some(Verification::Level(level, verify_timestamp)) => {
                let (stores, identities) = (self.stores(stores), self.identities(identities));
                let parts = stores.zip(identities);
                parts.map(|(stores, identities)| {
                    let requirement = NotationRequirement { level, verify_timestamp, stores, identities };
                    Decision::Verify(Requirement::Notation(Arc::new(requirement)))
                })
            }
            None => {
                // The level is unknown, so it is not known whether these members are required; present ones are
                // checked.
                stores.and_then(|_| self.stores(stores));
                identities.and_then(|_| self.identities(identities));
                None
            }
        };
        let rule = match (name, &scopes, decision) {
            (Some(name), DeclaredImages::Certain(images), Some(decision)) => {
                Some(Rule::new(name.into(), images.clone(), decision, terms(members)))
            }
            _ => None,
        };
        (scopes, rule)
    }

    /// Checks that a list is absent or empty.
    fn absent(&mut self, field: &str, value: Option<&Value>) {
        let empty = value.is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
        if !empty {
            self.fields.fail(field, PolicyProblem::BesideSkip);
        }
    }

    /// The scopes; uncertain if one of them has a mistake.
    fn scopes(&mut self, value: Option<&Value>) -> DeclaredImages {
        let before = self.fields.mistakes.total();
        let Some(texts) = self.fields.required_texts(SCOPES_MEMBER, value, SCOPES) else {
            return DeclaredImages::Uncertain(Vec::new());
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
                        self.fields.fail(field, PolicyProblem::Scope { found: text.into(), error });
                        continue;
                    }
                },
            };
            if let Some((spelling, first, name)) = self.scopes.get(&scope).cloned() {
                self.fields.is_unusable |= scope.is_none() && first != self.read;
                let problem = PolicyProblem::ScopeTwice { found: text.into(), scope: spelling, first: name };
                let mistake = self.fields.mistake(&field, problem.clone());
                self.conflicts.entry((first, self.read)).or_insert(mistake);
                self.fields.fail(&field, problem);
            } else {
                let owner = (text.into(), self.read, self.fields.statement.clone().unwrap_or_default());
                self.scopes.insert(scope.clone(), owner);
            }
            match scope {
                Some(repository) => repositories.push(repository),
                None => {
                    all = true;
                    if !alone {
                        self.fields.fail(field, PolicyProblem::AllBesideOthers);
                    }
                }
            }
        }
        if self.fields.mistakes.total() > before {
            DeclaredImages::Uncertain(repositories)
        } else if all {
            DeclaredImages::Certain(ImageSelector::All)
        } else {
            DeclaredImages::Certain(ImageSelector::Repositories(repositories))
        }
    }

    fn stores(&mut self, value: Option<&Value>) -> Option<Vec<StoreRef>> {
        let texts = self.fields.bounded_texts("trustStores", value, STORES)?;
        let mut stores: Vec<StoreRef> = Vec::new();
        let before = self.fields.mistakes.total();
        for (field, text) in texts {
            match text.parse() {
                Ok(store) if stores.contains(&store) => {}
                Ok(store) => {
                    self.stores.insert(store.clone());
                    stores.push(store);
                }
                Err(error) => self.fields.fail(field, PolicyProblem::Store(error)),
            }
        }
        if self.fields.mistakes.total() > before {
            return None;
        }
        if stores.iter().all(|store| store.kind == StoreKind::Tsa) {
            self.fields.fail("trustStores", PolicyProblem::OnlyTimestampStores);
            return None;
        }
        Some(stores)
    }

    fn identities(&mut self, value: Option<&Value>) -> Option<Identities> {
        let texts = self.fields.bounded_texts("trustedIdentities", value, IDENTITIES)?;
        let (fields, texts): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
        match Identities::parse(&texts) {
            Ok(identities) => Some(identities),
            Err(errors) => {
                for (index, error) in errors {
                    let field = fields.get(index).map_or("trustedIdentities", String::as_str);
                    self.fields.fail(field, PolicyProblem::Identity(error));
                }
                None
            }
        }
    }
}
