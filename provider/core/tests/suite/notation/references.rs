//! The shared table of image references, `provider/tests/data/references.json`. The tests of the template and of the
//! mutators read it, too.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::collections::HashMap;

use countersign_core::name::Host;
use countersign_core::name::HostError;
use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::name::Repository;
use serde_json::Value;

/// An image, and its repository or the reason for its refusal.
fn table() -> Vec<(String, Result<String, String>)> {
    let rows: Vec<BTreeMap<String, Value>> =
        serde_json::from_str(include_str!("../../../../tests/data/references.json")).unwrap();
    let text = |row: &BTreeMap<String, Value>, key: &str| row.get(key).map(|value| value.as_str().unwrap().to_owned());
    let row = |row: &BTreeMap<String, Value>| {
        let outcome = match (text(row, "place"), text(row, "refused")) {
            (Some(place), None) => Ok(place),
            (None, Some(why)) => Err(why),
            other => panic!("{other:?}, expected one of place and refused"),
        };
        (text(row, "image").unwrap(), outcome)
    };
    rows.iter().map(row).collect()
}

fn why(error: &ReferenceError) -> &'static str {
    match error {
        ReferenceError::Host { reason, .. } => match reason {
            HostError::Syntax => "syntax",
            HostError::Port => "port",
            HostError::Number => "number",
            HostError::Punycode => "punycode",
            HostError::DockerHub => "docker-hub",
        },
        ReferenceError::DockerHubPath { .. } => "docker-hub-path",
        ReferenceError::Repository { .. } => "path",
        ReferenceError::ImageId { .. } => "image-id",
        ReferenceError::Empty
        | ReferenceError::TooLong { .. }
        | ReferenceError::NoHost { .. }
        | ReferenceError::RepositoryTooLong { .. }
        | ReferenceError::Tag { .. }
        | ReferenceError::Digest(_) => "another reason",
    }
}

#[test]
fn every_reference_has_its_repository_or_is_refused() {
    for (image, outcome) in table() {
        let read = image.parse::<ImageRef>();
        let place = read.as_ref().map(|read| {
            let repository = read.repository();
            format!("{}/{}", repository.host().canonical(), repository.path())
        });
        assert_eq!(place.map_err(|error| why(error).to_owned()), outcome, "{image:?}");
        if let Ok(read) = read {
            assert_eq!((read.written(), read.written_name()), (image.as_str(), image.as_str()));
        }
    }
}

#[test]
fn two_references_are_equal_if_and_only_if_they_name_one_repository() {
    let accepted = table().into_iter().filter_map(|(image, outcome)| Some((image, outcome.ok()?)));
    let read: Vec<(Repository, String)> =
        accepted.map(|(image, place)| (image.parse::<ImageRef>().unwrap().repository().clone(), place)).collect();
    let mut by_repository: HashMap<&Repository, &str> = HashMap::new();
    for (one, place) in &read {
        for (other, other_place) in &read {
            assert_eq!(one == other, place == other_place, "{one} {other}");
        }
        assert_eq!(by_repository.entry(one).or_insert(place), place);
    }
}

/// Scopes without a host are skipped, as they must have one.
#[test]
fn a_scope_is_read_as_an_image() {
    let mut hosts = 0;
    for (image, outcome) in table() {
        let scope = image.parse::<Repository>();
        match image.split_once('/') {
            Some((host, _)) if Host::is_host_part(host) => {
                hosts += 1;
                let place = scope.map(|scope| format!("{}/{}", scope.host().canonical(), scope.path()));
                assert_eq!(place.map_err(|error| why(&error).to_owned()), outcome, "{image:?}");
            }
            Some(_) | None => assert!(matches!(scope, Err(ReferenceError::NoHost { .. })), "{image:?}"),
        }
    }
    assert!(hosts > 100, "{hosts}");
}
