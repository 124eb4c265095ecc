//! The answers of all rounds, and how far a judgement came with them.

use super::EvidenceRequest;
use super::EvidenceResponse;
use super::NotAvailable;
use super::Requests;

/// The answers that were collected for one judgement.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    responses: Vec<(EvidenceRequest, EvidenceResponse)>,
    rounds: usize,
}

/// How far something came with the evidence that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress<T> {
    /// It needs nothing more.
    Done(T),
    /// It needs answers to these first.
    Needs(Requests),
}

impl Evidence {
    /// Most rounds of requests in one judgement: an OCSP response, the CRL where there is none, the delta CRL that it
    /// names, and a responder's own status. What is asked for after that is not available.
    pub const ROUNDS: usize = 4;

    /// No evidence.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes in the answers of one round, in the order of the requests. A request without an answer is not available.
    pub fn add_round(&mut self, requests: &Requests, responses: impl IntoIterator<Item = EvidenceResponse>) {
        let missing = || EvidenceResponse::NotAvailable(NotAvailable::new("no answer was given"));
        let mut responses = responses.into_iter();
        self.responses
            .extend(requests.iter().map(|request| (request.clone(), responses.next().unwrap_or_else(missing))));
        self.rounds += 1;
    }

    /// The answer to a request; none if it was not asked for and may be.
    pub(crate) fn response(&self, request: &EvidenceRequest) -> Option<EvidenceResponse> {
        let known = self.responses.iter().find(|(other, _)| other == request);
        let used_up = self.rounds >= Self::ROUNDS;
        known.map(|(_, response)| response.clone()).or_else(|| {
            let rounds = Self::ROUNDS;
            used_up.then(|| {
                EvidenceResponse::NotAvailable(NotAvailable::new(format_args!(
                    "it is asked for after {rounds} rounds of requests"
                )))
            })
        })
    }
}

impl<T> Progress<T> {
    /// The same with what `with` makes of the result.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Progress<U> {
        match self {
            Self::Done(value) => Progress::Done(with(value)),
            Self::Needs(requests) => Progress::Needs(requests),
        }
    }

    /// Both; the requests of both are made at once.
    pub fn and<U>(self, other: Progress<U>) -> Progress<(T, U)> {
        match (self, other) {
            (Self::Done(one), Progress::Done(other)) => Progress::Done((one, other)),
            (Self::Needs(requests), Progress::Done(_)) | (Self::Done(_), Progress::Needs(requests)) => {
                Progress::Needs(requests)
            }
            (Self::Needs(one), Progress::Needs(other)) => Progress::Needs(one.and(other)),
        }
    }
}

impl<T> FromIterator<Progress<T>> for Progress<Vec<T>> {
    /// All of them; the requests of all are made at once.
    fn from_iter<I: IntoIterator<Item = Progress<T>>>(all: I) -> Self {
        let start = Self::Done(Vec::new());
        all.into_iter().fold(start, |done, next| {
            done.and(next).map(|(mut values, value)| {
                values.push(value);
                values
            })
        })
    }
}
