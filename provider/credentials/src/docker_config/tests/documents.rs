//! Documents: entries with mistakes, warnings, the older form, refused files.

use super::*;

#[test]
fn a_mistake_disables_its_own_entry_and_is_never_an_anonymous_request() {
    let long = STANDARD.encode(format!("a:{}", "x".repeat(limits::BASIC_BYTES)));
    let config = auths(&format!(
        r#""good.example":{{"auth":"eDp5"}},
        "a.example":{{"auth":"!"}},
        "b.example":{{"auth":"eHk="}},
        "c.example":{{"auth":"/zp4"}},
        "d.example":{{"username":"a:b","password":"c"}},
        "e.example":{{"registrytoken":"a\nb"}},
        "f.example":{{"username":"a"}},
        "g.example":{{"password":"a"}},
        "h.example":{{"auth":"YTo="}},
        "i.example":{{"auth":"Omhlbg=="}},
        "j.example":"text",
        "k.example":["auth","eDp5"],
        "l.example":{{"auth":5}},
        "m.example":{{"Auth":"eDp5"}},
        "n.example":{{"auth":"{long}"}},
        "good.example/team":{{"auth":"hunter2!"}},
        "*.o.example":{{"auth":{{"a":[1]}}}}"#
    ));
    let expected = [
        ("a.example", EntryError::Base64),
        ("b.example", EntryError::NoColon),
        ("c.example", EntryError::UserNotUtf8),
        ("d.example", AuthMethodError::Colon.into()),
        ("e.example", AuthMethodError::NotVisible.into()),
        ("f.example", AuthMethodError::EmptyPassword.into()),
        ("g.example", AuthMethodError::EmptyUser.into()),
        ("h.example", AuthMethodError::EmptyPassword.into()),
        ("i.example", AuthMethodError::EmptyUser.into()),
        ("j.example", EntryError::NotAnObject),
        ("k.example", EntryError::NotAnObject),
        ("l.example", EntryError::NotText { member: "auth" }),
        ("m.example", EntryError::Case { found: "Auth".into() }),
        ("n.example", AuthMethodError::TooLong { found: limits::BASIC_BYTES + 1, max: limits::BASIC_BYTES }.into()),
        ("good.example/team", EntryError::Base64),
        ("*.o.example", EntryError::NotText { member: "auth" }),
    ];
    assert_eq!(mistakes(&config), expected.map(|(key, error)| (key.to_owned(), error)));
    for host in "abcdefghijklmn".chars() {
        assert!(found(&config, &format!("{host}.example/a")).is_err(), "{host}");
    }
    assert!(found(&config, "p.o.example/a").is_err());
    // Other entries and hosts without an entry are not affected.
    assert_eq!(found(&config, "good.example/app"), Ok(Some(basic("x", "y"))));
    assert_eq!(found(&config, "other.example/a"), Ok(None));
    assert_eq!(
        found(&config, "good.example/team/app"),
        Err("pull-secret/.dockerconfigjson: entry \"good.example/team\" has an auth that is not base64, expected \
             the base64 of name:password in the alphabet with + and /"
            .to_owned())
    );
}

#[test]
fn helpers_in_addition_to_entries_are_ignored_with_a_warning() {
    let helpers = (0..7).map(|n| format!(r#""{n}.example":"h{n}""#)).collect::<Vec<_>>().join(",");
    let config = parse(&format!(
        r#"{{"auths":{{"a.example":{{"auth":"eDp5"}}}},"credsStore":"desktop","credHelpers":{{{helpers}}},"HttpHeaders":{{}}}}"#
    ));
    assert_eq!(found(&config, "a.example/a"), Ok(Some(basic("x", "y"))));
    assert_eq!(found(&config, "0.example/a"), Ok(None));
    let none = "helpers are not run; requests to registries without a credential in auths are anonymous";
    assert_eq!(
        warnings(&config),
        [
            format!("credsStore names \"desktop\": {none}"),
            format!(
                "credHelpers names \"h0\" for \"0.example\", \"h1\" for \"1.example\", \"h2\" for \"2.example\", \
                 \"h3\" for \"3.example\", \"h4\" for \"4.example\" and 2 more: {none}"
            ),
        ]
    );
    let clouds = parse(
        r#"{"auths":{"a.example":{}},"credHelpers":{"1.dkr.ecr.eu-west-1.amazonaws.com":"ecr-login","a.azurecr.io":"acr-env","b.azurecr.io":"acr-env"}}"#,
    );
    let instead = "; in place of ecr-login, write `credentials: { ecr: {} }` in the entry of the registry; in place of acr-env, write \
                   `credentials: { acr: {} }` in the entry of the registry";
    assert!(warnings(&clouds)[0].ends_with(&format!(": {none}{instead}")), "{:?}", warnings(&clouds));
    for (helper, kind) in [("ecr-login", "ecr"), ("gcloud", "google"), ("gcr", "google")] {
        let text = format!(r#"{{"credsStore":"{helper}"}}"#);
        let only = DockerConfig::parse(FILE, text.as_bytes()).unwrap_err().to_string();
        let expected = format!(
            "expected credentials in auths; credential helpers are never started; in place of {helper}, write `credentials: {{ {kind}: {{}} \
             }}` in the entry of the registry"
        );
        assert!(only.ends_with(&expected), "{only}");
    }
    let empty = parse(r#"{"auths":{"a.example":{}},"credsStore":"","credHelpers":{}}"#);
    assert_eq!(warnings(&empty), [""; 0]);
}

#[test]
fn the_older_form_has_its_entries_at_the_top_level() {
    let config = parse(
        r#"{"https://index.docker.io/v1/":{"auth":"eDp5","email":"a@b.example"},"r.example":{"auth":"!"},"comment":{"auth":"eDp5"}}"#,
    );
    assert_eq!(found(&config, "docker.io/library/a"), Ok(Some(basic("x", "y"))));
    assert_eq!(mistakes(&config), [("r.example".to_owned(), EntryError::Base64)]);
    // If there is an `auths`, only that is used.
    let config = parse(r#"{"auths":{},"r.example":{"auth":"eDp5"}}"#);
    assert_eq!(found(&config, "r.example/a"), Ok(None));
    assert_eq!(warnings(&config), ["has no entries; its registries are used anonymously"]);
}

#[test]
fn refuses_other_documents() {
    let error = |text: &str| DockerConfig::parse(FILE, text.as_bytes()).unwrap_err();
    for text in [
        "",
        "[]",
        r#"{"auths":[]}"#,
        r#"{"auths":"x"}"#,
        r#"{"auths":{"a.b":{"auth":"eDp5"},"a.b":{"auth":"eDp5"}}}"#,
        r#"{"auths":{"a.b":{"auth":"eDp5","auth":"eDp5"}}}"#,
    ] {
        assert_eq!(error(text), DockerConfigError::Json, "{text}");
    }
    for text in ["{}", r#"{"HttpHeaders":{},"proxies":{"default":{}}}"#] {
        assert_eq!(error(text), DockerConfigError::NoAuths, "{text}");
    }
    for text in [r#"{"credsStore":"x"}"#, r#"{"auths":{},"credHelpers":{"gcr.io":"gcloud"}}"#] {
        assert!(matches!(error(text), DockerConfigError::HelpersOnly { .. }), "{text}");
    }
    let found = limits::DOCKER_CONFIG_BYTES + 1;
    assert_eq!(error(&" ".repeat(found)), DockerConfigError::TooLarge { found });
}

#[test]
fn entries_are_counted_while_reading() {
    let many = |count| (0..count).map(|n| format!(r#""{n}.example":{{}}"#)).collect::<Vec<_>>().join(",");
    assert_eq!(auths(&many(limits::DOCKER_CONFIG_ENTRIES)).entries.len(), limits::DOCKER_CONFIG_ENTRIES);
    let too_many = many(limits::DOCKER_CONFIG_ENTRIES + 1);
    for text in [format!("{{\"auths\":{{{too_many}}}}}"), format!("{{{too_many}}}")] {
        assert_eq!(DockerConfig::parse(FILE, text.as_bytes()), Err(DockerConfigError::Json));
    }
}
