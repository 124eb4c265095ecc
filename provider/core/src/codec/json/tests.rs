use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::limits::JsonLimits;

const LIMITS: JsonLimits = JsonLimits { depth: 3, values: 20, elements: 4, members: 4 };

fn error(text: &str) -> String {
    error_of::<Value>(text)
}

fn error_of<'de, T: Deserialize<'de> + fmt::Debug>(text: &'de str) -> String {
    from_str::<T>(text, &LIMITS).unwrap_err().to_string()
}

#[derive(Debug, Deserialize, PartialEq)]
struct Pair {
    a: u64,
    b: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Nested {
    pair: Pair,
    more: Option<Vec<Pair>>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Wrapped(Pair);

#[derive(Debug, Deserialize, PartialEq)]
struct Nothing;

#[derive(Debug, Deserialize, PartialEq)]
enum Choice {
    Plain,
    Pair { a: u64 },
    Wrapped(Pair),
    Two(u64, u64),
}

#[derive(Debug, Deserialize, PartialEq)]
struct Flat {
    x: u64,
    #[serde(flatten)]
    rest: BTreeMap<String, Pair>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Guess {
    Number(u64),
    Pair(Pair),
}

#[test]
fn refuses_a_name_twice_at_any_level() {
    assert_eq!(error(r#"{"a":1,"a":2}"#), "member \"a\" is present twice at line 1 column 10");
    assert_eq!(error(r#"{"x":[{"a":1,"a":1}]}"#), "member \"a\" is present twice at line 1 column 16");
    assert_eq!(error(r#"{"a":1,"\u0061":2}"#), "member \"a\" is present twice at line 1 column 15");
    assert_eq!(error(r#"{"é":1,"\u00e9":2}"#), "member \"é\" is present twice at line 1 column 16");
    // Also within members that the type ignores, and within members that it has.
    assert_eq!(error_of::<Pair>(r#"{"a":1,"x":{"y":1,"y":2}}"#), "member \"y\" is present twice at line 1 column 21");
    assert_eq!(error_of::<Pair>(r#"{"a":1,"a":1}"#), "member \"a\" is present twice at line 1 column 10");
    // Whatever the number of names before and between them.
    for (count, twice) in [(16, 0), (16, 15), (17, 0), (17, 16), (40, 5), (40, 39)] {
        let members: String = (0..count).map(|number| format!("\"m{number}\":0,")).collect();
        let limits = JsonLimits { values: 100, members: 100, ..LIMITS };
        let found = from_str::<Value>(&format!("{{{members}\"m{twice}\":0}}"), &limits).unwrap_err().to_string();
        assert!(found.starts_with(&format!("member \"m{twice}\" is present twice at line 1")), "{found}");
    }
    // Siblings and parents may share names.
    assert!(from_str::<Value>(r#"[{"a":{"a":1}},{"a":1}]"#, &LIMITS).is_ok());
}

#[test]
fn refuses_an_array_where_a_struct_is_expected_at_any_level() {
    let array =
        |expected: &str, column| format!("invalid type: array, expected struct {expected} at line 1 column {column}");
    assert_eq!(error_of::<Pair>(r#"[1,"x"]"#), array("Pair", 1));
    assert_eq!(error_of::<Nested>(r#"{"pair":[1,"x"]}"#), array("Pair", 9));
    assert_eq!(error_of::<Nested>(r#"{"pair":{"a":1},"more":[[1,"x"]]}"#), array("Pair", 25));
    assert_eq!(error_of::<Option<Pair>>(r#"[1,"x"]"#), array("Pair", 1));
    assert_eq!(error_of::<Wrapped>(r#"[1,"x"]"#), array("Pair", 1));
    assert_eq!(error_of::<Wrapped>(r#"[[1,"x"]]"#), array("Pair", 1));
    assert_eq!(error_of::<BTreeMap<String, Pair>>(r#"{"k":[1,"x"]}"#), array("Pair", 6));
    assert_eq!(error_of::<Vec<Pair>>(r#"[[1,"x"]]"#), array("Pair", 2));
    assert_eq!(error_of::<Choice>(r#"{"Wrapped":[1,"x"]}"#), array("Pair", 12));
    assert!(error_of::<Choice>(r#"{"Pair":[1]}"#).starts_with("invalid type: array, expected struct variant"));
    assert!(error_of::<BTreeMap<String, u64>>(r#"["k",1]"#).starts_with("invalid type: array, expected a map"));
    assert!(error_of::<AnyObject>("[]").starts_with("invalid type: array, expected an object"));
    // serde reads a unit struct from null, and nothing else.
    assert_eq!(from_str::<Nothing>("null", &LIMITS).unwrap(), Nothing);
    for text in ["[]", "{}", "0", "\"\""] {
        assert!(error_of::<Nothing>(text).contains("expected unit struct Nothing"), "{text}");
    }
}

#[test]
fn a_type_that_guesses_may_guess_between_scalars_only() {
    assert_eq!(from_str::<Guess>("7", &LIMITS).unwrap(), Guess::Number(7));
    assert!(error_of::<Guess>(r#"[1,"x"]"#).starts_with("invalid type: array"));
    assert!(error_of::<Guess>(r#"{"a":1}"#).starts_with("invalid type: object"));
    assert!(error_of::<Flat>(r#"{"x":1,"k":[1,"x"]}"#).starts_with("invalid type: array"));
    assert!(error_of::<Flat>(r#"{"x":1,"k":{"a":1}}"#).starts_with("invalid type: object"));
    assert!(error_of::<Flat>(r#"[1]"#).starts_with("invalid type: array"));
}

#[test]
fn reads_what_serde_json_reads_where_it_is_unambiguous() {
    let pair = |a, b: Option<&str>| Pair { a, b: b.map(str::to_owned) };
    assert_eq!(from_str::<Pair>(r#"{"b":"\u00fc","a":1,"x":[{}]}"#, &LIMITS).unwrap(), pair(1, Some("ü")));
    assert_eq!(from_str::<Option<Pair>>("null", &LIMITS).unwrap(), None);
    assert_eq!(from_str::<Wrapped>(r#"{"a":1,"b":null}"#, &LIMITS).unwrap(), Wrapped(pair(1, None)));
    for (text, choice) in [
        (r#""Plain""#, Choice::Plain),
        (r#"{"Pair":{"a":1}}"#, Choice::Pair { a: 1 }),
        (r#"{"Wrapped":{"a":1}}"#, Choice::Wrapped(pair(1, None))),
        (r#"{"Two":[1,2]}"#, Choice::Two(1, 2)),
    ] {
        assert_eq!(from_str::<Choice>(text, &LIMITS).unwrap(), choice, "{text}");
    }
    assert_eq!(from_str::<(u64, &str)>(r#"[1,"x"]"#, &LIMITS).unwrap(), (1, "x"));
    assert_eq!(from_str::<f64>("-1.5e1", &LIMITS).unwrap(), -15.0);
    let value: Value = from_str(r#"{"a":[1,{"a":null}],"b":-1,"c":0.5,"d":true}"#, &LIMITS).unwrap();
    assert_eq!(value, serde_json::json!({"a": [1, {"a": null}], "b": -1, "c": 0.5, "d": true}));
}

#[test]
fn refuses_depth_trailing_bytes_and_bad_utf8() {
    assert_eq!(error("[[[[1]]]]"), "nested too deeply: expected at most 3 levels at line 1 column 4");
    assert_eq!(
        error_of::<Pair>(r#"{"x":[{"y":[]}]}"#),
        "nested too deeply: expected at most 3 levels at line 1 \
         column 13"
    );
    assert_eq!(error("{} {}"), "trailing characters at line 1 column 4");
    assert_eq!(
        from_slice::<Value>(b"\"\xff\"", &LIMITS).unwrap_err().to_string(),
        "not UTF-8: invalid utf-8 sequence of 1 bytes from index 1"
    );
    assert_eq!(error("\u{feff}{}"), "expected value at line 1 column 1");
}

#[test]
fn counts_values_that_the_type_drops() {
    let elements = "found more than 4 elements in one array, expected at most 4 at line 1 column 9";
    assert_eq!(error("[0,0,0,0,0]"), elements);
    assert_eq!(error_of::<Vec<u8>>("[0,0,0,0,0]"), elements);
    assert!(error_of::<Pair>(r#"{"a":1,"x":[0,0,0,0,0]}"#).starts_with("found more than 4 elements in one array"));
    assert!(from_str::<Value>("[0,0,0,0]", &LIMITS).is_ok());

    let members = "found more than 4 members in one object and the objects around it, expected at most 4";
    assert!(error(r#"{"a":0,"b":0,"c":0,"d":0,"e":0}"#).starts_with(members));
    assert!(error(r#"{"a":0,"b":0,"c":{"d":0,"e":0,"f":0}}"#).starts_with(members));
    assert!(error_of::<Pair>(r#"{"a":0,"b":null,"c":0,"d":0,"e":0}"#).starts_with(members));
    // The members of a closed object no longer count.
    assert!(from_str::<Value>(r#"[{"a":0,"b":0,"c":0},{"a":0,"b":0,"c":0}]"#, &LIMITS).is_ok());

    let values = "found more than 20 values, expected at most 20";
    let full = "[[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0]]";
    assert!(from_str::<Value>(full, &LIMITS).is_ok());
    assert!(error(&full.replace("[0,0,0]]", "[0,0,0,0]]")).starts_with(values));
}

#[test]
fn keeps_the_first_elements_of_a_long_array_and_checks_all() {
    #[derive(Debug, Deserialize)]
    struct List {
        list: FirstOf<u8, 2>,
    }
    let limits = JsonLimits { values: 1000, ..LIMITS };
    let read = |text: &str| {
        let FirstOf { list, cut } = from_str::<List>(text, &limits).unwrap().list;
        (list, cut)
    };
    assert_eq!(read(r#"{"list":[]}"#), (vec![], false));
    assert_eq!(read(r#"{"list":[1,2]}"#), (vec![1, 2], false));
    assert_eq!(read(r#"{"list":[1,2,3]}"#), (vec![1, 2], true));
    let long = format!(r#"{{"list":[1,2{}]}}"#, ",0".repeat(900));
    assert_eq!(read(&long), (vec![1, 2], true));
    let error = |text: &str| from_str::<List>(text, &limits).unwrap_err().to_string();
    assert!(error(&format!(r#"{{"list":[1,2{}]}}"#, ",0".repeat(1000))).starts_with("found more than 1000 values"));
    assert!(error(r#"{"list":[1,2,{"a":0,"a":0}]}"#).starts_with("member \"a\" is present twice"));
    assert!(error(r#"{"list":[1,2,[0,0,0,0,0]]}"#).starts_with("found more than 4 elements"));
    assert!(error(r#"{"list":{}}"#).starts_with("invalid type: object, expected a list"));
}

#[test]
fn reads_the_first_members_of_a_long_object_and_reports_the_others_as_one() {
    #[derive(Debug, PartialEq)]
    struct Names(Vec<String>);
    struct NamesVisitor;
    impl<'de> serde::de::Visitor<'de> for NamesVisitor {
        type Value = Names;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_newtype_struct<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Names, D::Error> {
            deserializer.deserialize_map(self)
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
            let mut names = Vec::new();
            while let Some((name, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                names.push(name);
            }
            Ok(Names(names))
        }
    }
    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_newtype_struct(ANY_MEMBERS, NamesVisitor)
        }
    }
    let read = |text: &str| from_str::<Names>(text, &LIMITS).map(|Names(names)| names.join(" "));
    assert_eq!(read("{}").unwrap(), "");
    assert_eq!(read(r#"{"a":0,"b":0,"c":0,"d":[{}]}"#).unwrap(), "a b c d");
    assert_eq!(read(r#"{"a":0,"b":0,"c":0,"d":0,"e":0}"#).unwrap(), format!("a b c d {MORE}"));
    assert_eq!(read(r#"{"a":0,"b":0,"c":0,"d":0,"e":{},"f":[0],"a":0}"#).unwrap(), format!("a b c d {MORE}"));
    let error = |text: &str| read(text).unwrap_err().to_string();
    assert!(error(r#"{"a":0,"a":0,"c":0,"d":0,"e":0}"#).starts_with("member \"a\" is present twice"));
    assert!(error(r#"{"a":0,"b":0,"c":0,"d":0,"e":[[[]]]}"#).starts_with("nested too deeply"));
    assert!(error(r#"{"a":0,"b":0,"c":0,"d":0,"e":}"#).starts_with("expected value"));
    assert!(error(&format!(r#"{{"{MORE}":0}}"#)).starts_with("member \"$countersign::more\" is not allowed"));
    // Arrays around it are still limited.
    let nested = from_str::<Vec<std::collections::BTreeMap<String, Names>>>(
        r#"[{"a":{"b":0,"c":0,"d":0,"e":0,"f":0}},{"a":{},"b":{},"c":{},"d":{}}]"#,
        &JsonLimits { values: 100, ..LIMITS },
    );
    let nested = nested.unwrap();
    assert_eq!(nested[0]["a"], Names(["b", "c", "d", MORE].map(str::to_owned).to_vec()));
    assert_eq!(nested[1].len(), 4);
}

#[test]
fn members_of_any_type_are_read_and_cut() {
    let read = |text: &str| from_str::<Member>(text, &LIMITS).unwrap();
    assert_eq!(read("null"), Member::Absent);
    assert_eq!(read("true"), Member::Boolean);
    assert_eq!(read("-1"), Member::Number((-1).into()));
    assert_eq!(read("[1]"), Member::Array);
    assert_eq!(read(r#"{"a":1}"#), Member::Object);
    assert_eq!(read(r#""a""#), Member::Text("a".to_owned()));
    let long = format!("\"{}\"", "ü".repeat(1000));
    assert_eq!(read(&long), Member::Text(format!("{}…", "ü".repeat(256))));
}

#[test]
fn errors_have_at_most_256_bytes_for_any_text() {
    for filler in ["x", "\\u0001", "\\n", "ü", "\\\\", "\u{202e}"] {
        let long = filler.repeat(200_000);
        for text in [
            format!(r#"{{"{long}":1,"{long}":1}}"#),
            format!(r#""{long}""#),
            format!(r#"{{"a":"{long}"}}"#),
            format!(r#"{{"a":1,"b":{{"{long}":"{long}"}}}}"#),
            format!(r#"{{"{long}":"{long}"}}"#),
        ] {
            for error in [
                from_str::<Vec<u64>>(&text, &LIMITS).map(|_| ()).unwrap_err().to_string(),
                from_str::<BTreeMap<String, u64>>(&text, &LIMITS).map(|_| ()).unwrap_err().to_string(),
                from_str::<Pair>(&text, &LIMITS).map(|_| ()).unwrap_err().to_string(),
                from_str::<Choice>(&text, &LIMITS).map(|_| ()).unwrap_err().to_string(),
                from_str::<bool>(&text, &LIMITS).map(|_| ()).unwrap_err().to_string(),
            ] {
                assert!(error.len() <= 256, "{} {error}", error.len());
                assert!(!error.chars().any(char::is_control), "{error:?}");
            }
        }
    }
    let name = format!(r#"{{"{0}":1,"{0}":1}}"#, "\\u0001".repeat(100));
    assert_eq!(error(&name), format!("member \"{}…\" is present twice at line 1 column 1208", "\\u{1}".repeat(9)));
}

#[test]
fn names_that_mean_something_to_the_library_are_refused() {
    for name in ["Number", "RawValue"] {
        let text = format!(r#"{{"$serde_json::private::{name}":"1"}}"#);
        assert!(error(&text).starts_with("member \"$serde_json::private::"), "{text}");
        assert!(error_of::<Pair>(&format!(r#"{{"a":1,"b":null,"c":{text}}}"#)).contains("is not allowed"), "{text}");
    }
}
