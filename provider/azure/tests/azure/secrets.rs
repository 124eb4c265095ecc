//! No secret is printed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_credentials::AuthMethod;
use countersign_testkit::azure::entra_error::EntraError;

use super::*;

#[tokio::test]
async fn no_error_and_no_debug_output_has_a_secret() {
    let world = World::start().await;
    world.directory.add_secret(CLIENT, "hunter2~secret", NOW + 100 * HOUR);
    world.folder.write("secret", "hunter2~secret");
    let with_secret = AzureIdentity::ClientSecret {
        tenant: TENANT.parse().unwrap(),
        client_id: CLIENT.parse().unwrap(),
        file: world.folder.path().join("secret"),
    };
    let azure = world.azure_with(world.settings());
    let mut shown = format!("{azure:?} {:?}", azure.settings());
    let mut secrets = vec!["hunter2~secret".to_owned()];
    secrets.push(std::fs::read_to_string(world.folder.path().join("token")).unwrap());
    for identity_of in [workload(), with_secret] {
        let tokens = AcrTokens::new(azure.clone(), identity_of.clone());
        let source = ExpiringIdentities::new(tokens.clone());
        let found = identity(&source).await.unwrap();
        let AuthMethod::IdentityToken(token) = found.method() else { panic!("{found:?}") };
        secrets.push(String::from_utf8(token.expose().to_vec()).unwrap());
        shown.push_str(&format!("{tokens:?} {source:?} {found:?} {identity_of:?} {identity_of}"));
    }
    world.advance(4 * HOUR).await;
    for secret in secrets.clone() {
        world.entra.fail_times(1, EntraError::new(400, "invalid_client", 7, &format!("no: {secret}")).reply(NOW));
        let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"no"}}],"x":"{secret}"}}"#);
        let reply = countersign_testkit::registry::Reply::status(403).body(body);
        world.acr.when_path("/oauth2/exchange").times(1).reply(reply);
        for _ in 0..2 {
            // Of the service account, that Entra repeats.
            let error = identity(&world.tokens(workload())).await;
            shown.push_str(&format!("{error:?}"));
        }
    }
    for secret in secrets {
        let parts: Vec<&str> = secret.split('.').collect();
        let mut forms = vec![secret.clone(), STANDARD.encode(&secret), URL_SAFE_NO_PAD.encode(&secret)];
        // The signature of a token, without which it is not usable, and its decoded claims.
        forms.extend(parts.get(2).map(|&signature| signature.to_owned()));
        forms.extend(parts.get(1).and_then(|claims| String::from_utf8(URL_SAFE_NO_PAD.decode(claims).ok()?).ok()));
        for form in forms {
            if secret.starts_with("hunter2") || form.len() > 40 {
                let found = shown.find(&form).map(|at| shown[at.saturating_sub(60)..at].to_owned());
                assert_eq!(found, None, "{}", &form[..form.len().min(12)]);
            }
        }
    }
}
