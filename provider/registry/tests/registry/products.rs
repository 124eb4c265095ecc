//! Registries that are in use, each as the testkit's registry behaves as that product: which lists of signatures are complete, and
//! how failures are reported.

use countersign_credentials::Credential;
use countersign_registry::Cause;
use countersign_registry::Fallback;
use countersign_registry::FallbackTag;
use countersign_registry::Incomplete;
use countersign_registry::Referrers;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::Descriptor;
use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Product;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use countersign_testkit::registry::docker_hub_abuse_limit;
use countersign_testkit::registry::docker_hub_pull_limit;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use crate::support::SIGNATURE;
use crate::support::anonymous;
use crate::support::app;
use crate::support::build;
use crate::support::entry;
use crate::support::pin_error;
use crate::support::pinned;
use crate::support::settings;
use crate::support::soon;

/// `app:v1` with a signature of this form, and the digest of the signature.
fn push_signed(registry: &Registry, form: ManifestForm) -> (Descriptor, String) {
    let image = registry.push_image("app", "v1");
    let signer = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let signature = Signature::new(&SignRequest::new(&signer, &image), Format::Jws).form(form);
    let signature = signature.attach(registry, "app", &image);
    (image, signature.digest)
}

async fn start(product: Product) -> (Registry, Registries) {
    let registry = Registry::start().await;
    registry.behave_as(product);
    let registries = anonymous(&registry);
    (registry, registries)
}

async fn list(registries: &Registries, registry: &Registry) -> Result<Referrers, RegistryError> {
    let pinned = pinned(registries, registry).await;
    registries.referrers(&pinned, SIGNATURE, soon()).await.map(|kept| kept.clone())
}

/// What a product's list of the signatures of a signed image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    /// All, and certainly so.
    All,
    /// All that the fallback tag has, but the API gave no answer.
    Incomplete,
    /// None: the product hides them.
    Hidden,
}

#[tokio::test]
async fn a_signed_image_is_listed_as_each_product_lists_it() {
    use ManifestForm::Current;
    use ManifestForm::Legacy;
    for (product, form, listed) in [
        // Without a type.
        (Product::AzureContainerRegistry, Current, Listed::All),
        (Product::AzureContainerRegistry, Legacy, Listed::All),
        // Filtered by the type of the configuration, which is the empty one in the current form.
        (Product::ArtifactRegistry, Current, Listed::Hidden),
        (Product::ArtifactRegistry, Legacy, Listed::All),
        (Product::Artifactory, Current, Listed::Incomplete),
        (Product::DockerHub, Current, Listed::All),
        (Product::GitHub, Current, Listed::All),
        (Product::GitLab, Current, Listed::Hidden),
        (Product::Harbor, Current, Listed::All),
        (Product::PullThroughCache, Current, Listed::Hidden),
        (Product::Quay, Current, Listed::All),
    ] {
        let (registry, registries) = start(product).await;
        let (_, signature) = push_signed(&registry, form);
        let found = list(&registries, &registry).await.unwrap();
        let digests: Vec<_> = found.entries.iter().map(|entry| entry.digest.to_string()).collect();
        let expected = match listed {
            Listed::All | Listed::Incomplete => vec![signature],
            Listed::Hidden => Vec::new(),
        };
        assert_eq!(digests, expected, "{product:?}");
        let state = (found.broken, found.incomplete.is_some());
        let expected = (0, listed == Listed::Incomplete);
        assert_eq!(state, expected, "{product:?}: {:?}", found.incomplete);
    }
}

/// The tag lists it under the type of its empty configuration, which states no type.
#[tokio::test]
async fn what_artifact_registry_hides_is_found_under_the_fallback_tag_if_that_is_always_read() {
    let registry = Registry::start().await;
    registry.behave_as(Product::ArtifactRegistry);
    let (_, signature) = push_signed(&registry, ManifestForm::Current);
    let entry = RegistryEntry { fallback_tag: FallbackTag::Always, ..entry(&registry, Credential::Anonymous) };
    let found = list(&build(settings(vec![entry])).0, &registry).await.unwrap();
    let digests: Vec<_> = found.entries.iter().map(|entry| entry.digest.to_string()).collect();
    assert_eq!((digests, found.broken, found.incomplete), (vec![signature], 0, None));
}

#[tokio::test]
async fn the_absence_of_signatures_is_certain_except_where_absent_tags_are_forbidden() {
    for product in Product::ALL {
        let (registry, registries) = start(product).await;
        let image = registry.push_image("app", "v1");
        let result = list(&registries, &registry).await;
        if product != Product::Artifactory {
            assert_eq!(result.unwrap(), Referrers::default(), "{product:?}");
            continue;
        }
        let error = result.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Denied);
        let (host, tag) = (registry.host(), image.digest.replace(':', "-"));
        assert_eq!(
            error.to_string(),
            format!(
                "cannot get the referrers of {host}/app: the referrers API: {host} responds with status 406; the fallback \
                 tag {tag}: {host} responds with status 403 to a request without credentials, as none are configured for it, \
                 saying \"UNAUTHORIZED: The client does not have permission for manifest\"; registries[0] \"{host}\" \
                 applies, with no credentials; expected an image index from one of them"
            )
        );
    }
}

#[tokio::test]
async fn a_list_of_artifactory_is_incomplete_with_the_status_of_the_api() {
    let (registry, registries) = start(Product::Artifactory).await;
    push_signed(&registry, ManifestForm::Current);
    let found = list(&registries, &registry).await.unwrap();
    let Some(Incomplete::Failed(error)) = &found.incomplete else { panic!("{found:?}") };
    let Cause::NoList(no_list) = &error.cause else { panic!("{error:?}") };
    assert_eq!(no_list.fallback, Fallback::Index);
    assert_eq!(no_list.api.to_string(), format!("{} responds with status 406", registry.host()));
}

#[tokio::test]
async fn an_archived_signature_is_not_listed_and_others_are() {
    let registry = Registry::start().await;
    let (image, archived) = push_signed(&registry, ManifestForm::Current);
    let registries = anonymous(&registry);
    registry.archive("app", &archived);
    assert_eq!(list(&registries, &registry).await.unwrap(), Referrers::default());
    let signer = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let signature = Signature::new(&SignRequest::new(&signer, &image), Format::Cose).attach(&registry, "app", &image);
    let found = list(&registries, &registry).await.unwrap();
    let digests: Vec<_> = found.entries.iter().map(|entry| entry.digest.to_string()).collect();
    assert_eq!((digests, found.incomplete), (vec![signature.digest], None));
}

#[tokio::test]
async fn the_compressed_head_of_harbor_resolves_a_known_tag() {
    let (registry, registries) = start(Product::Harbor).await;
    let image = registry.push_image("app", "v1");
    let first = pinned(&registries, &registry).await;
    assert_eq!(first.descriptor().size, image.size);
    assert_eq!(pinned(&registries, &registry).await, first);
    let methods: Vec<_> = registry.requests().iter().map(|request| request.method.to_string()).collect();
    assert_eq!(methods, ["GET", "HEAD"]);
    // A tag that was moved: HEAD states the length of a compressed body, GET the one that counts.
    let moved = registry.push_image("app", "v1");
    let after = pinned(&registries, &registry).await;
    assert_eq!((after.descriptor().digest.as_str(), after.descriptor().size), (moved.digest.as_str(), moved.size));
}

#[tokio::test]
async fn docker_hub_issues_a_token_for_a_repository_that_it_denies() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let service = TokenService::anonymous().expires_in(None).only_repositories(&["other"]);
    registry.require_bearer(&service);
    let cause = pin_error(&anonymous(&registry), &registry).await;
    assert_eq!(cause.kind(), RegistryErrorKind::Denied);
    let host = registry.host();
    assert_eq!(
        cause.to_string(),
        format!(
            "{host} responds with status 401 to a request without credentials, as none are configured for it, saying \
             \"UNAUTHORIZED: as the test wanted\"; registries[0] \"{host}\" applies, with no credentials"
        )
    );
    // One exchange for the challenge, and none after the refusal.
    assert_eq!((service.tokens_issued(), registry.count(Route::Manifest)), (1, 2));
}

#[tokio::test]
async fn the_limits_of_docker_hub_are_throttling_with_its_quota() {
    for (reply, text) in [
        (
            docker_hub_pull_limit(),
            "responds with status 429, too many requests, with ratelimit-limit \"100;w=21600\", ratelimit-remaining \
             \"0;w=21600\", docker-ratelimit-source \"192.0.2.7\", saying \"TOOMANYREQUESTS: You have reached your \
             unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit\"",
        ),
        (docker_hub_abuse_limit(), "responds with status 429, too many requests, with retry-after \"60\""),
    ] {
        let (registry, registries) = start(Product::DockerHub).await;
        push_signed(&registry, ManifestForm::Current);
        let pinned = pinned(&registries, &registry).await;
        registry.when(Route::Referrers).reply(reply);
        // A deadline below the back-off of 5 s, which applies without `Retry-After`.
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(4);
        let error = registries.referrers(&pinned, SIGNATURE, deadline).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Throttled);
        let host = registry.host();
        assert_eq!(error.to_string(), format!("cannot get the referrers of {host}/app: {host} {text}"));
        assert_eq!(registry.count(Route::Referrers), 1);
    }
}

#[tokio::test]
async fn a_token_that_github_does_not_know_any_more_is_denied_without_a_challenge() {
    let registry = Registry::start().await;
    let image = registry.push_image("app", "v1");
    let service = TokenService::anonymous().expires_in(None).without_challenge_for_unknown_tokens();
    registry.require_bearer(&service);
    let registries = build(settings(vec![entry(&registry, Credential::Anonymous)])).0;
    let by_tag = pinned(&registries, &registry).await;
    assert_eq!(by_tag.descriptor().digest.as_str(), image.digest);
    service.revoke_all();
    let error = registries.referrers(&by_tag, SIGNATURE, soon()).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Denied);
}

#[tokio::test]
async fn a_redirect_of_githubs_api_to_its_website_is_no_list() {
    // https://github.com/artifacthub/hub/issues/4785: 303, then a limit of the website.
    let (registry, registries) = start(Product::GitHub).await;
    let website = Registry::start().await;
    let (_, signature) = push_signed(&registry, ManifestForm::Current);
    registry.clear_faults();
    registry.when(Route::Referrers).redirect(303, &format!("{}/-/v2/packages/container/package", website.url()));
    website.when(Route::Other).reply(Reply::status(429));
    let found = list(&registries, &registry).await.unwrap();
    assert_eq!(found.entries.iter().map(|entry| entry.digest.to_string()).collect::<Vec<_>>(), [signature]);
    assert!(matches!(found.incomplete, Some(Incomplete::Failed(_))), "{found:?}");
    // The website got no token.
    assert_eq!(website.requests()[0].authorization(), None);
    assert!(registries.pin(&app(&registry), soon()).await.is_ok());
}
