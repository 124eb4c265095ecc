//! What becomes of the statements of a document, once all of them are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::BrokenStatement;
use super::DeclaredScopes;
use super::PolicyEntry;
use super::PolicyError;
use super::Scopes;
use super::Statement;
use super::mistakes::Mistakes;
use crate::codec::excerpt::Excerpt;
use crate::limits;

/// One statement as far as it could be read.
pub(super) struct ReadStatement {
    pub(super) name: Arc<str>,
    pub(super) scopes: DeclaredScopes,
    /// If everything in it could be read.
    pub(super) statement: Option<Statement>,
    pub(super) mistakes: Mistakes,
}

/// Two statements with a scope in common, by their numbers; the one that has it first stands first. The mistake is in the
/// list of the second.
pub(super) type Conflicts = BTreeMap<(usize, usize), PolicyError>;

/// The statements without mistakes, and the others. Of statements with a scope in common none can be used, and none of them
/// has certain scopes: one was meant for another repository.
pub(super) fn entries(mut statements: Vec<ReadStatement>, conflicts: Conflicts) -> Vec<(DeclaredScopes, PolicyEntry)> {
    for ((first, second), mistake) in conflicts {
        if first != second
            && let Some(read) = statements.get_mut(first)
        {
            read.statement = None;
            read.scopes = uncertain(read.scopes.clone());
            read.mistakes.push(limits::STATEMENT_MISTAKES, mistake);
        }
    }
    let entry = |read: ReadStatement| {
        let ReadStatement { name, scopes, statement, mistakes } = read;
        let entry = match statement {
            Some(statement) if mistakes.found() == 0 => PolicyEntry::Statement(Arc::new(statement)),
            Some(_) | None => {
                let mistakes = mistakes.list(Some(&Excerpt::of(&name)));
                PolicyEntry::Broken(BrokenStatement { name, scopes: scopes.clone(), mistakes })
            }
        };
        (scopes, entry)
    };
    statements.into_iter().map(entry).collect()
}

/// The same scopes, perhaps with others beside them.
pub(super) fn uncertain(scopes: DeclaredScopes) -> DeclaredScopes {
    match scopes {
        DeclaredScopes::Known(Scopes::All) => DeclaredScopes::Unknown(Vec::new()),
        DeclaredScopes::Known(Scopes::Repositories(repositories)) | DeclaredScopes::Unknown(repositories) => {
            DeclaredScopes::Unknown(repositories)
        }
    }
}
