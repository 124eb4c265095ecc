//! Replaces the server certificate and the client authorities.

use anyhow::ensure;

use super::CLIENT;
use super::RELOAD;
use super::Rotation;
use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::transcript::Transcript;
use crate::wait;

impl Rotation<'_> {
    pub(super) fn server_certificate(
        &mut self,
        transcript: &mut Transcript,
        authority: &Authority,
    ) -> anyhow::Result<()> {
        let server = authority.issue(&CLIENT, Usage::Server)?;
        self.tls.replace(&[("tls.crt", &server.certificate), ("tls.key", &server.key)])?;
        self.environment.workdir.write("rotation/new-authority.pem", authority.certificate())?;
        let result = wait::until("the new certificate", RELOAD, || self.probe("new-authority.pem", "identity.pem"));
        transcript.verdict("certificate and key are replaced by those of another authority", result);
        self.wait_for_replies()
    }

    pub(super) fn client_authority(
        &mut self,
        transcript: &mut Transcript,
        old: &Authority,
        new: &Authority,
    ) -> anyhow::Result<()> {
        let workdir = self.environment.workdir;
        let before = std::fs::read(&self.identity)?;
        workdir.write("rotation/old-identity.pem", before)?;
        let client = new.issue(&CLIENT, Usage::ServerAndClient)?;
        let next = workdir.write("rotation/next-identity.pem", client.certificate.clone() + &client.key)?;
        self.client_ca.replace(&[("ca.crt", &(old.certificate() + &new.certificate()))])?;
        let result = wait::until("the second authority", RELOAD, || {
            self.probe("authorities.pem", "next-identity.pem")?;
            self.probe("authorities.pem", "old-identity.pem")
        });
        transcript.verdict("with two client authorities clients of both get responses", result);

        std::fs::rename(next, &self.identity)?;
        self.wait_for_replies()?;
        self.client_ca.replace(&[("ca.crt", &new.certificate())])?;
        let result = wait::until("the end of the old authority", RELOAD, || {
            let answered = self.probe("authorities.pem", "old-identity.pem").is_ok();
            ensure!(!answered, "a client of the old authority gets a response");
            self.probe("authorities.pem", "identity.pem")
        });
        transcript.verdict("after the first is removed only clients of the second do", result);
        self.wait_for_replies()
    }
}
