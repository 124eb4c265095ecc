//! What an answer of AWS Signer must be before it says that nothing is revoked.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use countersign_core::codec::json;
use countersign_core::codec::text::Text;
use countersign_core::limits::JsonLimits;
use countersign_core::limits::SIGNER_ENTITIES;
use serde_json::Value;

use crate::invalid_answer::InvalidAnswer;
use crate::secrets_in_use::hidden;

/// An answer: one member, a list of as many texts as a chain has certificates, and two.
const LIMITS: JsonLimits = JsonLimits { depth: 16, values: 1024, elements: 1024, members: 64 };

const MEMBER: &str = "revokedEntities";

/// Most bytes of the name of another member in a message.
const NAME_BYTES: usize = 64;

/// The member that the JSON protocols have in errors only.
const TYPE_OF_ERROR: &str = "__type";

/// Members of errors, also those of servers in between, and of pages of a list, as [`spelling`] returns them. Beside an empty list they say
/// that it is not the answer, or not all of it.
const OF_ANOTHER_ANSWER: [&str; 13] = [
    "code",
    "errorcode",
    "errortype",
    "message",
    "errormessage",
    "error",
    "errors",
    "fault",
    "nexttoken",
    "nextmarker",
    "marker",
    "istruncated",
    "truncated",
];

/// The letters and digits of the name of a member, in lower case, as servers write one name as `nextToken`, `NextToken` or `next_token`.
fn spelling(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_lowercase()).collect()
}

/// Checks successful answers before the SDK reads them: it takes an empty body, and every object without the list, for an answer.
///
/// The list is optional in the model of the service, so an object without any member says that nothing is revoked, as it does
/// to the plugin of AWS; so does `null`, which means in the protocol that the member is absent. An object with other members and without the
/// list is the answer of another server, such as a proxy. So is one with a member of errors, of pages, or with the name of the list in
/// another spelling. Other members are ignored: the service may add some.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckAnswer;

impl Intercept for CheckAnswer {
    fn name(&self) -> &'static str {
        "CheckAnswer"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if !response.status().is_success() {
            return Ok(());
        }
        Ok(check(response.status().as_u16(), response.body().bytes().unwrap_or_default())?)
    }
}

fn check(status: u16, body: &[u8]) -> Result<(), InvalidAnswer> {
    let invalid = |text: std::fmt::Arguments<'_>| Err(InvalidAnswer(Text::of(text)));
    if status != 200 {
        return invalid(format_args!("found status {status}, expected 200"));
    }
    let members = match json::from_slice(body, &LIMITS) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return invalid(format_args!("found another JSON value, expected an object")),
        Err(error) => {
            // It has the name of a member that is there twice.
            return invalid(format_args!("found no JSON, expected an object: {}", hidden(&error.to_string())));
        }
    };
    for name in members.keys().filter(|name| *name != MEMBER) {
        let spelling = spelling(name);
        let shown = || Text::at_most(NAME_BYTES, hidden(name));
        if name.eq_ignore_ascii_case(TYPE_OF_ERROR) || OF_ANOTHER_ANSWER.contains(&spelling.as_str()) {
            return invalid(format_args!(
                "found the member {}, which errors and pages have, expected {MEMBER} only",
                shown()
            ));
        }
        if spelling == self::spelling(MEMBER) {
            return invalid(format_args!("found the member {}, expected the spelling {MEMBER}", shown()));
        }
    }
    match members.get(MEMBER) {
        Some(Value::Array(entities)) if entities.len() > SIGNER_ENTITIES => {
            let found = entities.len();
            invalid(format_args!("found {found} revoked entities, expected at most {SIGNER_ENTITIES}"))
        }
        Some(Value::Array(entities)) if entities.iter().all(Value::is_string) => Ok(()),
        None | Some(Value::Null) if members.keys().all(|name| name == MEMBER) => Ok(()),
        None | Some(Value::Null) => {
            invalid(format_args!("found other members and no {MEMBER}, expected a list of texts under that name"))
        }
        Some(_) => invalid(format_args!("found {MEMBER} of another type, expected a list of texts")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_with_the_list_or_without_any_member_is_an_answer() {
        for body in [
            "{}",
            r#"{"revokedEntities":null}"#,
            r#"{"revokedEntities":[]}"#,
            r#"{"revokedEntities":["arn:aws:signer:eu-west-1:111122223333:/signing-jobs/x"]}"#,
            r#"{"revokedEntities":[],"later":{"a":[1]}}"#,
            r#"{"revokedEntities":[],"later":{"message":"x"},"statusMessage":"x","codes":[],"type":"x"}"#,
        ] {
            assert_eq!(check(200, body.as_bytes()), Ok(()), "{body}");
            let other = Err(InvalidAnswer("found status 204, expected 200".into()));
            assert_eq!(check(204, body.as_bytes()), other, "{body}");
        }
    }

    #[test]
    fn other_answers_do_not_say_that_nothing_is_revoked() {
        let text = |body: &str| check(200, body.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default();
        let others = "found other members and no revokedEntities, expected a list of texts under that name";
        let other_type = "found revokedEntities of another type, expected a list of texts";
        let of_error =
            |name: &str| format!("found the member {name}, which errors and pages have, expected revokedEntities only");
        let spelled = |name: &str| format!("found the member {name}, expected the spelling revokedEntities");
        for (body, expected) in [
            (r#"{"status":"blocked"}"#, others.to_owned()),
            (r#"{"revokedEntities":null,"status":"ok"}"#, others.to_owned()),
            (r#"{"revokedEntities":"x"}"#, other_type.to_owned()),
            (r#"{"revokedEntities":{}}"#, other_type.to_owned()),
            (r#"{"revokedEntities":false}"#, other_type.to_owned()),
            (r#"{"revokedEntities":[1]}"#, other_type.to_owned()),
            (r#"{"revokedEntities":[null]}"#, other_type.to_owned()),
            (r#"{"message":"blocked"}"#, of_error("message")),
            (r#"{"__type":"InternalServiceErrorException"}"#, of_error("__type")),
            (r#"{"__type":null,"revokedEntities":[]}"#, of_error("__type")),
            (r#"{"__Type":"x","revokedEntities":[]}"#, of_error("__Type")),
            (r#"{"revokedEntities":[],"code":"AccessDeniedException","message":"no"}"#, of_error("code")),
            (r#"{"revokedEntities":[],"Message":null}"#, of_error("Message")),
            (r#"{"revokedEntities":[],"errorMessage":"no"}"#, of_error("errorMessage")),
            (r#"{"revokedEntities":[],"Error":{"Code":"x"}}"#, of_error("Error")),
            (r#"{"revokedEntities":[],"nextToken":"more"}"#, of_error("nextToken")),
            (r#"{"revokedEntities":[],"NEXT_TOKEN":"more"}"#, of_error("NEXT_TOKEN")),
            (r#"{"revokedEntities":[],"IsTruncated":true}"#, of_error("IsTruncated")),
            (r#"{"RevokedEntities":[]}"#, spelled("RevokedEntities")),
            (r#"{"revokedEntities":[],"RevokedEntities":["arn:x"]}"#, spelled("RevokedEntities")),
            (r#"{"revokedEntities":[],"revoked_entities":["arn:x"]}"#, spelled("revoked_entities")),
            (r#"{"revokedEntities":null,"revokedentities":["arn:x"]}"#, spelled("revokedentities")),
        ] {
            assert_eq!(text(body), expected, "{body}");
        }
        for body in [
            "",
            " ",
            "<html></html>",
            r#"{"revokedEntities":[]"#,
            r#"{"revokedEntities":[]} {}"#,
            r#"{"revokedEntities":["arn"],"revokedEntities":[]}"#,
        ] {
            assert!(text(body).starts_with("found no JSON, expected an object: "), "{body}: {}", text(body));
        }
        for body in ["null", "[]", "\"\"", "0", "true"] {
            assert_eq!(text(body), "found another JSON value, expected an object", "{body}");
        }
    }

    #[test]
    fn a_list_of_more_names_than_a_signature_has_is_not_an_answer() {
        let body = |names: usize| json!({MEMBER: vec!["x"; names]}).to_string();
        assert_eq!(check(200, body(SIGNER_ENTITIES).as_bytes()), Ok(()));
        let too_many = "found 65 revoked entities, expected at most 64";
        assert_eq!(check(200, body(65).as_bytes()), Err(InvalidAnswer(too_many.into())));
    }
}
