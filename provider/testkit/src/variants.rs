//! Variants of a valid document, each with one part changed: every array, object, string and number enlarged, every object
//! written as an array, every member written twice. A strict reader refuses each variant or bounds its cost.

use ciborium::Value as Cbor;
use serde_json::Value as Json;
use serde_json::json;

/// A document with one part changed.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Which part was changed, and how.
    pub name: String,
    /// The document.
    pub bytes: Vec<u8>,
}

/// Placeholder for the inserted content.
const MARK: &str = "@hostile@";

/// Array elements: a name, and the element that is repeated.
const ELEMENTS: [(&str, &str); 4] = [("numbers", "0"), ("objects", "{}"), ("texts", r#""""#), ("arrays", "[]")];

/// Every part of a JSON document enlarged, one at a time, to `size` bytes for the whole document or a little less.
#[must_use]
pub fn json(document: &Json, size: usize) -> Vec<Variant> {
    json_of(document, size, |_| true)
}

/// Those of [`json()`] whose name `is_wanted`.
#[must_use]
pub fn json_of(document: &Json, size: usize, mut is_wanted: impl FnMut(&str) -> bool) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (name, part) in [("nested arrays", "["), ("nested objects", r#"{"a":"#)] {
        if is_wanted(name) {
            variants.push(Variant { name: name.to_owned(), bytes: part.repeat(size / part.len()).into_bytes() });
        }
    }
    for pointer in pointers(document) {
        variants.extend(json_variants(document, &pointer, size, &mut is_wanted));
    }
    variants
}

/// Every object of a JSON document, one at a time, written as the array of its values: serde reads that as a struct by
/// position.
#[must_use]
pub fn arrays_for_objects(document: &Json) -> Vec<Variant> {
    let objects =
        pointers(document).into_iter().filter(|pointer| document.pointer(pointer).is_some_and(Json::is_object));
    objects
        .map(|pointer| {
            let mut changed = document.clone();
            let part = changed.pointer_mut(&pointer).expect("a pointer into the document");
            let values = part.as_object().expect("an object").values().cloned().collect();
            *part = Json::Array(values);
            Variant { name: format!("{pointer}/ as an array"), bytes: changed.to_string().into_bytes() }
        })
        .collect()
}

/// Every member of every object of a JSON document, one at a time, written twice: unchanged, and with the first letter
/// of its name escaped.
#[must_use]
pub fn repeated_members(document: &Json) -> Vec<Variant> {
    let mut variants = Vec::new();
    for pointer in pointers(document) {
        let Some(Json::Object(members)) = document.pointer(&pointer) else { continue };
        for (name, value) in members {
            let first = name.chars().next().map_or(0, u32::from);
            let rest: String = name.chars().skip(1).collect();
            let rest = Json::from(rest).to_string();
            for (what, again) in [
                ("twice", Json::from(name.as_str()).to_string()),
                (
                    "twice, once with an escape",
                    format!("\"\\u{first:04x}{}", rest.strip_prefix('"').unwrap_or_default()),
                ),
            ] {
                let mut changed = document.clone();
                changed.pointer_mut(&pointer).expect("a pointer into the document")[MARK] = json!(0);
                let text = changed.to_string().replacen(&format!(r#""{MARK}":0"#), &format!("{again}:{value}"), 1);
                variants.push(Variant { name: format!("{pointer}/{name} {what}"), bytes: text.into_bytes() });
            }
        }
    }
    variants
}

fn pointers(document: &Json) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut next = 0;
    while let Some(pointer) = found.get(next).cloned() {
        next += 1;
        match document.pointer(&pointer).expect("a pointer into the document") {
            Json::Array(list) => found.extend((0..list.len()).map(|index| format!("{pointer}/{index}"))),
            Json::Object(members) => {
                let escaped = members.keys().map(|name| name.replace('~', "~0").replace('/', "~1"));
                found.extend(escaped.map(|name| format!("{pointer}/{name}")));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    found
}

fn json_variants(
    document: &Json,
    pointer: &str,
    size: usize,
    is_wanted: &mut impl FnMut(&str) -> bool,
) -> Vec<Variant> {
    let mut filled = |what: &str, with: &dyn Fn(usize) -> String, member: bool| {
        let name = format!("{} {what}", if pointer.is_empty() { "/" } else { pointer });
        if !is_wanted(&name) {
            return None;
        }
        let mut changed = document.clone();
        let part = changed.pointer_mut(pointer).expect("a pointer into the document");
        let mark = if member {
            part[MARK] = json!(0);
            format!(r#""{MARK}":0"#)
        } else {
            *part = json!(MARK);
            format!(r#""{MARK}""#)
        };
        let text = changed.to_string();
        let room = size.saturating_sub(text.len());
        Some(Variant { name, bytes: text.replacen(&mark, &with(room), 1).into_bytes() })
    };
    let list = |element: &str, room: usize| {
        let count = room.saturating_sub(2) / (element.len() + 1);
        format!("[{}]", vec![element; count.max(1)].join(","))
    };
    let all = match document.pointer(pointer).expect("a pointer into the document") {
        Json::Array(elements) => {
            let mut all: Vec<Option<Variant>> =
                ELEMENTS.iter().map(|(what, element)| filled(what, &|room| list(element, room), false)).collect();
            if let Some(first) = elements.first() {
                let first = first.to_string();
                all.push(filled("good elements", &|room| list(&first, room), false));
            }
            all
        }
        Json::Object(_) => vec![
            filled("members", &|room| members(room, "0"), true),
            filled("members with texts", &|room| members(room, r#""x""#), true),
            filled("a long member name", &|room| format!(r#""{}":0"#, "n".repeat(room)), true),
        ],
        Json::String(_) => vec![
            filled("a long text", &|room| format!(r#""{}""#, "t".repeat(room)), false),
            filled("a long text of escapes", &|room| format!(r#""{}""#, r"\u0001".repeat(room / 6)), false),
            filled("numbers in place of the text", &|room| list("0", room), false),
        ],
        Json::Number(_) => vec![filled("a long number", &|room| "1".repeat(room), false)],
        Json::Null | Json::Bool(_) => Vec::new(),
    };
    all.into_iter().flatten().collect()
}

fn members(room: usize, value: &str) -> String {
    let count = room / (r#""0000000":,"#.len() + value.len());
    let members: Vec<String> = (0..count.max(1)).map(|number| format!(r#""{number:07}":{value}"#)).collect();
    members.join(",")
}

/// Every part of a CBOR item enlarged, one at a time, to about `size` bytes.
#[must_use]
pub fn cbor(item: &Cbor, size: usize) -> Vec<Variant> {
    cbor_of(item, size, |_| true)
}

/// Those of [`cbor`] whose name `is_wanted`.
#[must_use]
pub fn cbor_of(item: &Cbor, size: usize, mut is_wanted: impl FnMut(&str) -> bool) -> Vec<Variant> {
    let mut variants = vec![Variant { name: "nested arrays".to_owned(), bytes: vec![0x81; size] }];
    let fillings = cbor_fillings(size);
    for part in 0..count(item) {
        for (what, filling) in &fillings {
            let name = format!("item {part}: {what}");
            if !is_wanted(&name) {
                continue;
            }
            let mut changed = item.clone();
            let mut left = part;
            replace(&mut changed, &mut left, filling);
            let mut bytes = Vec::new();
            ciborium::into_writer(&changed, &mut bytes).expect("writing to a Vec cannot fail");
            variants.push(Variant { name, bytes });
        }
    }
    variants
}

fn cbor_fillings(size: usize) -> Vec<(&'static str, Cbor)> {
    let label = |number: usize| Cbor::from(u32::try_from(number).expect("fewer than there are bytes"));
    vec![
        ("numbers", Cbor::Array(vec![Cbor::from(0); size])),
        ("empty arrays", Cbor::Array(vec![Cbor::Array(Vec::new()); size])),
        ("empty byte strings", Cbor::Array(vec![Cbor::Bytes(Vec::new()); size])),
        ("members", Cbor::Map((0..size / 6).map(|number| (label(number), Cbor::from(0))).collect())),
        ("members with texts", {
            let name = |number: usize| Cbor::from(format!("{number:07}"));
            Cbor::Map((0..size / 9).map(|number| (name(number), Cbor::from(0))).collect())
        }),
        ("a long text", Cbor::from("t".repeat(size))),
        ("a long byte string", Cbor::Bytes(vec![0; size])),
    ]
}

/// The number of items in `item`, itself included.
#[allow(clippy::wildcard_enum_match_arm, reason = "the library's enum is open; other variants have no parts")]
fn count(item: &Cbor) -> usize {
    1 + match item {
        Cbor::Array(list) => list.iter().map(count).sum(),
        Cbor::Map(entries) => entries.iter().map(|(label, value)| count(label) + count(value)).sum(),
        Cbor::Tag(_, inner) => count(inner),
        _ => 0,
    }
}

/// Replaces the item that is `left` items further with `filling`.
#[allow(clippy::wildcard_enum_match_arm, reason = "the library's enum is open; other variants have no parts")]
fn replace(item: &mut Cbor, left: &mut usize, filling: &Cbor) -> bool {
    if *left == 0 {
        *item = filling.clone();
        return true;
    }
    *left -= 1;
    match item {
        Cbor::Array(list) => list.iter_mut().any(|inner| replace(inner, left, filling)),
        Cbor::Map(entries) => {
            entries.iter_mut().any(|(label, value)| replace(label, left, filling) || replace(value, left, filling))
        }
        Cbor::Tag(_, inner) => replace(inner, left, filling),
        _ => false,
    }
}
