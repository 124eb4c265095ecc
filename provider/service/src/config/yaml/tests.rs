use countersign_core::codec::text::Text;

use super::*;

/// Line, found and expected.
fn refused(text: &str) -> (u64, String, String) {
    let error = load_yaml(text).unwrap_err();
    (error.line, error.found.to_string(), error.wanted.to_string())
}

/// Line, field, found and expected, as one text.
fn refusal(text: &str) -> String {
    load_yaml(text).map_or_else(described, |_| "accepted".to_owned())
}

fn refused_manifest(text: &str) -> String {
    load_manifests(text).map_or_else(described, |_| "accepted".to_owned())
}

fn described(YamlError { line, field, found, wanted }: YamlError) -> String {
    format!("{line}: {field}: found {found}, expected {wanted}")
}

/// `refused` gives the expected text for each of these.
#[track_caller]
fn check(refused: fn(&str) -> String, cases: &[(&str, &str)]) {
    let found: Vec<String> = cases.iter().map(|(text, _)| refused(text)).collect();
    let expected: Vec<&str> = cases.iter().map(|(_, expected)| *expected).collect();
    assert_eq!(found, expected);
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
        Node { line: 8, value: Value::Number("-1".to_owned()) },
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
fn refuses_a_repeated_key_in_every_notation() {
    for text in ["a: 1\n\"\\x61\": 2\n", "a: 1\n'a': 2\n", "? a\n? a\n", "{a: 1, !!str a: 2}\n"] {
        assert_eq!(refused(text).1, "\"a\" twice", "{text}");
    }
    for text in ["1: a\n\"1\": b\n", "0x1: a\n1: b\n", "true: a\n\"true\": b\n", "1.0: a\n'1.0': b\n"] {
        assert!(refused(text).1.contains(" twice"), "{text}: {:?}", refused(text));
    }
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
fn mistakes_have_the_key_at_which_they_are() {
    check(
        refusal,
        &[
            ("a: 1\nb: 2\na: 3\n", "3: a: found \"a\" twice, expected each key once"),
            ("x:\n  - {a: 1, \"a\": 2}\n", "2: x[0].a: found \"a\" twice, expected each key once"),
            ("x:\n  - 1\n  - {1: 1, \"1\": 2}\n", "3: x[1].1: found \"1\" twice, expected each key once"),
            (
                "x:\n  - y: &z 1\n",
                "2: x[0].y: found an anchor (&name), expected every value written out; put a text that begins with & or * in quotation marks",
            ),
            (
                "x:\n  - y: *z\n",
                "2: x[0].y: found an alias (*name), expected every value written out; put a text that begins with & or * in quotation marks",
            ),
            ("x:\n  <<: {b: 2}\n", "2: x: found a merge key (<<), expected every key written out"),
            (
                "x:\n  y: !secret z\n",
                "2: x.y: found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            (
                "x:\n  y: !!binary '???'\n",
                "2: x.y: found a value that does not match its tag, expected a value without a tag",
            ),
            ("x:\n  ~: 1\n", "2: x: found a key without a name, expected a name before the colon"),
            ("x:\n  : 1\n", "2: x: found a key without a name, expected a name before the colon"),
            (
                "x:\n  ? [a]\n  : b\n",
                "2: x: found a list or a map in the position of a name, expected a string as the name of a key",
            ),
            (
                "x:\n  ? {a: b}\n  : b\n",
                "2: x: found a list or a map in the position of a name, expected a string as the name of a key",
            ),
            (
                "[a, b]: c\n",
                "1: : found a list or a map in the position of a name, expected a string as the name of a key",
            ),
            (
                "a: !!seq {x: 1}\n",
                "1: a: found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            (
                "a: !!map [x, 1]\n",
                "1: a: found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            (
                "!!map [a]\n",
                "1: : found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            (
                "a: !!set {x, y}\n",
                "1: a: found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            (
                "a: !!omap [x: 1]\n",
                "1: a: found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            ("a: !!int x\n", "1: a: found a value that does not match its tag, expected a value without a tag"),
            ("a: !!bool x\n", "1: a: found a value that does not match its tag, expected a value without a tag"),
            ("a: !!float x\n", "1: a: found a value that does not match its tag, expected a value without a tag"),
            ("a: 1\n---\nb: 2\n", "3: : found a second document, expected one document"),
        ],
    );
}

#[test]
fn each_limit_has_its_message() {
    assert!(load_yaml(&format!("{}1{}", "[".repeat(16), "]".repeat(16))).is_ok());
    let flow = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let block: String = (0..17).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h"].into_iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(", "));
    }
    check(
        refusal,
        &[
            (
                &flow(17),
                "1: [0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: found more than 16 levels of lists and maps, expected at most 16",
            ),
            (&flow(300), "1: : found more than 16 levels of lists and maps, expected at most 16"),
            (
                &block,
                "17: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: found more than 16 levels of lists and maps, expected at most 16",
            ),
            (&"- 1\n".repeat(100_000), "100000: : found more than 100000 values, expected at most 100000"),
            (&"#".repeat(CONFIG_BYTES + 1), "0: : found 1048577 bytes, expected at most 1048576 bytes"),
            (
                &bomb,
                "1: a: found an anchor (&name), expected every value written out; put a text that begins with & or * in quotation marks",
            ),
        ],
    );
    let nested = "a: &a [*b]\nb: &b [1]\n";
    let wide: String = (0..10_001).map(|n| format!("- &a{n} 1\n")).collect();
    let aliases = format!("- &a 1\n{}", "- *a\n".repeat(10_001));
    let many = "--- 1\n".repeat(10_001);
    let deep = format!("a: &a {}\nb: [[*a]]\n", flow(63));
    check(
        refused_manifest,
        &[
            (&bomb, "6: : found more than 100000 values below anchors, expected at most 100000"),
            (nested, "1: : found an alias (*name) without its anchor, expected an anchor (&name) before it"),
            (
                "a: &a [*a]\n",
                "1: : found an alias (*name) within its own anchor, expected an alias of an earlier value",
            ),
            (&wide, "10001: : found more than 10000 anchors, expected at most 10000"),
            (&aliases, "10002: : found more than 10000 aliases, expected at most 10000"),
            (&many, "10001: : found more than 10000 documents, expected at most 10000"),
            (&deep, "2: : found more than 64 levels of lists and maps, expected at most 64"),
            (&flow(65), "1: : found more than 64 levels of lists and maps, expected at most 64"),
            (&flow(300), "1: : found more than 64 levels of lists and maps, expected at most 64"),
            ("a: &a 1\n<<: *a\n", "1: : found a merge key (<<) without a map, expected a map, or a list of maps"),
            ("a: .inf\n", "1: : found a number that is not finite, expected a finite number, or a string"),
            (
                "a: !secret x\n",
                "1: : found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            (
                "? [a]\n: 1\n",
                "1: : found a list or a map in the position of a name, expected a string as the name of a key",
            ),
            (
                "? {a: 1}\n: 1\n",
                "1: : found a list or a map in the position of a name, expected a string as the name of a key",
            ),
            ("~: 1\n", "1: : found a key without a name, expected a name before the colon"),
            ("a: 1\na: 2\n", "2: a: found \"a\" twice, expected each key once"),
            ("a: !!int x\n", "1: : found a value that does not match its tag, expected a value without a tag"),
        ],
    );
}

#[test]
fn mistakes_against_the_syntax_are_named() {
    check(
        refusal,
        &[
            (
                "a: [1, 2\n",
                "1: a: found a list without its end, expected a comma between its elements, and ] at its end",
            ),
            ("a: {b: 1\n", "1: a: found a map without its end, expected a comma between its keys, and } at its end"),
            (
                "a: [1 2: 3 4]]\n",
                "1: : found ] or } in the wrong position, expected each [ with its ], and each { with its }",
            ),
            ("a: [1}\n", "1: a: found ] or } in the wrong position, expected each [ with its ], and each { with its }"),
            ("a: ]\n", "1: a: found ] or } in the wrong position, expected each [ with its ], and each { with its }"),
            (
                "a: \"b\n",
                "2: : found a string in quotation marks without its end, expected a quotation mark at its end and nothing behind it",
            ),
            (
                "a: 'b\n",
                "2: : found a string in quotation marks without its end, expected a quotation mark at its end and nothing behind it",
            ),
            (
                "a: 'b' c\n",
                "1: : found a string in quotation marks without its end, expected a quotation mark at its end and nothing behind it",
            ),
            (
                "a: \"b\" c\n",
                "1: : found a string in quotation marks without its end, expected a quotation mark at its end and nothing behind it",
            ),
            (
                "a: \"\\q\"\n",
                "1: a: found an unknown escape behind \\, expected single quotation marks, or \\\\ in place of \\",
            ),
            (
                "a: 1\n  b: 2\n",
                "2: : found a colon within a value, expected quotation marks around a value that has a colon and a space",
            ),
            (
                "a:\n  b: 1\n c: 2\n",
                "3: : found a line that is no key or element of its neighbours, expected one key or element on each line, with the same indentation as its neighbours",
            ),
            (
                "a: b: c\n",
                "1: : found a colon within a value, expected quotation marks around a value that has a colon and a space",
            ),
            (
                "a\nb: 1\n",
                "2: : found a colon within a value, expected quotation marks around a value that has a colon and a space",
            ),
            ("a: 1\nb\n", "2: : found a name without a colon, expected a colon and a space behind the name of a key"),
            ("a: - b\n", "1: a: found the - of an element within a line, expected each element on a line of its own"),
            ("a:\n\tb: 1\n", "2: : found a tab, expected spaces"),
            ("a: \"b\"#c\n", "1: : found a comment directly behind a value, expected a space before #"),
            (
                "a: @b\n",
                "1: a: found a character with which no value starts, expected quotation marks around a text that starts with @, ` or %, or has control characters",
            ),
            (
                "a: `b\n",
                "1: a: found a character with which no value starts, expected quotation marks around a text that starts with @, ` or %, or has control characters",
            ),
            (
                "a: %b\n",
                "1: a: found a character with which no value starts, expected quotation marks around a text that starts with @, ` or %, or has control characters",
            ),
            (
                "a: & b\n",
                "1: a: found & or * at the start of a value, expected quotation marks around a text that starts with & or *",
            ),
            (
                "a: * b\n",
                "1: a: found & or * at the start of a value, expected quotation marks around a text that starts with & or *",
            ),
            (
                "a: !<b c\n",
                "1: a: found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            (
                "a: !e!b c\n",
                "1: a: found a tag (!name), expected no tag; put a text that begins with ! in quotation marks",
            ),
            (
                "a: |x\n",
                "1: a: found a text behind | or > at the start of a value, expected quotation marks around it, or the text on lines below",
            ),
            (
                "a: >9 x\n",
                "1: a: found a text behind | or > at the start of a value, expected quotation marks around it, or the text on lines below",
            ),
            ("%YAML 3.0\n---\na: 1\n", "1: : found a text that is no YAML, expected YAML 1.2"),
            (
                "a: \u{1}\n",
                "1: a: found a character with which no value starts, expected quotation marks around a text that starts with @, ` or %, or has control characters",
            ),
            (
                "- a\nb: 1\n",
                "2: : found a line that is no key or element of its neighbours, expected one key or element on each line, with the same indentation as its neighbours",
            ),
            (
                "a: 1\n- b\n",
                "2: : found a line that is no key or element of its neighbours, expected one key or element on each line, with the same indentation as its neighbours",
            ),
            ("{a: 1} b\n", "1: : found a text behind the value, expected one value"),
        ],
    );
}

/// Each of them is where a password would be, unquoted or with a mistake.
#[test]
fn no_message_quotes_a_text_of_the_file() {
    let texts = [
        "!S3cret",
        "!S3cret x",
        "!<S3cret",
        "!<S3cret>",
        "!S3cret!x",
        "!S3cret%zz",
        "&S3cret",
        "&S3cret x",
        "*S3cret",
        "@S3cret",
        "`S3cret",
        "%S3cret",
        "[S3cret",
        "{S3cret",
        "{S3cret: }}",
        "\"S3cret",
        "'S3cret",
        "\"S3cret\" x",
        "'S3cret' x",
        "\"S3cret\\q\"",
        "|S3cret",
        ">S3cret",
        "S3cret: x",
        "- S3cret",
        "!!int S3cret",
        "!!float S3cret",
        "!!bool S3cret",
        "!!null S3cret",
        "!!binary S3cret!",
        "!!S3cret x",
        "!!str [S3cret]",
        "!!map [S3cret]",
        "!!seq {S3cret: x}",
        "? S3cret",
        "\tS3cret: x",
        "S3cret\n  - x",
        "? [S3cret]\n  : x",
        "{? {S3cret: x} : x}",
        "{[S3cret]: x}",
        "S3cret\n--- S3cret",
        "\"\\uS3cret\"",
        "<<: S3cret",
        "{<<: S3cret}",
        "S3cret \u{1}",
        "]S3cret",
        "}S3cret",
        ",S3cret",
    ];
    for text in texts {
        for document in
            [format!("password: {text}\n"), format!("password: {text}"), format!("- {text}\n"), text.to_owned()]
        {
            for error in [load_yaml(&document).err(), load_manifests(&document).err()].into_iter().flatten() {
                let message = described(error);
                assert!(!message.contains("S3cret") && !message.contains("cret"), "{document}: {message}");
            }
        }
    }
}

#[test]
fn numbers_are_shown_as_they_are_written() {
    let value = |text: &str| {
        let Value::Map(entries) = load_yaml(&format!("é: ü\na: {text}\n")).unwrap().value else { panic!("{text}") };
        entries[1].1.value.describe()
    };
    for (text, expected) in [
        ("1024", "the number 1024"),
        ("1024.0", "the number 1024"),
        ("1e3", "the number 1000"),
        ("0x400", "the number 1024"),
        ("1024.5", "the number 1024.5"),
        ("-1", "the number -1"),
        ("18446744073709551615", "the number 18446744073709551615"),
        ("18446744073709551616", "the number 18446744073709551616"),
        ("9007199254740993.0", "the number 9007199254740993.0"),
        ("1e400", "the number 1e400"),
        (".inf", "the number .inf"),
        ("-.inf", "the number -.inf"),
        (".nan", "the number .nan"),
        ("!!float 1.5", "the number 1.5"),
        ("\"1.5\"", "\"1.5\""),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn a_text_with_a_login_is_not_shown() {
    let text = Value::Text("https://user:S3cret@registry.example.com".to_owned()).describe();
    assert_eq!(text, "a string with @, which is not shown");
}

#[test]
fn long_texts_are_cut_in_messages() {
    let text = Value::Text("x".repeat(1000)).describe();
    assert_eq!(text, format!("\"{}\" and more", "x".repeat(SHOWN)));
}
