//! The status of one certificate by OCSP ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960)).

use super::RevocationInput;
use super::crl;
use super::source::SourceStatus;
use super::texts;
use crate::evidence::EvidenceResponse;
use crate::evidence::NotAvailable;
use crate::evidence::OcspRequest;
use crate::evidence::Progress;
use crate::evidence::Sourced;
use crate::evidence::UsableUntil;
use crate::notation::evidence_fact::EvidenceFact;
use crate::notation::evidence_fact::EvidenceKind;
use crate::notation::evidence_fact::EvidenceStatus;
use crate::policy::TrustedLink;
use crate::x509::Certificate;
use crate::x509::ocsp::OcspAnswer;
use crate::x509::ocsp::OcspStatus;
use crate::x509::ocsp::Responder;
use crate::x509::ocsp::ResponderRevocation;

/// The status by OCSP. If the responder's own certificate needs a status, it is requested too.
pub(super) fn status(link: &TrustedLink<'_>, input: &RevocationInput<'_>) -> Progress<SourceStatus> {
    answer(link, input).and_then(|found| match found {
        Found::Nothing(why) => Progress::Done(SourceStatus::None { why, facts: Vec::new() }),
        Found::Answer(answer) => match answer.value().responder() {
            Responder::Issuer | Responder::Delegated { revocation: ResponderRevocation::NoCheck, .. } => {
                Progress::Done(judge(link, input, &answer))
            }
            Responder::Delegated { certificate, revocation: ResponderRevocation::StatusNeeded } => {
                responder_status(link, certificate, input).map(|checked| match checked {
                    Ok(of_responder) => judge(link, input, &answer).on(of_responder),
                    Err(why) => SourceStatus::none(why),
                })
            }
        },
    })
}

enum Found {
    Answer(Sourced<OcspAnswer>),
    /// Without a reason, the certificate names no responder.
    Nothing(Option<NotAvailable>),
}

/// The answer about a certificate, checked again.
fn answer(link: &TrustedLink<'_>, input: &RevocationInput<'_>) -> Progress<Found> {
    const EXTENSION: &str = "authorityInfoAccess";
    let Some(request) = OcspRequest::new(link) else {
        let unreadable = link.certificate().revocation_addresses().unreadable.contains(&EXTENSION);
        let why = || NotAvailable::new(format_args!("OCSP: {EXTENSION} of the certificate has no readable address"));
        return Progress::Done(Found::Nothing(unreadable.then(why)));
    };
    let request = request.into();
    let Some(response) = input.evidence.response(&request) else { return Progress::Needs(request.into()) };
    let nothing = |why: NotAvailable| Found::Nothing(Some(why));
    Progress::Done(match response {
        EvidenceResponse::NotAvailable(why) => nothing(why.of("OCSP")),
        EvidenceResponse::Crl(_) | EvidenceResponse::SignerStatus(_) => {
            nothing(NotAvailable::new("OCSP: the response is of another kind"))
        }
        EvidenceResponse::Ocsp(answer) => match check_again(link, input, answer.value()) {
            Ok(()) => Found::Answer(answer),
            Err(why) => nothing(texts::unusable("OCSP", answer.url(), why)),
        },
    })
}

/// Checks that a kept answer belongs to the certificate and its issuer, and is current.
fn check_again(link: &TrustedLink<'_>, input: &RevocationInput<'_>, answer: &OcspAnswer) -> Result<(), String> {
    if !answer.covers(link.certificate(), link.issuer()) {
        return Err("the response is about another certificate".to_owned());
    }
    answer.check_time(input.now, &input.settings.ocsp()).map_err(|error| error.to_string())
}

/// The evidence for the status of a delegated responder without id-pkix-ocsp-nocheck; an error unless it is known not to be
/// revoked. Only an answer that needs no further status counts, otherwise a CRL.
fn responder_status(
    link: &TrustedLink<'_>,
    responder: &Certificate,
    input: &RevocationInput<'_>,
) -> Progress<Result<Vec<EvidenceFact>, NotAvailable>> {
    // A responder signs now. So a signing time does not excuse its revocation, whatever its invalidity date.
    let input = &RevocationInput { authentic_signing_time: None, ..*input };
    let name = texts::name(responder);
    let unusable = {
        let name = name.clone();
        move |why: &dyn std::fmt::Display| {
            NotAvailable::new(format_args!("OCSP: status of the responder {name} is not known: {why}"))
        }
    };
    let Some(own) = link.sibling(responder) else {
        return Progress::Done(Err(unusable(&"it is not issued by the issuer of the certificate")));
    };
    answer(&own, input).and_then(|found| {
        let by_ocsp = match found {
            Found::Nothing(why) => SourceStatus::None { why, facts: Vec::new() },
            Found::Answer(answer) => match answer.value().responder() {
                Responder::Issuer | Responder::Delegated { revocation: ResponderRevocation::NoCheck, .. } => {
                    judge(&own, input, &answer)
                }
                Responder::Delegated { revocation: ResponderRevocation::StatusNeeded, .. } => SourceStatus::none(
                    NotAvailable::new("OCSP: it is answered by a responder whose own status is not known"),
                ),
            },
        };
        let by_either = match by_ocsp {
            known @ (SourceStatus::Good(_) | SourceStatus::Revoked { .. }) => Progress::Done(known),
            SourceStatus::None { why, .. } => crl::status(&own, input).map(|by_crl| match by_crl {
                known @ (SourceStatus::Good(_) | SourceStatus::Revoked { .. }) => known,
                SourceStatus::None { why: why_no_crl, facts } => SourceStatus::None { why: why_no_crl.or(why), facts },
            }),
        };
        by_either.map(|status| match status {
            SourceStatus::Good(facts) => Ok(facts),
            SourceStatus::Revoked { text, .. } => {
                Err(NotAvailable::new(format_args!("OCSP: the responder {name} is revoked: found {text}")))
            }
            SourceStatus::None { why: Some(why), .. } => Err(unusable(&why)),
            SourceStatus::None { why: None, .. } => {
                Err(unusable(&"it has neither id-pkix-ocsp-nocheck nor an address to check"))
            }
        })
    })
}

/// What a usable answer states about the certificate.
fn judge(link: &TrustedLink<'_>, input: &RevocationInput<'_>, answer: &Sourced<OcspAnswer>) -> SourceStatus {
    let (certificate, value) = (link.certificate(), answer.value());
    let fact = |status| EvidenceFact {
        kind: EvidenceKind::Ocsp,
        certificate: certificate.subject().to_text(),
        status,
        url: answer.url().clone(),
        fetched: answer.fetched(),
        this_update: value.this_update(),
        next_update: value.next_update(),
        usable_until: UsableUntil::of_ocsp(answer, input.settings),
    };
    match *value.status() {
        OcspStatus::Good => match value.drops_ended(certificate.not_after()) {
            Some(since) => SourceStatus::None {
                why: Some(texts::unusable("OCSP", answer.url(), texts::dropped(certificate, since))),
                facts: vec![fact(EvidenceStatus::Unknown)],
            },
            None => SourceStatus::Good(vec![fact(EvidenceStatus::Good)]),
        },
        OcspStatus::Revoked { invalidity, .. } if input.is_excused(invalidity) => {
            SourceStatus::Good(vec![fact(EvidenceStatus::Revoked)])
        }
        OcspStatus::Revoked { at, reason, invalidity: _ } => {
            let fact = fact(EvidenceStatus::Revoked);
            SourceStatus::Revoked { text: texts::revoked(certificate, at, reason, &fact), facts: vec![fact] }
        }
        OcspStatus::Unknown => SourceStatus::None {
            why: Some(texts::unusable("OCSP", answer.url(), "the responder does not know the certificate")),
            facts: vec![fact(EvidenceStatus::Unknown)],
        },
    }
}
