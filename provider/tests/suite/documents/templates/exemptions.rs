//! Exempt images are matched by whole path components.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use countersign_core::name::Host;
use countersign_core::name::ImageRef;
use countersign_core_test_support::sweep;
use regorus::Engine;
use serde_json::Value as Json;
use serde_json::json;

use crate::documents::templates::gatekeeper::Item;
use crate::documents::templates::gatekeeper::Outcome;
use crate::documents::templates::gatekeeper::review_with;
use crate::documents::templates::gatekeeper::template;
use crate::documents::templates::objects::KINDS;
use crate::documents::templates::objects::PLACES;
use crate::documents::templates::objects::POD;

const SHA: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Whether an image is admitted without a request to a provider that would refuse it.
fn is_exempt(pattern: &Json, image: &str) -> bool {
    let pod = POD.creation(&json!({ "containers": [{ "name": "a", "image": image }] }));
    let review = review_with(json!({ "exemptImages": pattern }), &pod, &Outcome::Items(Item::Missing));
    assert_eq!(review.calls.is_empty(), review.denials.is_empty(), "{pattern} {image}");
    review.calls.is_empty()
}

fn check(pattern: &str, exempt: &[&str], not_exempt: &[&str]) {
    for image in exempt {
        assert!(is_exempt(&json!([pattern]), image), "{pattern} should cover {image}");
    }
    for image in not_exempt {
        assert!(!is_exempt(&json!([pattern]), image), "{pattern} should not cover {image:?}");
    }
}

#[test]
fn a_pattern_without_wildcard_is_one_repository() {
    let tagged = format!("registry.example.com/team/app:v1@{SHA}");
    let pinned = format!("registry.example.com/team/app@{SHA}");
    check(
        "registry.example.com/team/app",
        &[
            "registry.example.com/team/app",
            "registry.example.com/team/app:v1",
            "Registry.example.com:0443/team/app:v1",
            &tagged,
            &pinned,
        ],
        &[
            "registry.example.com/team/app2",
            "registry.example.com/team/app/sub",
            "registry.example.com/team",
            "registry.example.com/other/app",
            "registry.example.com:5000/team/app",
            "team/app",
        ],
    );
}

#[test]
fn a_star_is_exactly_one_part() {
    check(
        "registry.example.com/team/*",
        &["registry.example.com/team/app", "registry.example.com/team/app:v1"],
        &["registry.example.com/team", "registry.example.com/team/sub/app", "registry.example.com/teamwork/app"],
    );
    check(
        "registry.example.com/*/app",
        &["registry.example.com/team/app"],
        &["registry.example.com/app", "registry.example.com/a/b/app", "registry.example.com/team/app/sub"],
    );
    check("registry.example.com/*", &["registry.example.com/app"], &["registry.example.com/team/app", "app"]);
}

#[test]
fn two_stars_are_one_part_or_more() {
    check(
        "registry.example.com/team/**",
        &["registry.example.com/team/app", "registry.example.com/team/a/b/c:v1"],
        &["registry.example.com/team", "registry.example.com/teamwork/app", "registry.example.com/a/team/app"],
    );
    check("localhost:5000/**", &["localhost:5000/a", "localhost:5000/a/b"], &["localhost/a", "localhost:5001/a"]);
    check("[::1]:5000/**", &["[::1]:5000/a:v1"], &["[::1]/a", "[::2]:5000/a"]);
}

#[test]
fn docker_hubs_short_names_are_written_out() {
    let pinned = format!("nginx@{SHA}");
    check(
        "docker.io/library/nginx",
        &[
            "nginx",
            "nginx:1.27",
            &pinned,
            "library/nginx",
            "docker.io/nginx",
            "docker.io/library/nginx",
            "index.docker.io/nginx",
        ],
        &["nginx2", "team/nginx", "registry.example.com/library/nginx", "localhost/library/nginx", "localhost/nginx"],
    );
    check(
        "docker.io/*/*",
        &["nginx", "grafana/loki"],
        &["localhost/nginx", "Team/nginx", "registry.example.com/nginx", "registry:5000/nginx", "grafana/loki/sub"],
    );
}

#[test]
fn a_text_similar_to_an_exempt_repository_is_not_exempt() {
    let userinfo = format!("registry.example.com/team/app@evil.example/x@{SHA}");
    let short = "registry.example.com/team/app@sha256:00".to_owned();
    let other_host = format!("evil.example/registry.example.com/team/x@{SHA}");
    check(
        "registry.example.com/**",
        &["registry.example.com/team/app"],
        &[
            "evil.example/registry.example.com/team/x",
            &other_host,
            "evil.example:443/registry.example.com/team/x",
            "registry.example.com.evil.example/team/x",
            "evil-registry.example.com/team/x",
            "registry.example.com@evil.example/team/x",
            "registry.example.com:pw@evil.example/team/x",
            "user@registry.example.com/team/x",
            "registry.example.com/team@evil.example/x",
            "registry.example.com/team/app@evil.example/x",
            "registry.example.com/team/app:v1@evil.example/x",
            &userinfo,
            &short,
            "registry.example.com/team/app:v1:v2",
            "registry.example.com/team:v1/app",
            "registry.example.com/team/app:",
            "registry.example.com/team/app@",
            "registry.example.com/../evil.example/x",
            "registry.example.com/./x",
            "registry.example.com//x",
            "registry.example.com/",
            "registry.example.com",
            "/registry.example.com/x",
            "//registry.example.com/x",
            "https://registry.example.com/x",
            "registry.example.com/team/App",
            "registry.example.com/team/app?x",
            "registry.example.com/team/app#x",
            "registry.example.com/team%2fapp",
            "registry.example.com/team\\app",
            "registry.example.com\\@evil.example/x",
            "registry.example.com/team/*",
            "registry.example.com/**",
            " registry.example.com/team/app",
            "registry.example.com/team/app ",
            "registry.example.com/team/app\n",
            "registry.example.com/team/app\nevil.example/x",
            "evil.example/x\nregistry.example.com/team/app",
            "registry.example.com/team/app\0",
            "registry.example.com/te\u{430}m/app",
            "registry.ex\u{430}mple.com/team/app",
            "registry\u{2024}example.com/team/app",
            "[default]registry.example.com/team/app",
        ],
    );
}

#[test]
fn an_image_id_is_not_a_name_on_docker_hub() {
    let id = &SHA["sha256:".len()..];
    let short = &SHA[..SHA.len() - 1];
    let ids = [id, SHA, short, "sha256:2", "sha256:44136fa355b3", "sha384:0", "sha512:2024"];
    let (tagged, longer) = (format!("nginx:{id}"), format!("{id}0"));
    let names = [
        &*tagged,
        &*longer,
        "nginx",
        "sha256",
        "sha256:v1",
        "sha256:ABC",
        "44136fa355b3",
        "library/sha256:abc",
        "nginx:2024",
    ];
    check("docker.io/**", &names, &ids);
    for (texts, are_names) in [(&names[..], true), (&ids[..], false)] {
        for text in texts {
            assert_eq!(text.parse::<ImageRef>().is_ok(), are_names, "{text}");
        }
    }
}

#[test]
fn patterns_that_mean_nothing_cover_nothing() {
    let images = ["registry.example.com/team/app", "nginx", "localhost/app"];
    for pattern in [
        json!([]),
        json!([""]),
        json!(["*"]),
        json!(["**"]),
        json!(["*/**"]),
        json!(["**/app"]),
        json!(["**/nginx"]),
        json!(["/**"]),
        json!(["registry.example.com"]),
        json!(["registry.example.com/"]),
        json!(["registry.example.com/team/a*"]),
        json!(["registry.example.com/**/app"]),
        json!(["registry.example.com/team/app:v1"]),
        json!(["registry.example.com/team/app/**"]),
        json!(["*.example.com/team/app"]),
        json!(["nginx"]),
        json!(["library/nginx"]),
        json!(["docker.io/*"]),
        json!(["Docker.io/**"]),
        json!(["docker.io:443/**"]),
        json!(["registry-1.docker.io/nginx"]),
        json!(["registry.example.com./**"]),
        json!(["registry.example.com:0/**"]),
        json!("registry.example.com/team/app"),
        json!({ "registry.example.com": "team/app" }),
        json!([null, 7, ["registry.example.com/team/app"], {}]),
        json!(null),
    ] {
        for image in images {
            assert!(!is_exempt(&pattern, image), "{pattern} {image}");
        }
    }
    // An invalid pattern does not affect the others.
    assert!(is_exempt(&json!([7, "*", "docker.io/library/*"]), "nginx"));
}

#[test]
fn exempt_images_are_omitted_from_the_request_in_every_kind_and_field() {
    for kind in KINDS {
        for place in PLACES {
            let request = kind.creation(&place.with("registry.example.com/team/app"));
            let parameters = json!({ "exemptImages": ["registry.example.com/team/*"] });
            let review = review_with(parameters, &request, &Outcome::Failure(500, "not to be called"));
            assert_eq!((review.denials, review.calls), (vec![], vec![]), "{kind:?} {place:?}");
        }
    }
    let pod = json!({ "containers": [{ "name": "a", "image": "nginx" }, { "name": "b", "image": "redis" }] });
    let parameters = json!({ "exemptImages": ["docker.io/library/nginx"] });
    let review = review_with(parameters, &POD.creation(&pod), &Outcome::Items(Item::Missing));
    assert_eq!(review.calls, [json!({ "provider": "countersign-verify", "keys": ["redis"] })]);
    assert_eq!(review.denials, ["redis: the provider returned no verdict"]);
}

/// The shared table of image references.
fn table() -> Vec<Json> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/references.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The images of the table that have a host, as patterns, with their repositories.
fn patterns(table: &[Json]) -> Vec<(&str, &str)> {
    let accepted = table.iter().filter_map(|row| Some((row["image"].as_str()?, row["place"].as_str()?)));
    accepted.filter(|(image, _)| image.split_once('/').is_some_and(|(host, _)| Host::is_host_part(host))).collect()
}

/// The images that the provider gets, all of them in one pod.
fn asked(patterns: &[String], images: &BTreeSet<String>) -> BTreeSet<String> {
    let container = |(index, image)| json!({ "name": format!("c{index}"), "image": image });
    let pod = POD.creation(&json!({ "containers": images.iter().enumerate().map(container).collect::<Vec<_>>() }));
    let review = review_with(json!({ "exemptImages": patterns }), &pod, &Outcome::Items(Item::Missing));
    let keys = review.calls.first().map(|call| serde_json::from_value(call["keys"].clone()).unwrap());
    keys.unwrap_or_default()
}

#[test]
fn every_spelling_of_an_exempt_repository_is_exempt_and_no_other_repository_is() {
    let table = table();
    let accepted = || table.iter().filter(|row| row["place"].is_string());
    let written = |row: &Json| format!("{}:v1@{SHA}", row["image"].as_str().unwrap());
    let images: BTreeSet<String> = accepted().map(written).collect();
    // Some hosts are left to the provider.
    let exempt = |place: &str| {
        let is_exempt = |row: &&Json| row["place"] == *place && row["exempt"] != false;
        accepted().filter(is_exempt).map(written).collect::<BTreeSet<_>>()
    };
    let patterns = patterns(&table);
    let mut is_tried = sweep::some();
    for (pattern, place) in patterns.iter().filter(|(pattern, _)| is_tried(pattern)) {
        let own: BTreeSet<String> = accepted().filter(|row| row["place"] == **place).map(written).collect();
        let expected = &own - &exempt(place);
        assert_eq!(asked(&[(*pattern).to_owned()], &own), expected, "{pattern}");
    }
    // The patterns of a repository together, which takes a fraction of the time: none covers another repository.
    let places: BTreeSet<&str> = patterns.iter().map(|(_, place)| *place).collect();
    for place in places.into_iter().filter(|place| is_tried(place)) {
        let spellings = patterns.iter().filter(|(_, other)| *other == place);
        let spellings: Vec<String> = spellings.map(|(pattern, _)| (*pattern).to_owned()).collect();
        assert_eq!(asked(&spellings, &images), &images - &exempt(place), "{spellings:?}");
    }
}

#[test]
fn an_image_in_a_refused_spelling_is_never_exempt() {
    let table = table();
    let refused = || table.iter().filter(|row| row["refused"].is_string());
    // Patterns that cover more than the table, and the refused spellings themselves.
    let mut widest: BTreeSet<String> = BTreeSet::new();
    let hosts = patterns(&table).into_iter().map(|(image, _)| image);
    for image in hosts.chain(refused().map(|row| row["image"].as_str().unwrap())) {
        widest.insert(image.to_owned());
        widest.extend(image.split_once('/').map(|(host, _)| format!("{host}/**")));
    }
    let written = |row: &Json| {
        let image = row["image"].as_str().unwrap();
        let mut written = vec![image.to_owned()];
        // With a tag or a digest, an image id is a name.
        if row["refused"] != "image-id" {
            written.extend([format!("{image}:v1"), format!("{image}@{SHA}")]);
        }
        written
    };
    let images: BTreeSet<String> = refused().flat_map(written).collect();
    assert_eq!(asked(&widest.into_iter().collect::<Vec<_>>(), &images), images);
}

#[test]
fn a_name_that_is_too_long_for_a_reference_is_not_exempt() {
    let long = |length: usize| format!("registry.example.com/{}", "a".repeat(length - "registry.example.com/".len()));
    check("registry.example.com/*", &[&long(255)], &[&long(256), &long(1025)]);
    let zeros = format!("registry.example.com:{}443/app", "0".repeat(300));
    check("registry.example.com/*", &[], &[&zeros]);
}

#[test]
fn the_schema_refuses_patterns_that_cover_nothing() {
    let schema = template()["spec"]["crd"]["spec"]["validation"]["openAPIV3Schema"].clone();
    let expression = schema["properties"]["exemptImages"]["items"]["pattern"].as_str().unwrap().to_owned();
    let accepted = |pattern: &str| {
        let mut engine = Engine::new();
        engine.set_input_json(&json!({ "e": expression, "p": pattern }).to_string()).unwrap();
        engine.eval_bool_query("regex.match(input.e, input.p)".to_owned(), false).unwrap()
    };
    let table: BTreeMap<&str, bool> = [
        ("registry.example.com/team/app", true),
        ("registry.example.com/team/*", true),
        ("registry.example.com/*/app", true),
        ("registry.example.com/team/**", true),
        ("registry.example.com/**", true),
        ("registry:5000/a", true),
        ("localhost/a", true),
        ("localhost:5000/**", true),
        ("[::1]:5000/*", true),
        ("Registry/a", true),
        ("registry.example.com:000443/a", true),
        ("[::ffff:10.0.0.5]/a", false),
        ("docker.io/library/nginx", true),
        ("", false),
        ("*", false),
        ("**", false),
        ("*/**", false),
        ("**/app", false),
        ("nginx", false),
        ("library/nginx", false),
        ("*.example.com/a", false),
        ("registry.example.com", false),
        ("registry.example.com/", false),
        ("registry.example.com/team-*", false),
        ("registry.example.com/**/app", false),
        ("registry.example.com/team/app:v1", false),
        ("registry.example.com/team/app@sha256:00", false),
        ("registry.example.com/Team", false),
        ("registry.example.com//a", false),
        ("user@registry.example.com/a", false),
        ("https://registry.example.com/a", false),
        (" registry.example.com/a", false),
        ("registry.example.com/a\n", false),
    ]
    .into();
    for (pattern, wanted) in table {
        assert_eq!(accepted(pattern), wanted, "{pattern:?}");
    }
}
