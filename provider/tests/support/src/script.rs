//! A scripted verifier: the repository decides the verdict.

use std::sync::Arc;
use std::sync::Mutex;

use countersign::engine::ImageResult;
use countersign::engine::PolicySnapshot;
use countersign::engine::VerificationRequest;
use countersign::engine::Verifier;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Skipped;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

/// The digest of every image.
pub const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// The first part of the path decides: `skipped`, `rejected`, `undecided`, `never` (no end), `panics`, `gated` (skipped,
/// when released).
#[derive(Default)]
pub struct Script {
    pub release: Arc<Notify>,
    /// Notified when a gated image is requested.
    pub reached: Arc<Notify>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    /// Every requested image, expanded, sorted.
    pub fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }

    fn word(&self, image: &ImageRef) -> String {
        self.asked.lock().unwrap().push(image.to_string());
        image.repository().path().split('/').next().unwrap_or_default().to_owned()
    }
}

fn digest() -> Digest {
    Digest::of(DigestAlgorithm::Sha256, b"{}")
}

fn throttled() -> Reason {
    Reason::new(Code::RegistryTimeout, "no response within 500ms, expected a manifest")
}

impl Verifier for Script {
    fn snapshot(&self) -> PolicySnapshot {
        PolicySnapshot::default()
    }

    fn verify(&self, request: VerificationRequest) -> BoxFuture<'static, ImageResult> {
        let word = self.word(&request.image);
        let (release, reached) = (Arc::clone(&self.release), Arc::clone(&self.reached));
        async move {
            let skipped = || ImageVerdict::Skipped(Skipped { statement: "mirror".into() });
            let verdict = match word.as_str() {
                "skipped" => skipped(),
                "rejected" => ImageVerdict::none_verified("all".into(), Default::default(), None),
                "undecided" => ImageVerdict::from_reason(None, throttled()),
                "never" => std::future::pending().await,
                "panics" => panic!("on purpose"),
                "gated" => {
                    reached.notify_one();
                    release.notified().await;
                    skipped()
                }
                other => panic!("no script for {other}"),
            };
            ImageResult { digest: Some(digest()), verdict: verdict.into(), cached: false }
        }
        .boxed()
    }

    fn resolve(&self, request: VerificationRequest) -> BoxFuture<'static, Result<Digest, Reason>> {
        let word = self.word(&request.image);
        async move {
            match word.as_str() {
                "undecided" => Err(throttled()),
                "never" => std::future::pending().await,
                "panics" => panic!("on purpose"),
                _ => Ok(digest()),
            }
        }
        .boxed()
    }
}
