//! Mirrors: which location is used, under which entry, and what may be concluded from its answers.

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_credentials::Credential;
use countersign_http::Scheme;
use countersign_http::SingleFlight;
use countersign_http::until;
use countersign_registry::Cause;
use countersign_registry::Incomplete;
use countersign_registry::Mirrors;
use countersign_registry::Pinned;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_registry::SettingsError;
use countersign_registry::Stage;
use countersign_registry::Unlisted;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use tokio::time::Instant;

use crate::support::PASSWORD;
use crate::support::SIGNATURE;
use crate::support::USER;
use crate::support::alice;
use crate::support::build;
use crate::support::descriptor;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry with `app:v1`, and a mirror that has the same image as `cache/app`.
struct Mirrored {
    registry: Registry,
    mirror: Registry,
    digest: String,
}

/// Tags an image as `v1`, equal for equal names in every repository, and returns its digest.
fn put(registry: &Registry, repository: &str, name: &str) -> String {
    let blob = registry.put_blob(repository, "application/vnd.oci.image.config.v1+json", name.as_bytes());
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[]}}"#,
        blob.media_type, blob.digest, blob.size
    );
    let digest = registry.put_manifest(repository, MANIFEST, manifest.as_bytes()).digest;
    registry.tag(repository, "v1", &digest);
    digest
}

async fn mirrored() -> Mirrored {
    let (registry, mirror) = (Registry::start().await, Registry::start().await);
    let digest = put(&registry, "app", "image");
    assert_eq!(put(&mirror, "cache/app", "image"), digest);
    Mirrored { registry, mirror, digest }
}

impl Mirrored {
    fn image(&self) -> ImageRef {
        format!("{}/app:v1", self.registry.host()).parse().unwrap()
    }

    /// The entry of the registry with this mirror first, and that of the mirror.
    fn entries(&self, only: bool) -> Vec<RegistryEntry> {
        let locations = vec![format!("{}/cache", self.mirror.host()).parse().unwrap()];
        let own = entry(&self.registry, Credential::Anonymous);
        let own = RegistryEntry { mirrors: Mirrors { locations, only }, ..own };
        vec![own, entry(&self.mirror, Credential::Anonymous)]
    }

    fn registries(&self) -> Registries {
        build(settings(self.entries(false))).0
    }

    fn with_mirrors_only(&self) -> Registries {
        build(settings(self.entries(true))).0
    }

    /// Lists a signature of the image in the registry `at`, whose repository is `repository`.
    fn sign(&self, at: &Registry, repository: &str) -> String {
        let bytes = format!("{{\"signature of\": \"{repository}\"}}");
        let mut signature = at.put_manifest(repository, MANIFEST, bytes.as_bytes());
        signature.artifact_type = Some(SIGNATURE.to_owned());
        let digest = signature.digest.clone();
        at.list_referrer(repository, &self.digest, signature);
        digest
    }
}

/// Which of the two calls is made.
#[derive(Clone, Copy)]
enum Asked {
    All,
    UntilFound,
}

/// The digests of the listed signatures, and whether the list is complete.
async fn list(registries: &Registries, pinned: &Pinned, asked: Asked) -> (Vec<String>, bool) {
    let list = match asked {
        Asked::All => registries.referrers(pinned, SIGNATURE, soon()).await.unwrap(),
        Asked::UntilFound => registries.first_referrers(pinned, SIGNATURE, soon()).await.unwrap(),
    };
    let digests = list.entries.iter().map(|entry| entry.digest.to_string()).collect();
    (digests, list.incomplete.is_none() && !list.later)
}

#[tokio::test]
async fn an_image_is_read_at_the_mirror_and_is_that_of_the_written_repository() {
    let setup = mirrored().await;
    let pinned = setup.registries().pin(&setup.image(), soon()).await.unwrap();
    assert_eq!(pinned.descriptor().digest.to_string(), setup.digest);
    assert_eq!(pinned.repository(), setup.image().repository());
    assert_eq!(setup.registry.connections(), 0);
    assert_eq!(setup.mirror.requests()[0].path, "/v2/cache/app/manifests/v1");
}

#[tokio::test]
async fn every_failure_of_a_mirror_leads_to_the_registry() {
    type Fault = fn(&Registry);
    let faults: [(Fault, &str); 6] = [
        (|mirror| drop(mirror.when(Route::Manifest).error(401, "UNAUTHORIZED")), "requests credentials in a way"),
        (|mirror| drop(mirror.when(Route::Manifest).error(403, "DENIED")), "responds with status 403"),
        (|mirror| drop(mirror.when(Route::Manifest).status(500)), "responds with status 500"),
        (|mirror| drop(mirror.when(Route::Manifest).too_many_requests("60")), "responds with status 429"),
        (|mirror| drop(mirror.when(Route::Manifest).close()), "cannot connect to"),
        (|mirror| drop(mirror.when(Route::Manifest).body("no manifest")), "digest of the content"),
    ];
    for (fault, part) in faults {
        let setup = mirrored().await;
        fault(&setup.mirror);
        let (registries, seen) = build(settings(setup.entries(false)));
        let pinned = registries.pin(&setup.image(), soon()).await.unwrap();
        assert_eq!(pinned.descriptor().digest.to_string(), setup.digest);
        let mirror = format!("{}/cache", setup.mirror.host());
        let [(entry, found, stage, why)] = &seen.mirrors()[..] else { panic!("{:?}", seen.mirrors()) };
        assert_eq!((entry, found, *stage), (&setup.registry.host(), &mirror, Stage::Manifest));
        assert!(why.contains(part), "{why}");
    }
}

#[tokio::test]
async fn a_mirror_that_lacks_an_image_is_left_for_the_registry_and_is_no_failure() {
    let setup = mirrored().await;
    setup.mirror.when(Route::Manifest).error(404, "MANIFEST_UNKNOWN");
    let (registries, seen) = build(settings(setup.entries(false)));
    let pinned = registries.pin(&setup.image(), soon()).await.unwrap();
    assert_eq!(pinned.descriptor().digest.to_string(), setup.digest);
    assert_eq!(seen.mirrors(), []);
}

#[tokio::test]
async fn content_of_a_mirror_with_another_digest_is_never_used() {
    let setup = mirrored().await;
    setup.mirror.when(Route::Manifest).wrong_bytes();
    let image: ImageRef = format!("{}/app@{}", setup.registry.host(), setup.digest).parse().unwrap();
    let pinned = setup.registries().pin(&image, soon()).await.unwrap();
    assert_eq!(pinned.descriptor().digest.to_string(), setup.digest);
    let error = setup.with_mirrors_only().pin(&image, soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::ContentMismatch);
    let blob = descriptor(&setup.registry.put_blob("app", "a/b", b"envelope"));
    let _ = setup.mirror.put_blob("cache/app", "a/b", b"envelope");
    setup.mirror.when(Route::Blob).wrong_bytes();
    let repository: Repository = format!("{}/app", setup.registry.host()).parse().unwrap();
    let content = setup.registries().blob(&repository, &blob, 1024, soon()).await.unwrap();
    assert_eq!(&*content, b"envelope".as_slice());
}

#[tokio::test]
async fn a_tag_that_the_mirror_resolved_is_pinned_for_all_later_steps() {
    let setup = mirrored().await;
    let registries = setup.registries();
    let pinned = registries.pin(&setup.image(), soon()).await.unwrap();
    let other = put(&setup.mirror, "cache/app", "another image");
    assert_eq!(put(&setup.registry, "app", "another image"), other);
    let _ = list(&registries, &pinned, Asked::All).await;
    let paths = setup.registry.requests().into_iter().chain(setup.mirror.requests());
    let with_tag = paths.filter(|request| request.path.ends_with("/v1")).count();
    assert_eq!(with_tag, 1);
    assert_eq!(pinned.descriptor().digest.to_string(), setup.digest);
}

#[tokio::test]
async fn a_mirror_without_signatures_does_not_make_a_signed_image_unsigned() {
    let setup = mirrored().await;
    let signature = setup.sign(&setup.registry, "app");
    let registries = setup.registries();
    let pinned = registries.pin(&setup.image(), soon()).await.unwrap();
    for asked in [Asked::UntilFound, Asked::All] {
        assert_eq!(list(&registries, &pinned, asked).await, (vec![signature.clone()], true));
    }
}

#[tokio::test]
async fn an_outage_of_the_registry_leaves_the_list_of_a_mirror_incomplete() {
    let setup = mirrored().await;
    let registries = setup.registries();
    let pinned = registries.pin(&setup.image(), soon()).await.unwrap();
    for (status, kind) in [(500, RegistryErrorKind::Failed), (403, RegistryErrorKind::Denied)] {
        let fault = setup.registry.when(Route::Referrers).status(status);
        let other = setup.registry.when(Route::Manifest).status(status);
        let list = registries.referrers(&pinned, SIGNATURE, soon()).await.unwrap();
        let Some(Incomplete::Failed(error)) = &list.incomplete else { panic!("{list:?}") };
        assert_eq!(error.kind(), kind);
        assert!(list.entries.is_empty());
        fault.remove();
        other.remove();
    }
    // Nothing of it is remembered.
    assert_eq!(list(&registries, &pinned, Asked::All).await, (Vec::new(), true));
}

#[tokio::test]
async fn a_signature_at_the_mirror_needs_no_request_to_the_registry_and_says_that_it_was_not_asked() {
    let setup = mirrored().await;
    let at_mirror = setup.sign(&setup.mirror, "cache/app");
    let at_registry = setup.sign(&setup.registry, "app");
    let registries = setup.registries();
    let pinned = registries.pin(&setup.image(), soon()).await.unwrap();
    assert_eq!(list(&registries, &pinned, Asked::UntilFound).await, (vec![at_mirror.clone()], false));
    assert_eq!(setup.registry.connections(), 0);
    assert_eq!(list(&registries, &pinned, Asked::All).await, (vec![at_mirror, at_registry], true));
}

#[tokio::test]
async fn with_mirrors_only_the_registry_gets_no_request_and_the_mirrors_decide() {
    let setup = mirrored().await;
    let registries = setup.with_mirrors_only();
    let pinned = registries.pin(&setup.image(), soon()).await.unwrap();
    assert_eq!(list(&registries, &pinned, Asked::UntilFound).await, (Vec::new(), true));
    let signature = setup.sign(&setup.mirror, "cache/app");
    assert_eq!(list(&registries, &pinned, Asked::UntilFound).await, (vec![signature], true));
    setup.mirror.when(Route::Manifest).error(404, "MANIFEST_UNKNOWN");
    let error = registries.pin(&setup.image(), soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::NotFound);
    assert_eq!(setup.registry.connections(), 0);
}

#[tokio::test]
async fn all_locations_are_named_and_an_outage_of_one_is_not_an_absent_image() {
    let setup = mirrored().await;
    setup.mirror.when(Route::Manifest).close();
    setup.registry.when(Route::Manifest).error(404, "MANIFEST_UNKNOWN");
    let error = setup.registries().pin(&setup.image(), soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Unreachable);
    let (registry, mirror) = (setup.registry.host(), setup.mirror.host());
    let text = error.to_string();
    let begin = format!(
        "cannot get the manifest of {registry}/app: 2 of its locations could not be used; mirror {mirror}/cache/app: "
    );
    assert!(text.starts_with(&begin), "{text}");
    assert!(text.contains(&format!("; {registry}/app: {registry} responds that tag v1 does not exist")), "{text}");
    let Cause::Locations(failures) = error.cause else { panic!("{text}") };
    assert_eq!(failures.len(), 2);
    // Both say that it does not exist.
    let setup = mirrored().await;
    for registry in [&setup.registry, &setup.mirror] {
        registry.when(Route::Manifest).error(404, "MANIFEST_UNKNOWN");
    }
    let error = setup.registries().pin(&setup.image(), soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::NotFound);
}

#[tokio::test]
async fn a_silent_mirror_takes_its_share_of_the_time_and_is_then_tried_last() {
    let setup = mirrored().await;
    let never = setup.mirror.when(Route::Manifest).never_answer();
    let registries = setup.registries();
    let deadline = Instant::now() + Duration::from_millis(600);
    let pinned = registries.pin(&setup.image(), deadline).await.unwrap();
    assert!(Instant::now() < deadline);
    assert_eq!(never.hits(), 1);
    for _ in 0..3 {
        let _ = registries.pin(&setup.image(), soon()).await.unwrap();
        let _ = list(&registries, &pinned, Asked::UntilFound).await;
    }
    assert_eq!(never.hits(), 1);
    // It is still there if the registry fails.
    never.remove();
    let fault = setup.registry.when(Route::Manifest).close();
    let _ = registries.pin(&setup.image(), soon()).await.unwrap();
    assert!(fault.hits() > 0);
}

/// The time that a caller of the work waits, which may take much longer.
const CALLER: Duration = Duration::from_millis(1800);

fn end_of_work() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[tokio::test(start_paused = true)]
async fn a_mirror_has_its_share_of_the_time_of_the_callers_and_not_of_the_work() {
    type Fault = fn(&Registry);
    let faults: [(Fault, &str); 2] = [
        (|mirror| drop(mirror.when(Route::Manifest).never_answer()), "did not respond in time"),
        (|mirror| drop(mirror.when(Route::Manifest).delay(Duration::from_millis(1200))), "did not respond in time"),
    ];
    for (fault, part) in faults {
        let setup = mirrored().await;
        fault(&setup.mirror);
        let (registries, seen) = build(settings(setup.entries(false)));
        let image = setup.image();
        let began = Instant::now();
        let pinned = until(began + CALLER, registries.pin(&image, end_of_work())).await.unwrap().unwrap();
        assert_eq!(pinned.descriptor().digest.to_string(), setup.digest);
        let share = began.elapsed();
        assert!(share >= CALLER / 2 && share < CALLER / 2 + Duration::from_millis(100), "{share:?}");
        let [(_, _, Stage::Manifest, why)] = &seen.mirrors()[..] else { panic!("{:?}", seen.mirrors()) };
        assert!(why.contains(part), "{why}");
        // It is tried last from now on.
        let began = Instant::now();
        let list = until(began + CALLER, registries.first_referrers(&pinned, SIGNATURE, end_of_work())).await.unwrap();
        assert!(list.is_ok() && setup.mirror.count(Route::Manifest) == 1, "{list:?}");
        drop(until(Instant::now() + CALLER, registries.pin(&image, end_of_work())).await.unwrap().unwrap());
        assert_eq!(setup.mirror.count(Route::Manifest), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_rests_is_asked_for_signatures_after_the_registry_and_does_not_delay_its_answer_for_long() {
    let setup = mirrored().await;
    let silent = setup.mirror.when_any().never_answer();
    let registries = setup.registries();
    let image = setup.image();
    let pinned = until(Instant::now() + CALLER, registries.pin(&image, end_of_work())).await.unwrap().unwrap();
    for asked in [Asked::UntilFound, Asked::All] {
        let began = Instant::now();
        let list = async {
            let list = match asked {
                Asked::All => registries.referrers(&pinned, SIGNATURE, end_of_work()).await.unwrap(),
                Asked::UntilFound => registries.first_referrers(&pinned, SIGNATURE, end_of_work()).await.unwrap(),
            };
            (list.entries.is_empty(), list.incomplete.is_none(), list.later)
        };
        assert_eq!(until(began + CALLER, list).await.unwrap(), (true, true, false));
        assert!(began.elapsed() < CALLER / 2 + Duration::from_millis(100), "{:?}", began.elapsed());
    }
    silent.remove();
    let at_mirror = setup.sign(&setup.mirror, "cache/app");
    for asked in [Asked::UntilFound, Asked::All] {
        assert_eq!(list(&registries, &pinned, asked).await, (vec![at_mirror.clone()], true));
    }
    // One at the registry may be enough.
    let at_registry = setup.sign(&setup.registry, "app");
    assert_eq!(list(&registries, &pinned, Asked::UntilFound).await, (vec![at_registry.clone()], false));
    assert_eq!(list(&registries, &pinned, Asked::All).await, (vec![at_registry, at_mirror], true));
}

#[tokio::test(start_paused = true)]
async fn a_mirror_whose_turns_are_later_than_its_share_is_left_for_the_registry_at_once() {
    let setup = mirrored().await;
    let mut entries = setup.entries(false);
    entries[1].numbers.per_second = NonZeroU32::new(1);
    let registries = build(settings(entries)).0;
    let image = setup.image();
    let began = Instant::now();
    let pin = || until(began + CALLER, registries.pin(&image, end_of_work()));
    for _ in 0..3 {
        drop(pin().await.unwrap().unwrap());
    }
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    assert_eq!((setup.mirror.count(Route::Manifest), setup.registry.count(Route::Manifest)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn work_whose_callers_have_left_gives_a_mirror_the_least_share() {
    let setup = mirrored().await;
    setup.mirror.when(Route::Manifest).never_answer();
    let registries = setup.registries();
    let began = Instant::now();
    // The work goes on after its caller has left.
    let (flights, image) = (SingleFlight::<u8, bool>::default(), setup.image());
    let work = move |_| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        registries.pin(&image, end_of_work()).await.is_ok()
    };
    assert!(flights.join_or_start(1, began + Duration::from_millis(50), work).await.is_err());
    let other = flights.join_or_start(1, began + CALLER, |_| async { false });
    assert_eq!(other.await, Ok(true));
    assert!(began.elapsed() < CALLER, "{:?}", began.elapsed());
}

#[tokio::test]
async fn each_location_gets_the_credential_of_its_own_entry_only() {
    let setup = mirrored().await;
    setup.registry.require_bearer(&TokenService::for_user("bob", "battery staple"));
    setup.mirror.require_bearer(&TokenService::for_user(USER, PASSWORD));
    let mut entries = setup.entries(false);
    let bob = Credential::basic("bob", countersign_credentials::Secret::new("battery staple")).unwrap();
    entries[0] = RegistryEntry { identities: std::sync::Arc::new(bob), ..entries[0].clone() };
    entries[1] = RegistryEntry { identities: std::sync::Arc::new(alice()), ..entries[1].clone() };
    let registries = build(settings(entries)).0;
    let pinned = registries.pin(&setup.image(), soon()).await.unwrap();
    assert_eq!(list(&registries, &pinned, Asked::All).await, (Vec::new(), true));
    let scopes = |registry: &Registry| -> Vec<String> {
        let tokens = registry.requests().into_iter().filter(|request| request.route == Route::Token);
        tokens.flat_map(|request| request.query_values("scope")).collect()
    };
    assert_eq!(scopes(&setup.mirror), ["repository:cache/app:pull"]);
    assert_eq!(scopes(&setup.registry), ["repository:app:pull"]);
}

#[tokio::test]
async fn the_keys_of_caches_depend_on_the_credential_of_every_location() {
    let setup = mirrored().await;
    let repository: Repository = format!("{}/app", setup.registry.host()).parse().unwrap();
    let scope = |entries| build(settings(entries)).0.credential_scope(&repository);
    let plain = scope(setup.entries(false));
    assert_eq!(plain, scope(setup.entries(false)));
    let mut others = vec![scope(setup.entries(true))];
    let mut entries = setup.entries(false);
    entries[1] = RegistryEntry { identities: std::sync::Arc::new(alice()), ..entries[1].clone() };
    others.push(scope(entries));
    let mut entries = setup.entries(false);
    entries[0].mirrors = Mirrors::default();
    others.push(scope(entries));
    for other in others {
        assert!(other != plain && other.is_usable(), "{other:?}");
    }
}

#[tokio::test]
async fn a_mirror_without_an_entry_gets_no_request_if_the_settings_refuse_it() {
    let setup = mirrored().await;
    let mut entries = setup.entries(false);
    let _ = entries.pop();
    let refusing = RegistrySettings { unlisted: Unlisted::Refuse, ..settings(entries) };
    let (registries, seen) = build(refusing);
    let _ = registries.pin(&setup.image(), soon()).await.unwrap();
    assert!(seen.mirrors()[0].3.ends_with("is not in the configuration, and unlistedRegistries is refuse"));
    assert_eq!(setup.mirror.connections(), 0);
}

#[tokio::test]
async fn the_mirrors_of_a_mirror_are_not_used() {
    let setup = mirrored().await;
    let third = Registry::start().await;
    let mut entries = setup.entries(false);
    entries[1].mirrors = Mirrors { locations: vec![third.host().parse().unwrap()], only: true };
    entries.push(RegistryEntry { scheme: Scheme::Http, ..entry(&third, Credential::Anonymous) });
    let _ = build(settings(entries)).0.pin(&setup.image(), soon()).await.unwrap();
    assert_eq!(third.connections(), 0);
    assert_eq!(setup.mirror.requests().len(), 1);
}

#[test]
fn the_settings_name_a_mistake_in_mirrors() {
    let mut own = RegistryEntry::new("r.example".parse().unwrap(), Credential::Anonymous);
    own.mirrors = Mirrors { locations: vec!["r.example".parse().unwrap()], only: false };
    let error = countersign_registry::Registries::new(
        settings(vec![own]),
        std::sync::Arc::new(countersign_registry::Unobserved),
    );
    let Err(error @ SettingsError::Mirrors { .. }) = error else { panic!("a mirror that is the registry") };
    assert_eq!(
        error.to_string(),
        "mirrors of registry r.example: found \"r.example\", which is the registry itself, expected other locations; the \
         registry is the last one unless mirrorsOnly is true"
    );
}
