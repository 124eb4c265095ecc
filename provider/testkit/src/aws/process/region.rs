//! The services of another region, for clients that must not confuse the two.

use crate::aws::blob_store::BlobStore;
use crate::aws::ecr_api::EcrApi;
use crate::aws::ecr_registry::EcrRegistry;
use crate::aws::ecr_tokens::EcrTokens;
use crate::aws::setup::Setup;
use crate::aws::signer_data::SignerData;

/// The services that differ by region.
pub(super) struct OtherRegion {
    pub(super) signer: SignerData,
    pub(super) api: EcrApi,
    pub(super) registry: EcrRegistry,
    pub(super) blobs: BlobStore,
}

impl OtherRegion {
    /// Starts them with the region of `setup`, each where `on` has it. `base` is the beginning of addresses of blobs.
    pub(super) async fn start(
        setup: Setup,
        on: &impl Fn(&str) -> Result<Setup, String>,
        tokens: &EcrTokens,
        base: Option<&str>,
    ) -> Result<Self, String> {
        let on = |name: &str| on(name).map(|found| setup.clone().listen(found.address));
        let blobs = BlobStore::start(&on("other-blob-store")?).await;
        if let Some(base) = base {
            blobs.set_base(base);
        }
        Ok(Self {
            signer: SignerData::start(&on("other-signer-data")?).await,
            api: EcrApi::start(&on("other-ecr-api")?, tokens).await,
            registry: EcrRegistry::start(&on("other-ecr-registry")?, tokens, &blobs).await,
            blobs,
        })
    }
}
