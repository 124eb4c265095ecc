//! Metadata that the configuration requires of statements.

use countersign::engine::EngineSettings;
use countersign::policy_source::DocumentState;
use countersign_core::verdict::Code;
use serde_json::json;

use crate::engine::broken_trust::changed;
use crate::engine::broken_trust::codes;
use crate::engine::broken_trust::document;
use crate::engine::broken_trust::sound_statements;
use crate::engine::broken_trust::sound_with;
use crate::engine::broken_trust::undecided;
use crate::engine::broken_trust::with;

fn demanding(names: &[&str]) -> impl FnOnce(&mut EngineSettings) {
    let demanded = |name: &&str| ((*name).to_owned(), [("a".to_owned(), "b".to_owned())].into());
    let required = names.iter().map(demanded).collect();
    |settings| settings.required_metadata = required
}

#[tokio::test]
async fn metadata_that_is_demanded_for_a_name_in_no_policy_may_be_meant_for_any_statement() {
    let mut fixture = sound_with(demanding(&["ap", "other"])).await;
    fixture.restart();
    // `other` requires metadata that the image does not have.
    assert_eq!(codes(&fixture).await, ["statement-disabled", "metadata-missing", "statement-disabled"]);
    let message = "statement \"app\" of the trust policy is disabled: verification.requiredMetadata: found statement \"ap\", which is not in the trust policy, expected one of app, other, rest";
    assert_eq!(undecided(&fixture, "app").await, (Code::StatementDisabled, Some("app".to_owned()), message.to_owned()));
    // A document that has the name is taken into use; later ones without it leave that one in use.
    let [app, other, all] = sound_statements(&fixture);
    let named = with(app.clone(), "name", json!("ap"));
    fixture.folder.write("trustpolicy.json", document(&[named, other.clone(), all.clone()]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["metadata-missing", "metadata-missing", "verified"]);
    fixture.folder.write("trustpolicy.json", document(&[app, other, all]));
    let trust = changed(&fixture);
    assert_eq!(codes(&fixture).await, ["metadata-missing", "metadata-missing", "verified"]);
    assert_eq!(trust.document(), DocumentState::Kept { since: fixture.time() });
}

#[tokio::test]
async fn metadata_that_is_demanded_of_a_statement_that_skips_disables_it_alone() {
    let mut fixture = sound_with(demanding(&["app"])).await;
    assert_eq!(codes(&fixture).await, ["metadata-missing", "verified", "verified"]);
    let [app, other, all] = sound_statements(&fixture);
    let skip = with(with(app, "trustStores", json!(null)), "trustedIdentities", json!(null));
    let skip = with(skip, "signatureVerification", json!({"level": "skip"}));
    fixture.folder.write("trustpolicy.json", document(&[skip, other, all]));
    changed(&fixture);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
        let message = "statement \"app\" of the trust policy is disabled: verification.requiredMetadata: found statement \"app\", which skips verification, expected one that verifies";
        assert_eq!(undecided(&fixture, "app").await.2, message);
        fixture.restart();
    }
}

#[tokio::test]
async fn metadata_that_is_demanded_of_a_broken_statement_disables_no_other() {
    let mut fixture = sound_with(demanding(&["app"])).await;
    let [app, other, all] = sound_statements(&fixture);
    let broken = with(app, "signatureVerification", json!({"level": "loud"}));
    fixture.folder.write("trustpolicy.json", document(&[broken, other, all]));
    changed(&fixture);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
        fixture.restart();
    }
}
