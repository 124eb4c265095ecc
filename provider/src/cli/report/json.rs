//! The JSON document. Its members have the names of the value on `/v1/verify`. Every member is always present, except
//! `fields`, which only images of manifests have.

use countersign_core::codec::text::truncate;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Inconclusive;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Rejected;
use countersign_core::verdict::Skipped;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use serde::Serialize;

use super::Checked;
use super::text::IMAGE_BYTES;
use super::text::message;
use crate::cli::manifests::ImageField;
use crate::json_model::Checks;
use crate::json_model::Failed;
use crate::json_model::Signer;
use crate::json_model::StatementName;
use crate::json_model::UnverifiedSigner;
use crate::json_model::Warning;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    images: Vec<Image>,
}

/// One image, as an element of `images`.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Image {
    verdict: &'static str,
    code: &'static str,
    message: String,
    advice: String,
    /// The expanded reference; as written if it is no reference.
    image: String,
    /// The fields of manifests that name the image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    digest: Option<String>,
    #[serde(flatten)]
    statement: StatementName,
    signer: Option<Signer>,
    #[serde(rename = "unverifiedSigner")]
    unverified_signer: Option<UnverifiedSigner>,
    checks: Option<Checks>,
    warnings: Vec<Warning>,
    signatures: Vec<Failed>,
    #[serde(rename = "signaturesOmitted")]
    signatures_omitted: usize,
}

/// A field of a manifest.
#[derive(Debug, Serialize)]
struct Field {
    file: String,
    object: String,
    field: String,
}

impl From<&ImageField> for Field {
    fn from(ImageField { file, object, field }: &ImageField) -> Self {
        Self { file: file.clone(), object: object.clone(), field: field.clone() }
    }
}

impl From<&[Checked]> for Report {
    fn from(checked: &[Checked]) -> Self {
        Self { images: checked.iter().map(Image::from).collect() }
    }
}

impl From<&Checked> for Image {
    fn from(Checked { image, result, fields }: &Checked) -> Self {
        let verdict = &*result.verdict;
        let verified = match verdict {
            ImageVerdict::Verified(verified) => Some(verified),
            ImageVerdict::Skipped(_) | ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_) => None,
        };
        let (checks, warnings, signatures) = match verdict {
            ImageVerdict::Verified(verified) => {
                let VerifiedBy::Notation(VerifiedNotation { manifest: _, signature }) = &verified.by;
                (
                    Some(signature.checks().into()),
                    signature.warnings().map(Warning::from).collect(),
                    Some(&verified.others),
                )
            }
            ImageVerdict::Skipped(Skipped { statement: _ }) => (None, Vec::new(), None),
            ImageVerdict::Rejected(Rejected { statement: _, reason: _, signatures })
            | ImageVerdict::Inconclusive(Inconclusive { statement: _, reason: _, signatures }) => {
                (None, Vec::new(), Some(signatures))
            }
        };
        Self {
            verdict: verdict.kind().as_str(),
            code: verdict.code().as_str(),
            message: message(verdict),
            advice: verdict.reason().map_or_else(|| verdict.code().advice(), Reason::advice).to_owned(),
            image: truncate(image, IMAGE_BYTES),
            fields: fields.iter().map(Field::from).collect(),
            digest: result.digest.as_ref().map(ToString::to_string),
            statement: StatementName::of(verdict),
            signer: verified.and_then(Signer::of),
            unverified_signer: verified.and_then(UnverifiedSigner::of),
            checks,
            warnings,
            signatures: signatures.map(|all| all.listed().iter().map(Failed::from).collect()).unwrap_or_default(),
            signatures_omitted: signatures.map_or(0, FailedSignatures::omitted),
        }
    }
}
