//! What `--online` has tried.

use std::cmp::Ordering;

use super::Page;
use crate::cli::check::tried_images::PartResult;
use crate::cli::check::tried_images::SignerStatus;
use crate::cli::check::tried_images::TriedImage;
use crate::cli::usable::usable;
use crate::evidence::Survey;
use crate::evidence::TriedAddress;
use crate::runtime::aws::AwsSurvey;
use crate::runtime::aws::TriedSigner;
use crate::runtime::tokens::TriedToken;

impl Page {
    pub(super) fn online(&mut self, survey: &Survey, images: &[TriedImage]) {
        self.0.push('\n');
        if survey.tried.is_empty() {
            let nothing = if images.is_empty() {
                "no certificate of the trust stores names an address that can be tried; for those of signers, use --image \
                 IMAGE, or `countersign inspect IMAGE`"
            } else {
                "no certificate of the trust stores or of the images names an address that can be tried"
            };
            self.line("evidence", nothing);
        }
        for TriedAddress { certificate, issuer, image, kind, url, result } in &survey.tried {
            let about = match certificate {
                Some(certificate) => format!("for {certificate}"),
                None => format!("of {issuer}"),
            };
            let source = image.as_ref().map_or_else(String::new, |image| format!(", needed for {image}"));
            self.line("evidence", format_args!("{} at {url}, {about}{source}", kind.as_str()));
            match result {
                Ok(until) => self.line("  usable", usable(until)),
                Err(why) => self.line("  unusable", why),
            }
        }
    }

    pub(super) fn tried_image(&mut self, image: &TriedImage) {
        self.0.push('\n');
        let role = image.role.as_ref().map_or_else(String::new, |role| format!(", with the token of {role}"));
        self.line("image", format_args!("{}{role}", image.image));
        image.location.iter().for_each(|location| self.line("  read at", location));
        for (part, result) in image.parts() {
            let name = format!("  {}", part.as_str());
            let permission = image.permission(part);
            let permission = permission.map_or_else(String::new, |permission| format!(" (needs {permission})"));
            match result {
                PartResult::Read(digest) => self.line(&name, format_args!("{digest} was read{permission}")),
                PartResult::Failed(why) => self.line(&name, why),
                PartResult::NotTried(why) => self.line(&name, format_args!("not tried{permission}: {why}")),
            }
        }
        for SignerStatus { profile, status, usable_until } in &image.signer {
            let status = format_args!("{} for {profile}, usable {}", status.as_str(), usable(usable_until));
            self.line("  AWS Signer", status);
        }
    }

    pub(super) fn aws(&mut self, AwsSurvey { source, tokens, signer, clock_difference }: &AwsSurvey) {
        self.tokens(tokens);
        if let Some(source) = source {
            self.line("pod", format_args!("credentials from {source}"));
        }
        signer.iter().for_each(|signer| self.signer(signer));
        if let Some(ahead) = clock_difference {
            let seconds = ahead.unsigned_abs();
            match ahead.cmp(&0) {
                Ordering::Equal => self.line("clock", "as that of AWS"),
                Ordering::Greater => self.line("clock", format_args!("{seconds} s ahead of that of AWS")),
                Ordering::Less => self.line("clock", format_args!("{seconds} s behind that of AWS")),
            }
        }
    }

    /// The tokens for registries of one cloud.
    pub(super) fn tokens(&mut self, tokens: &[TriedToken]) {
        self.0.push('\n');
        for TriedToken { registry, role, result } in tokens {
            self.line("token", format_args!("for {registry}, {role}"));
            match result {
                Ok(Some(end)) => self.line("  issued", format_args!("until {end}")),
                Ok(None) => self.line("  issued", "without an end"),
                Err(why) => self.line("  not issued", why),
            }
        }
    }

    fn signer(&mut self, TriedSigner { region, address, profile, result }: &TriedSigner) {
        let region = region.as_ref().map_or_else(String::new, |region| format!(", {region}"));
        self.line("AWS Signer", format_args!("{address}{region}"));
        match result {
            Ok(None) => {
                let about = match profile {
                    Some(profile) => profile.as_str(),
                    None => "a made-up one, as the trust policy names none that is asked here",
                };
                self.line("  answered", "the permission signer:GetRevocationStatus is there");
                self.line("  profile", about);
            }
            Ok(Some(refusal)) => {
                self.line(
                    "  reached",
                    format_args!("it refuses a signature that does not exist, and not the permission: {refusal}"),
                );
            }
            Err(why) => self.line("  unusable", why),
        }
    }
}
