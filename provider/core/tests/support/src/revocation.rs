//! Evidence about revocation from lists and responses by address, read as a fetcher reads it.

use std::collections::BTreeMap;

use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::EvidenceSettings;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::Sourced;
use countersign_core::time::UnixTime;

/// What each address answers. Other addresses do not.
#[derive(Clone, Debug)]
pub struct Sources {
    answers: BTreeMap<String, Vec<u8>>,
    /// Why the other addresses do not answer.
    failure: String,
    settings: EvidenceSettings,
    now: UnixTime,
}

impl Default for Sources {
    fn default() -> Self {
        Self::new()
    }
}

impl Sources {
    /// No answers, at the time of [`crate::judge::Judge::about`].
    pub fn new() -> Self {
        Self {
            answers: BTreeMap::new(),
            failure: "connection refused".to_owned(),
            settings: EvidenceSettings::default(),
            now: UnixTime::from_rfc3339("2026-11-21T12:00:00Z").unwrap(),
        }
    }

    /// The address answers with these bytes: a CRL or an OCSP response.
    pub fn with(mut self, url: &str, answer: Vec<u8>) -> Self {
        self.answers.insert(url.to_owned(), answer);
        self
    }

    /// Why the other addresses do not answer, in place of "connection refused".
    pub fn failure(mut self, why: &str) -> Self {
        why.clone_into(&mut self.failure);
        self
    }

    pub fn settings(mut self, settings: EvidenceSettings) -> Self {
        self.settings = settings;
        self
    }

    pub fn at(mut self, time: &str) -> Self {
        self.now = UnixTime::from_rfc3339(time).unwrap();
        self
    }

    /// The first usable answer of the addresses, otherwise the reasons of all.
    pub fn respond(&self, request: &EvidenceRequest) -> EvidenceResponse {
        let (now, settings) = (self.now, &self.settings);
        match request {
            EvidenceRequest::Crl(request) => self.first(request.urls(), |url, bytes| {
                let crl = request.read(bytes.to_vec(), now, settings).map_err(|error| error.to_string())?;
                Ok(EvidenceResponse::Crl(Sourced::new(crl, url, now)))
            }),
            EvidenceRequest::Ocsp(request) => self.first(request.urls(), |url, bytes| {
                let answer = request.read(bytes, None, now, settings).map_err(|error| error.to_string())?;
                Ok(EvidenceResponse::Ocsp(Sourced::new(answer, url, now)))
            }),
            EvidenceRequest::SignerStatus(_) => {
                EvidenceResponse::NotAvailable(NotAvailable::signer_service_not_called())
            }
        }
    }

    fn first(
        &self,
        urls: &[String],
        read: impl Fn(&str, &[u8]) -> Result<EvidenceResponse, String>,
    ) -> EvidenceResponse {
        let mut failed = Vec::new();
        for url in urls {
            let answer = self.answers.get(url).ok_or_else(|| self.failure.clone());
            match answer.and_then(|bytes| read(url, bytes)) {
                Ok(response) => return response,
                Err(why) => failed.push(format!("{url}: {why}")),
            }
        }
        EvidenceResponse::NotAvailable(NotAvailable::new(failed.join("; ")))
    }
}
