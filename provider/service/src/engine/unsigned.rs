//! The reason for an image without a signature: with `mirrorsOnly`, the mirrors lack it, and it may be at the registry.

use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use countersign_core::name::Repository;
use countersign_core::verdict;
use countersign_core::verdict::Code;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Remedy;
use countersign_registry::ListedLocation;
use countersign_registry::Registries;

/// Most mirrors in a message.
const LISTED: usize = 3;

/// The reason for an image of `repository` whose list of referrers is complete and has no signature.
pub(super) fn reason(registries: &Registries, repository: &Repository) -> Reason {
    of_locations(&registries.locations(repository))
}

fn of_locations(locations: &[ListedLocation]) -> Reason {
    if locations.iter().any(|location| location.mirror.is_none()) {
        return verdict::unsigned();
    }
    let names = locations.iter().map(|ListedLocation { mirror, repository }| match (repository, mirror) {
        (Some(repository), _) => Text::of(repository),
        (None, mirror) => mirror.clone().unwrap_or_default(),
    });
    let noun = if locations.len() == 1 { "mirror" } else { "mirrors" };
    let mirrors = Text::of(text::list(names, ", ", LISTED));
    let detail = format_args!(
        "no Notary Project signature found for this image at its {noun} {mirrors}: found none, expected at least one; mirrorsOnly is true, so \
         that the registry is not asked"
    );
    let remedy = format_args!(
        "copy the signature of the image to {mirrors}, as `oras copy --recursive` does with an image and what refers to it; if the registry \
         has none either, sign the image with notation first"
    );
    Reason::new(Code::Unsigned, detail).with_remedy(Some(Remedy::Registry(Text::of(remedy))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn location(mirror: Option<&str>, repository: &str) -> ListedLocation {
        ListedLocation { mirror: mirror.map(Text::of), repository: repository.parse().ok() }
    }

    #[test]
    fn with_mirrors_only_the_mirror_is_named_and_that_the_signature_is_copied_to_it() {
        let reason = of_locations(&[location(Some("m.example/cache"), "m.example/cache/shop")]);
        assert_eq!(
            (reason.code, reason.detail.as_str()),
            (
                Code::Unsigned,
                "no Notary Project signature found for this image at its mirror m.example/cache/shop: found none, expected at least one; \
                 mirrorsOnly is true, so that the registry is not asked"
            )
        );
        assert_eq!(
            reason.advice(),
            "copy the signature of the image to m.example/cache/shop, as `oras copy --recursive` does with an image and what refers to it; if \
             the registry has none either, sign the image with notation first"
        );
        let several =
            of_locations(&[location(Some("m.example"), ""), location(Some("n.example/c"), "n.example/c/shop")]);
        assert!(several.detail.as_str().contains(" at its mirrors m.example, n.example/c/shop: "), "{several:?}");
    }

    #[test]
    fn if_the_registry_was_asked_the_image_is_to_be_signed() {
        let registry = || location(None, "r.example/shop");
        for locations in [vec![registry()], vec![location(Some("m.example"), "m.example/shop"), registry()]] {
            assert_eq!(of_locations(&locations), verdict::unsigned());
        }
    }
}
