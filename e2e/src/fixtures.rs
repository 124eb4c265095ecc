//! The images of the run, pushed and signed before the cases, and the trust policy for them.

use serde_json::Value;
use serde_json::json;

use crate::hostile_registry::HostileRegistry;
use crate::images::Image;
use crate::notation::Format;
use crate::notation::Notation;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::registries::Registry;
use crate::transcript::Transcript;

/// Images, named by their case; repositories have the same names.
pub(crate) struct Fixtures {
    pub(crate) jws: Image,
    pub(crate) cose: Image,
    pub(crate) unsigned: Image,
    /// Signed under a root that is not trusted.
    pub(crate) untrusted: Image,
    /// Signed by another identity of the trusted root.
    pub(crate) intern: Image,
    /// Its signature expired after a second.
    pub(crate) expired: Image,
    /// Has the signature of `jws`.
    pub(crate) copied: Image,
    /// Has two signatures: an untrusted one and a valid one.
    pub(crate) both: Image,
    /// Validly signed, in a repository without a statement.
    pub(crate) uncovered: Image,
    /// Not signed, in a repository that the policy skips.
    pub(crate) skipped: Image,
    /// Validly signed. Not verified before the programs are stopped, so that no verdict is cached.
    pub(crate) provider_down: Image,
    pub(crate) registry_down: Image,
    /// Signed by the two identities of the root. Not verified before the policy changes, so that no verdict is cached.
    pub(crate) beside_silent: Image,
    pub(crate) beside_large: Image,
    pub(crate) release_later: Image,
    pub(crate) intern_later: Image,
    /// Validly signed, in repositories of broken statements.
    pub(crate) broken_store: Image,
    pub(crate) broken_statement: Image,
    /// Signed by the intern. Verified only while other statements are broken, so that no verdict is cached before.
    pub(crate) beside_broken: Image,
    pub(crate) fallback_jws: Image,
    pub(crate) fallback_cose: Image,
    pub(crate) fallback_unsigned: Image,
    /// Its fallback tag points to the image itself, as in registries that treat the tag as the digest.
    pub(crate) fallback_itself: Image,
    /// Validly signed. Not verified before the other registry is stopped, so that no verdict is cached.
    pub(crate) fallback_later: Image,
    /// Repositories of the hostile registry.
    hostile: [String; 2],
}

impl Fixtures {
    /// Pushes to `referrers`, a registry with the referrers API, and to `fallback`, one without.
    pub(crate) fn push(
        referrers: &Registry,
        fallback: &Registry,
        notation: &Notation,
        hostile: &HostileRegistry,
        transcript: &Transcript,
    ) -> anyhow::Result<Self> {
        let push = |repository: &str| Image::push(referrers, repository);
        let push_fallback = |repository: &str| Image::push(fallback, repository);
        let fixtures = Self {
            jws: push("shop/jws")?,
            cose: push("shop/cose")?,
            unsigned: push("shop/unsigned")?,
            untrusted: push("shop/untrusted")?,
            intern: push("shop/intern")?,
            expired: push("shop/expired")?,
            copied: push("shop/copied")?,
            both: push("shop/both")?,
            uncovered: push("elsewhere/uncovered")?,
            skipped: push("mirror/skipped")?,
            provider_down: push("shop/provider-down")?,
            registry_down: push("shop/registry-down")?,
            beside_silent: push("shop/beside-silent")?,
            beside_large: push("shop/beside-large")?,
            release_later: push("shop/release-later")?,
            intern_later: push("shop/intern-later")?,
            broken_store: push("team/broken-store")?,
            broken_statement: push("team/broken-statement")?,
            beside_broken: push("shop/beside-broken")?,
            fallback_jws: push_fallback("shop/fallback-jws")?,
            fallback_cose: push_fallback("shop/fallback-cose")?,
            fallback_unsigned: push_fallback("shop/fallback-unsigned")?,
            fallback_itself: push_fallback("shop/fallback-itself")?,
            fallback_later: push_fallback("shop/fallback-later")?,
            hostile: hostile.scopes(),
        };
        fixtures.sign(referrers, fallback, notation, transcript)?;
        fixtures.fallback_itself.tag_as_fallback()?;
        fixtures.copied.copy_signature_from(referrers, &fixtures.jws)?;
        transcript.note(&format!("the signature of {} is copied to {}", fixtures.jws.scope(), fixtures.copied.scope()));
        Ok(fixtures)
    }

    /// Signs with notation.
    fn sign(
        &self,
        referrers: &Registry,
        fallback: &Registry,
        notation: &Notation,
        transcript: &Transcript,
    ) -> anyhow::Result<()> {
        for (registry, image, signer, format, expiry) in [
            (referrers, &self.expired, Signer::Release, Format::Jws, Some("1s")),
            (referrers, &self.jws, Signer::Release, Format::Jws, None),
            (referrers, &self.cose, Signer::Release, Format::Cose, Some("12h")),
            (referrers, &self.untrusted, Signer::Untrusted, Format::Jws, None),
            (referrers, &self.intern, Signer::Intern, Format::Cose, None),
            (referrers, &self.both, Signer::Untrusted, Format::Cose, None),
            (referrers, &self.both, Signer::Release, Format::Jws, None),
            (referrers, &self.uncovered, Signer::Release, Format::Jws, None),
            (referrers, &self.provider_down, Signer::Release, Format::Jws, None),
            (referrers, &self.registry_down, Signer::Release, Format::Cose, None),
            (referrers, &self.beside_silent, Signer::Release, Format::Jws, None),
            (referrers, &self.beside_large, Signer::Release, Format::Cose, None),
            (referrers, &self.release_later, Signer::Release, Format::Jws, None),
            (referrers, &self.intern_later, Signer::Intern, Format::Jws, None),
            (referrers, &self.broken_store, Signer::Release, Format::Jws, None),
            (referrers, &self.broken_statement, Signer::Release, Format::Jws, None),
            (referrers, &self.beside_broken, Signer::Intern, Format::Cose, None),
            (fallback, &self.fallback_jws, Signer::Release, Format::Jws, None),
            (fallback, &self.fallback_cose, Signer::Release, Format::Cose, None),
            (fallback, &self.fallback_later, Signer::Release, Format::Jws, None),
        ] {
            let (line, output) = notation.sign(registry, image, signer, format, expiry)?;
            transcript.command(&line, &output);
        }
        Ok(())
    }

    /// The trust policy for both verifiers: one statement that verifies, one that skips, and none for the rest. It
    /// trusts one identity under the root of the trust store.
    pub(crate) fn policy(&self, trusted: Signer) -> Value {
        let verified = [
            &self.jws,
            &self.cose,
            &self.unsigned,
            &self.untrusted,
            &self.intern,
            &self.expired,
            &self.copied,
            &self.both,
            &self.provider_down,
            &self.registry_down,
            &self.beside_silent,
            &self.beside_large,
            &self.release_later,
            &self.intern_later,
            &self.beside_broken,
            &self.fallback_jws,
            &self.fallback_cose,
            &self.fallback_unsigned,
            &self.fallback_itself,
            &self.fallback_later,
        ];
        json!({
            "version": "1.0",
            "trustPolicies": [
                {
                    "name": "shop",
                    "registryScopes": verified.map(Image::scope).iter().chain(&self.hostile).collect::<Vec<_>>(),
                    "signatureVerification": { "level": "strict" },
                    "trustStores": [format!("ca:{STORE}")],
                    "trustedIdentities": [trusted.trusted_identity()],
                },
                {
                    "name": "mirror",
                    "registryScopes": [self.skipped.scope()],
                    "signatureVerification": { "level": "skip" },
                },
            ],
        })
    }
}
