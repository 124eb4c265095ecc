//! Objects of documents: the documents themselves, and the items of lists.

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use serde_json::Value as Json;

use super::Document;
use super::ManifestMistake;
use super::ManifestMistakes;

/// Deepest nesting of lists. kubectl writes one level.
const LISTS: usize = 4;

/// One object with its origin.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Object<'d> {
    document: &'d Document,
    /// The item of the list, as `items[3]`; empty for the document itself.
    path: String,
    /// The group of `apiVersion`; empty for the core group.
    pub(in crate::cli) group: String,
    pub(in crate::cli) kind: String,
    pub(in crate::cli) value: &'d Json,
}

/// All objects of `documents`. The items of a list without a kind of their own have the list's: a `PodList` has pods.
pub(in crate::cli) fn objects<'d>(documents: &'d [Document], mistakes: &mut ManifestMistakes) -> Vec<Object<'d>> {
    let mut found = Vec::new();
    for document in documents {
        collect(document, &document.value, String::new(), None, LISTS, &mut found, mistakes);
    }
    found
}

fn collect<'d>(
    document: &'d Document,
    value: &'d Json,
    path: String,
    of_list: Option<(&str, &str)>,
    lists_left: usize,
    found: &mut Vec<Object<'d>>,
    mistakes: &mut ManifestMistakes,
) {
    let mut wrong = |mismatch: Mismatch| mistakes.add(document.mistake("", &path, mismatch));
    if !value.is_object() {
        wrong(
            Mismatch::new(format_args!("found {}", described(value))).expecting("an object with apiVersion and kind"),
        );
        return;
    }
    let text = |member: &str| value.get(member).and_then(Json::as_str).filter(|text| !text.is_empty());
    let (group, kind) = match (text("apiVersion"), text("kind"), of_list) {
        (Some(version), Some(kind), _) => (version.rsplit_once('/').map_or("", |(group, _)| group), kind),
        (None, None, Some(named)) => named,
        (version, kind, _) => {
            let missing = match (version, kind) {
                (None, None) => "neither apiVersion nor kind",
                (None, Some(_)) => "no apiVersion",
                (Some(_), _) => "no kind",
            };
            wrong(Mismatch::new(format_args!("found {missing}")).expecting("an object with apiVersion and kind"));
            return;
        }
    };
    let items = value.get("items").unwrap_or(&Json::Null);
    let Some(item_kind) = kind.strip_suffix("List").filter(|item_kind| item_kind.is_empty() || is_of_objects(items))
    else {
        let (group, kind) = (group.to_owned(), kind.to_owned());
        found.push(Object { document, path, group, kind, value });
        return;
    };
    if lists_left == 0 {
        wrong(Mismatch::new("found too many lists within lists").expecting(format_args!("at most {LISTS}")));
        return;
    }
    let items = match items {
        Json::Null => return,
        Json::Array(items) => items,
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            let field = joined(&path, "items");
            let mismatch = Mismatch::new(format_args!("found {}", described(items))).expecting("a list");
            mistakes.add(document.mistake("", &field, mismatch));
            return;
        }
    };
    // The kind List, of the core group, has items of any kind.
    let of_list = (!item_kind.is_empty()).then_some((group, item_kind));
    for (index, item) in items.iter().enumerate() {
        let path = joined(&path, &format!("items[{index}]"));
        collect(document, item, path, of_list, lists_left - 1, found, mistakes);
    }
}

/// Whether `items` are those of a list. Other kinds may end with "List" too.
fn is_of_objects(items: &Json) -> bool {
    items.as_array().is_some_and(|items| items.iter().all(Json::is_object))
}

fn joined(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// A value in a message: what it is, and a text itself.
pub(in crate::cli) fn described(value: &Json) -> String {
    match value {
        Json::Null => "nothing".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(value) => format!("the number {value}"),
        Json::String(text) => format!("{:?}", Excerpt::of(text)),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    }
}

/// A text in a value; `None` if it is absent or another value.
pub(in crate::cli) fn text<'j>(value: &'j Json, member: &str) -> Option<&'j str> {
    value.get(member).and_then(Json::as_str)
}

/// A list in a value; empty if it is absent or another value.
pub(in crate::cli) fn list<'j>(value: &'j Json, member: &str) -> &'j [Json] {
    value.get(member).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

impl Document {
    fn mistake(&self, object: &str, field: &str, mismatch: Mismatch) -> ManifestMistake {
        let object = if object.is_empty() {
            format!("document {}", self.number)
        } else {
            format!("document {}, {object}", self.number)
        };
        ManifestMistake { file: self.file.clone(), line: self.line, object, field: field.to_owned(), mismatch }
    }
}

impl Object<'_> {
    /// Kind and name.
    pub(in crate::cli) fn name(&self) -> String {
        let name = |member| self.value.pointer(member).and_then(Json::as_str).filter(|name| !name.is_empty());
        // Pods of a generator have only the beginning of a name.
        match name("/metadata/name").or_else(|| name("/metadata/generateName")) {
            Some(name) => format!("{} {:?}", self.kind, Excerpt::of(name)),
            None => self.kind.clone(),
        }
    }

    /// The object of the core group of this kind and name, in the namespace of this one.
    pub(in crate::cli) fn beside<'a, 'd>(
        &self,
        objects: &'a [Object<'d>],
        kind: &str,
        name: &str,
    ) -> Option<&'a Object<'d>> {
        objects.iter().find(|object| {
            object.group.is_empty()
                && object.kind == kind
                && object.value.pointer("/metadata/name").and_then(Json::as_str) == Some(name)
                && object.is_in_namespace_of(self)
        })
    }

    /// Whether both are in the same namespace.
    pub(in crate::cli) fn is_in_namespace_of(&self, other: &Object<'_>) -> bool {
        self.namespace() == other.namespace()
    }

    fn namespace(&self) -> Option<&str> {
        self.value.pointer("/metadata/namespace").and_then(Json::as_str)
    }

    /// The file as messages name it.
    pub(in crate::cli) fn file(&self) -> &str {
        &self.document.file
    }

    /// A mistake in `field` of this object; empty for the object as a whole.
    pub(in crate::cli) fn mistake(&self, field: &str, mismatch: Mismatch) -> ManifestMistake {
        self.document.mistake(&self.name(), &self.field(field), mismatch)
    }

    /// The path of `field` in the document.
    pub(super) fn field(&self, field: &str) -> String {
        if field.is_empty() { self.path.clone() } else { joined(&self.path, field) }
    }
}
