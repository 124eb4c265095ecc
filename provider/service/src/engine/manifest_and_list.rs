//! The manifest of an image, and the first list of its signatures: for a reference with a digest both are requested at the same time, which
//! saves a round trip.

use std::pin::pin;
use std::sync::Arc;

use countersign_core::name::ImageRef;
use countersign_core::policy::SignatureScheme;
use countersign_http::Budgeted;
use countersign_registry::Pinned;
use countersign_registry::Referrers;
use countersign_registry::RegistryError;
use countersign_registry::Subject;
use futures_util::future::Either;
use futures_util::future::select;
use tokio::time::Instant;

use super::state::Inner;
use crate::cache::Progress;

pub(super) const MANIFEST_STAGE: &str = "the image's manifest was fetched";
pub(super) const LIST_STAGE: &str = "the list of signatures was fetched";

/// The manifest that is verified.
pub(super) enum Manifest {
    /// It was read.
    Pinned(Pinned),
    /// The one that the reference names; to be read.
    Named(Arc<ImageRef>),
}

/// A list of signatures, or why there is none.
pub(super) type Listed = Result<Budgeted<Referrers>, RegistryError>;

impl Inner {
    /// Reads the manifest, with the first list of signatures if it is not needed for that. The list is about the digest that the
    /// reference names, and nothing is verified before the manifest was hashed.
    ///
    /// # Errors
    /// The manifest cannot be read, whatever the list is.
    pub(super) async fn manifest_and_list(
        &self,
        manifest: Manifest,
        scheme: SignatureScheme,
        until: Instant,
        progress: &Progress,
    ) -> Result<(Pinned, Option<Listed>), RegistryError> {
        let image = match manifest {
            Manifest::Pinned(pinned) => return Ok((pinned, None)),
            Manifest::Named(image) => image,
        };
        progress.enter(MANIFEST_STAGE);
        let pinned = pin!(self.registries.pin(&image, until));
        let Some(subject) = Subject::named(&image) else { return Ok((pinned.await?, None)) };
        let list = pin!(self.registries.first_referrers(subject, scheme.artifact_type(), until));
        // The manifest is requested first, so that it is named first if both are late.
        match select(pinned, list).await {
            Either::Left((pinned, list)) => {
                let pinned = pinned?;
                progress.enter(LIST_STAGE);
                Ok((pinned, Some(list.await)))
            }
            Either::Right((listed, pinned)) => Ok((pinned.await?, Some(listed))),
        }
    }
}
