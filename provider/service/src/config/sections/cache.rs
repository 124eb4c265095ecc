//! Section `cache`.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::ImageRef;

use super::HOUR;
use super::MIB;
use super::MINUTE;
use super::images::Images;
use super::seconds;
use crate::config::schema::Number;
use crate::config::schema::Size;
use crate::config::schema::Time;
use crate::config::schema::section;

section! {
    /// Section `cache`.
    pub Cache {
        /// Memory for cached verdicts, an eighth of it for rejections, so that these cannot evict others, and for the names of images that
        /// were verified last. 0 caches nothing. The default is enough for some thousand images, which are more than most clusters run,
        /// with a twentieth of the container's memory.
        verdict_bytes "verdictBytes": usize = Size::of(16 * MIB, 0, 4096 * MIB);
        /// How long a verdict is cached; less where the signature, its certificates or the revocation information that it
        /// stands on end before. A changed policy or store has verdicts of its own. Danger: a revocation is noticed this much later. The
        /// default adds little to the hour of evidence.refreshInterval, and an image in use costs its registry one verification in
        /// this time, which no request waits for.
        verdict_lifetime "verdictLifetime": Duration = Time::of(seconds(300), Duration::ZERO, seconds(24 * HOUR.as_secs()));
        /// The same for a rejection: how long a signature may go unnoticed that is pushed after the image was first verified. Also
        /// for an image that is admitted although a check could not be made. The default is enough for the pods of one rollout, which
        /// are created within seconds, and whoever signs the image afterwards need not wait.
        rejected_lifetime "rejectedLifetime": Duration = Time::of(seconds(5), Duration::ZERO, seconds(10 * MINUTE.as_secs()));
        /// How long a tag is taken to mean the same digest. After that time the tag is checked at the registry: by a HEAD
        /// request, which registries do not count as a pull, if this process has read the tag before. The default is enough for the
        /// mutation and the verification of the pods of one rollout, and a tag that is moved counts a few seconds later.
        tag_lifetime "tagLifetime": Duration = Time::of(seconds(5), Duration::ZERO, seconds(10 * MINUTE.as_secs()));
        /// After a change of the trust policy, a trust store or the configuration, so many of the images that were verified last are verified
        /// again in the background, so that the first request for each does not wait for its registry: 20 images a second at
        /// most, usually with four requests each. 0 verifies none. With the default that takes ten seconds; an image that is left out
        /// is verified when it is asked for.
        verify_again "verifyAgain": usize = Number::of(200, 0, 1000);
        /// Images that are verified in the background when the process starts. Readiness does not wait for them. One that could not be
        /// checked is verified again after 10 seconds, one minute and five minutes, so that a registry which starts together with this
        /// process does not matter. An image that is not verified in the end is a warning in the log. None unless configured: which
        /// images matter to a cluster is known to its operator only.
        images_at_start "imagesAtStart": Vec<Arc<ImageRef>> = Images { most: 100 };
    }
}
