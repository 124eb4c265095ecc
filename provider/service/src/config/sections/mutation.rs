//! Section `mutation`.

use crate::config::schema::Flag;
use crate::config::schema::section;

section! {
    /// Section `mutation`.
    pub Mutation {
        /// What the endpoints of mutation write for an image with a tag: name@digest, or with `true` name:tag@digest, so that
        /// people and GitOps tools still see the tag. The digest alone decides which image runs and which signatures are
        /// verified; the tag is not compared with it. An image without a tag gets none. A reference that has a digest already
        /// stays unchanged in both cases.
        keep_tag "keepTag": bool = Flag(false);
        /// Whether the endpoints of mutation start the verification of an image, which is expected next: it joins the work, or finds the
        /// verdict. At most a quarter of server.maxConcurrentKeys at a time.
        verify_ahead "verifyAhead": bool = Flag(true);
    }
}
