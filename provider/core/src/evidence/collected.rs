//! Evidence of all rounds, and the progress of a judgement with it.

use super::EvidenceRequest;
use super::EvidenceResponse;
use super::NotAvailable;
use super::Requests;

/// The responses collected for one judgement.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    responses: Vec<(EvidenceRequest, EvidenceResponse)>,
    rounds: usize,
}

/// The progress of a judgement with the available evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress<T> {
    /// The result.
    Done(T),
    /// Evidence that is needed first.
    Needs(Requests),
}

impl Evidence {
    /// Maximum number of request rounds in one judgement. The longest sequence is the OCSP response; the status of its
    /// responder, which is an OCSP response, otherwise a CRL with its delta; and if all that fails the CRL of the
    /// certificate with its delta. Requests after the last round count as not available.
    pub const ROUNDS: usize = 6;

    /// No evidence.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds the responses of one round, in the order of the requests. A request without a response is not available.
    pub fn add_round(&mut self, requests: &Requests, responses: impl IntoIterator<Item = EvidenceResponse>) {
        let missing = || EvidenceResponse::NotAvailable(NotAvailable::new("there was no response"));
        let mut responses = responses.into_iter();
        self.responses
            .extend(requests.iter().map(|request| (request.clone(), responses.next().unwrap_or_else(missing))));
        self.rounds += 1;
    }

    /// The response to a request; `None` if the request was not made and can still be made.
    pub(crate) fn response(&self, request: &EvidenceRequest) -> Option<EvidenceResponse> {
        let known = self.responses.iter().find(|(other, _)| other == request);
        let used_up = self.rounds >= Self::ROUNDS;
        known.map(|(_, response)| response.clone()).or_else(|| {
            let rounds = Self::ROUNDS;
            used_up.then(|| {
                EvidenceResponse::NotAvailable(NotAvailable::new(format_args!(
                    "it was requested after the limit of {rounds} rounds of requests"
                )))
            })
        })
    }
}

impl<T> Progress<T> {
    /// Maps the result.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Progress<U> {
        match self {
            Self::Done(value) => Progress::Done(with(value)),
            Self::Needs(requests) => Progress::Needs(requests),
        }
    }

    /// Continues with the result.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Progress<U>) -> Progress<U> {
        match self {
            Self::Done(value) => next(value),
            Self::Needs(requests) => Progress::Needs(requests),
        }
    }

    /// Combines two judgements. The requests of both are sent in one round.
    pub fn zip<U>(self, other: Progress<U>) -> Progress<(T, U)> {
        match (self, other) {
            (Self::Done(one), Progress::Done(other)) => Progress::Done((one, other)),
            (Self::Needs(requests), Progress::Done(_)) | (Self::Done(_), Progress::Needs(requests)) => {
                Progress::Needs(requests)
            }
            (Self::Needs(one), Progress::Needs(other)) => Progress::Needs(one.merge(other)),
        }
    }
}

impl<T> FromIterator<Progress<T>> for Progress<Vec<T>> {
    /// Combines all judgements. Their requests are sent in one round.
    fn from_iter<I: IntoIterator<Item = Progress<T>>>(all: I) -> Self {
        let start = Self::Done(Vec::new());
        all.into_iter().fold(start, |done, next| {
            done.zip(next).map(|(mut values, value)| {
                values.push(value);
                values
            })
        })
    }
}
