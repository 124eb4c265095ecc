//! Images whose verdicts are known.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;

use crate::expectations::Condition;
use crate::expectations::Image;
use crate::expectations::Kind;
use crate::expectations::Verdict;

/// Images of each kind that exist from the start, half of them by tag and half by digest.
const IMAGES: usize = 20;

/// Tags that move.
pub(crate) const TAGS: usize = 20;

/// The repositories for which the trust policy has statements of their own.
pub(crate) const MOVES: &str = "moves";
pub(crate) const LEVEL: &str = "level";

/// The repository whose tags move.
const TAGGED: &str = "tagged";

/// Who has signed an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signer {
    /// Its root is always in the store `main`.
    First,
    /// Its root is in the store `main` at times.
    Second,
    /// Its root is in the store `other`.
    Other,
    /// Its root is in no store.
    Stranger,
}

/// The authorities of signers.
pub(crate) struct Signers {
    pub(crate) first: Authority,
    pub(crate) second: Authority,
    pub(crate) other: Authority,
    leaves: [Chain; 4],
}

impl Signers {
    pub(crate) fn new() -> Self {
        let root = |name| Authority::root(CertSpec::root().common_name(name));
        let (first, second, other) = (root("first"), root("second"), root("other"));
        let leaves = [&first, &second, &other, &root("stranger")].map(|root| root.issue(CertSpec::leaf()));
        Self { first, second, other, leaves }
    }

    fn sign(&self, registry: &Registry, repository: &str, image: &countersign_testkit::Descriptor, signer: Signer) {
        let leaf = match signer {
            Signer::First => &self.leaves[0],
            Signer::Second => &self.leaves[1],
            Signer::Other => &self.leaves[2],
            Signer::Stranger => &self.leaves[3],
        };
        notation::sign_image(registry, repository, image, leaf);
    }

    /// Pushes an image, with a signature if there is a signer.
    fn push(
        &self,
        registry: &Registry,
        (repository, tag): (&str, &str),
        signer: Option<Signer>,
        by_tag: bool,
    ) -> Image {
        let image = registry.push_image(repository, tag);
        if let Some(signer) = signer {
            self.sign(registry, repository, &image, signer);
        }
        let verdict = if signer.is_some() { Verdict::Verified } else { Verdict::Rejected };
        let (reference, digest) = (registry.reference(repository, &image), image.digest);
        let reference = if by_tag { format!("{}/{repository}:{tag}", registry.host()) } else { reference };
        Image { reference, kind: Kind::Always(verdict), digest, known_until: None }
    }

    /// [`IMAGES`] of each kind, and the tags that move.
    pub(crate) fn images(&self, registry: &Registry) -> Vec<Image> {
        use Verdict::Rejected;
        use Verdict::Skipped;
        use Verdict::Verified;
        let during = |condition, verdicts| Kind::While(condition, verdicts);
        let kinds = [
            ("shop", "signed", Some(Signer::First), Kind::Always(Verified)),
            ("shop", "second", Some(Signer::Second), during(Condition::SecondRoot, [Verified, Rejected])),
            ("shop", "stranger", Some(Signer::Stranger), Kind::Always(Rejected)),
            ("shop", "unsigned", None, Kind::Always(Rejected)),
            (MOVES, "first", Some(Signer::First), during(Condition::MainStore, [Verified, Rejected])),
            (MOVES, "other", Some(Signer::Other), during(Condition::MainStore, [Rejected, Verified])),
            (LEVEL, "signed", Some(Signer::First), during(Condition::Strict, [Verified, Skipped])),
            (LEVEL, "unsigned", None, during(Condition::Strict, [Rejected, Skipped])),
        ];
        let of_number = |number: usize| {
            kinds.iter().map(move |(repository, tag, signer, kind)| {
                let repository = match *repository {
                    "shop" => format!("shop/{}", number % 10),
                    other => other.to_owned(),
                };
                // The halves by tag and by digest are both in all of the ten repositories.
                let by_tag = number < IMAGES / 2;
                let image = self.push(registry, (&repository, &format!("{tag}-{number}")), *signer, by_tag);
                Image { kind: kind.clone(), ..image }
            })
        };
        (0..IMAGES).flat_map(of_number).chain((0..TAGS).map(|number| self.tag(registry, number))).collect()
    }

    /// The tag of a signed image, which can be that of an unsigned image too.
    fn tag(&self, registry: &Registry, number: usize) -> Image {
        let tag = format!("v{number}");
        let unsigned = registry.push_image(TAGGED, &tag).digest;
        let signed = self.push(registry, (TAGGED, &tag), Some(Signer::First), true);
        Image { kind: Kind::MovedTag(number, unsigned), ..signed }
    }

    /// A new image. Of four, one is unsigned, and two are by tag.
    pub(crate) fn fresh(&self, registry: &Registry) -> Image {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let signer = if number % 4 == 3 { None } else { Some(Signer::First) };
        self.push(
            registry,
            (&format!("fresh/{}", number % 10), &format!("v{number}")),
            signer,
            number.is_multiple_of(2),
        )
    }
}

/// Moves the tags that move to their signed or to their unsigned images.
pub(crate) fn move_tags(registry: &Registry, images: &[Image], is_signed: bool) {
    for image in images {
        match &image.kind {
            Kind::MovedTag(number, unsigned) => {
                let digest = if is_signed { &image.digest } else { unsigned };
                registry.tag(TAGGED, &format!("v{number}"), digest);
            }
            Kind::Always(_) | Kind::While(_, _) => {}
        }
    }
}
