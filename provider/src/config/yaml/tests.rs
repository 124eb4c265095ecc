use super::*;

fn refused(text: &str) -> (u64, String, &'static str) {
    let error = load_yaml(text).unwrap_err();
    (error.line, error.found.to_string(), error.wanted)
}

#[test]
fn keeps_lines_and_kinds() {
    let node = load_yaml("a: 1\nb:\n  - x\n  - yes\n  - true\n  - 007\n  - 1_000\n  - -1\n  - \"2\"\n  -\n").unwrap();
    let text = |line, text: &str| Node { line, value: Value::Text(text.to_owned()) };
    let list = vec![
        text(3, "x"),
        text(4, "yes"),
        Node { line: 5, value: Value::Boolean(true) },
        text(6, "007"),
        text(7, "1_000"),
        Node { line: 8, value: Value::Number(-1.0) },
        text(9, "2"),
        Node { line: 10, value: Value::Nothing },
    ];
    let entries = vec![
        ("a".to_owned(), Node { line: 1, value: Value::Whole(1) }),
        ("b".to_owned(), Node { line: 3, value: Value::List(list) }),
    ];
    assert_eq!(node, Node { line: 1, value: Value::Map(entries) });
}

#[test]
fn an_empty_document_has_no_value() {
    assert_eq!(load_yaml("").unwrap().value, Value::Nothing);
    assert_eq!(load_yaml("# only a remark\n").unwrap().value, Value::Nothing);
}

#[test]
fn refuses_a_repeated_key() {
    assert_eq!(refused("a: 1\nb: 2\na: 3\n"), (3, "\"a\" twice".to_owned(), "each key once"));
    assert_eq!(refused("x:\n  - {a: 1, \"a\": 2}\n"), (2, "\"a\" twice".to_owned(), "each key once"));
}

#[test]
fn refuses_a_repeated_key_in_every_notation() {
    for text in ["a: 1\n\"\\x61\": 2\n", "a: 1\n'a': 2\n", "? a\n? a\n", "{a: 1, !!str a: 2}\n"] {
        assert_eq!(refused(text).1, "\"a\" twice", "{text}");
    }
    for text in ["1: a\n\"1\": b\n", "0x1: a\n1: b\n", "true: a\n\"true\": b\n", "1.0: a\n'1.0': b\n"] {
        assert!(refused(text).1.contains(" twice"), "{text}: {:?}", refused(text));
    }
}

#[test]
fn reads_keys_as_texts_and_collections_by_their_syntax() {
    for text in [
        "? [a]\n: b\n",
        "? {a: b}\n: c\n",
        "[a, b]: c\n",
        "null: x\n",
        ": x\n",
        "a: !!seq {x: 1}\n",
        "a: !!map [x, 1]\n",
        "!!map [a]\n",
        "a: !!set {x, y}\n",
        "a: !!omap [x: 1]\n",
    ] {
        assert_eq!(refused(text).2, "YAML 1.2", "{text}");
    }
}

#[test]
fn aliases_that_multiply_are_refused_at_the_first_anchor() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h"].into_iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(", "));
    }
    assert_eq!(refused(&bomb).1, "an anchor, an alias, or too much");
}

#[test]
fn errors_are_within_the_length_of_a_message() {
    let long = "k".repeat(500_000);
    for text in [
        format!("? {long}\n: 1\n? {long}\n: 2\n"),
        format!("a: !{long} 1\n"),
        format!("a: \"{long}\n"),
        format!("a: *{long}\n"),
        format!("a: &{long} 1\n"),
        format!("? [{long}]\n: 1\n"),
    ] {
        assert!(refused(&text).1.len() <= Text::BYTES, "{text:.20}");
    }
}

#[test]
fn refuses_anchors_aliases_and_merge_keys() {
    let found = "an anchor, an alias, or too much".to_owned();
    let wanted = "no anchors or aliases, at most 16 levels and 100000 values";
    assert_eq!(refused("a: &x 1\n"), (1, found.clone(), wanted));
    assert_eq!(refused("a: &x 1\nb: *x\n"), (1, found, wanted));
    assert_eq!(refused("a: 1\n<<: {b: 2}\n"), (2, "a merge key (<<)".to_owned(), "every key written out"));
}

#[test]
fn refuses_depth_and_size() {
    assert!(load_yaml(&format!("{}1{}", "[".repeat(16), "]".repeat(16))).is_ok());
    assert_eq!(
        refused(&format!("{}1{}", "[".repeat(17), "]".repeat(17))).2,
        "no anchors or aliases, at most 16 levels and 100000 values"
    );
    let block: String = (0..17).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert_eq!(refused(&block).2, "no anchors or aliases, at most 16 levels and 100000 values");
    assert_eq!(refused(&"- 1\n".repeat(NODES)).2, "no anchors or aliases, at most 16 levels and 100000 values");
    let long = "#".repeat(CONFIG_BYTES + 1);
    assert_eq!(refused(&long), (0, "1048577 bytes".to_owned(), "at most 1048576 bytes"));
}

#[test]
fn refuses_a_second_document_and_foreign_tags() {
    assert_eq!(refused("a: 1\n---\nb: 2\n"), (3, "a second document".to_owned(), "one document"));
    assert_eq!(refused("a: !secret x\n").2, "YAML 1.2");
}

#[test]
fn long_texts_are_cut_in_messages() {
    let text = Value::Text("x".repeat(1000)).describe();
    assert_eq!(text, format!("\"{}\" and more", "x".repeat(SHOWN)));
}
