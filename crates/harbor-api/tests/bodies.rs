//! What bodies say beyond their shape.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use berth_harbor_api::{
    ErrorCode, Errors, InvalidVisibility, ProjectReq, Registry, RegistryCredential, RegistryReq,
    Timestamp, UserCreationReq,
};
use serde_json::json;

fn project(body: serde_json::Value) -> ProjectReq {
    serde_json::from_value(body).unwrap()
}

#[test]
fn times_have_milliseconds_and_no_more() {
    let written = |text: &str| {
        let timestamp: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from(timestamp).to_string()
    };
    assert_eq!(written("2023-01-01T00:00:00Z"), "2023-01-01T00:00:00.000Z");
    assert_eq!(
        written("2023-01-01T02:00:00.1239+02:00"),
        "2023-01-01T00:00:00.123Z"
    );
    assert_eq!(Timestamp::NEVER.to_string(), "0001-01-01T00:00:00.000Z");
}

#[test]
fn errors_are_an_envelope_of_code_and_message() {
    let errors = Errors::one(ErrorCode::NotFound, "project 7 not found");
    assert_eq!(
        serde_json::to_value(errors).unwrap(),
        json!({"errors": [{"code": "NOT_FOUND", "message": "project 7 not found"}]})
    );
}

#[test]
fn every_code_is_written_as_harbor_writes_it_with_its_status() {
    let written = [
        (ErrorCode::BadRequest, "BAD_REQUEST", 400),
        (ErrorCode::DigestInvalid, "DIGEST_INVALID", 400),
        (ErrorCode::ManifestInvalid, "MANIFEST_INVALID", 400),
        (ErrorCode::Unsupported, "UNSUPPORTED", 400),
        (ErrorCode::Unauthorized, "UNAUTHORIZED", 401),
        (ErrorCode::Forbidden, "FORBIDDEN", 403),
        (ErrorCode::Denied, "DENIED", 403),
        (ErrorCode::NotFound, "NOT_FOUND", 404),
        (ErrorCode::MethodNotAllowed, "METHOD_NOT_ALLOWED", 405),
        (ErrorCode::Conflict, "CONFLICT", 409),
        (ErrorCode::Precondition, "PRECONDITION", 412),
        (
            ErrorCode::ViolateForeignKeyConstraint,
            "VIOLATE_FOREIGN_KEY_CONSTRAINT",
            412,
        ),
        (
            ErrorCode::ProjectPolicyViolation,
            "PROJECTPOLICYVIOLATION",
            412,
        ),
        (
            ErrorCode::RequestEntityTooLarge,
            "REQUEST_ENTITY_TOO_LARGE",
            413,
        ),
        (
            ErrorCode::UnsupportedMediaType,
            "UNSUPPORTED_MEDIA_TYPE",
            415,
        ),
        (ErrorCode::UnprocessableEntity, "UNPROCESSABLE_ENTITY", 422),
        (ErrorCode::TooManyRequest, "TOO_MANY_REQUEST", 429),
        (ErrorCode::Unknown, "UNKNOWN", 500),
        (ErrorCode::ServiceUnavailable, "SERVICE_UNAVAILABLE", 503),
    ];
    for (code, name, status) in written {
        assert_eq!(serde_json::to_value(code).unwrap(), name);
        assert_eq!(code.status(), status, "{name}");
    }
}

#[test]
fn the_metadata_decides_the_visibility_before_the_old_flag_does() {
    let visibility = |body| project(body).visibility();
    assert_eq!(visibility(json!({})), Ok(None));
    assert_eq!(visibility(json!({"public": true})), Ok(Some(true)));
    assert_eq!(
        visibility(json!({"public": true, "metadata": {"public": ""}})),
        Ok(Some(true))
    );
    assert_eq!(
        visibility(json!({"public": true, "metadata": {"public": "false"}})),
        Ok(Some(false))
    );
    assert_eq!(
        visibility(json!({"metadata": {"public": "True"}})),
        Err(InvalidVisibility)
    );
}

#[test]
fn requests_ignore_what_they_do_not_know() {
    let request = project(json!({"project_name": "a", "count_limit": -1}));
    assert_eq!(request.project_name, "a");
}

#[test]
fn a_password_shows_nowhere_but_where_it_is_asked_for() {
    let request: UserCreationReq =
        serde_json::from_value(json!({"username": "ann", "password": "Harbor12345"})).unwrap();
    assert!(!format!("{request:?}").contains("Harbor12345"));
    assert_eq!(request.password.into_exposed(), "Harbor12345");

    let request: RegistryReq =
        serde_json::from_value(json!({"credential": {"access_secret": "Harbor12345"}})).unwrap();
    assert!(!format!("{request:?}").contains("Harbor12345"));
}

#[test]
fn a_response_tells_of_a_secret_only_that_it_is_held() {
    let credential = |has_access_secret| {
        let registry = Registry {
            credential: Some(RegistryCredential {
                kind: "basic".to_owned(),
                access_key: "ann".to_owned(),
                has_access_secret,
            }),
            ..Registry::default()
        };
        serde_json::to_value(registry).unwrap()["credential"].take()
    };
    assert_eq!(
        credential(true),
        json!({"type": "basic", "access_key": "ann", "access_secret": "*****"})
    );
    assert_eq!(
        credential(false),
        json!({"type": "basic", "access_key": "ann"})
    );
}
