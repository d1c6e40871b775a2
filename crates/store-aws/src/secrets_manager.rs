//! Passwords that Secrets Manager keeps.

use aws_sdk_secretsmanager::Client;
use berth_domain::Secret;
use serde_json::Value;

use crate::Aws;
use crate::error::{CallFailed, call_failed};

/// The key of the password in a secret that is JSON, as AWS's own have it.
const PASSWORD: &str = "password";

/// Why a secret gives no password. None of them has its value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsManagerError {
    /// Secrets Manager did not give it.
    #[error(
        "Secrets Manager does not give {0}, check its name and that secretsmanager:GetSecretValue is allowed"
    )]
    NotGiven(String, #[source] CallFailed),
    /// It holds bytes or nothing.
    #[error("the secret {0} has no text in its first line, put the password there")]
    NoText(String),
    /// It is JSON without a password.
    #[error("the secret {0} is JSON without a text under the key password, add it")]
    NoPassword(String),
}

/// Secrets Manager. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SecretsManager(Client);

impl SecretsManager {
    /// The service at an address; `None`: the environment's or the region's.
    /// Makes no call.
    pub fn open(aws: &Aws, endpoint: Option<&str>) -> Self {
        Self(Client::new(&aws.config_at_start(endpoint)))
    }

    /// The password in the secret of this name or ARN: of a JSON object its key
    /// `password`, of another text the first line.
    pub async fn password(&self, secret: &str) -> Result<Secret, SecretsManagerError> {
        let answer = self.0.get_secret_value().secret_id(secret).send().await;
        let value = answer.map_err(|error| {
            SecretsManagerError::NotGiven(secret.to_owned(), call_failed("GetSecretValue", &error))
        })?;
        password_in(secret, value.secret_string().unwrap_or_default())
    }
}

fn password_in(secret: &str, text: &str) -> Result<Secret, SecretsManagerError> {
    let password = if let Ok(Value::Object(mut keys)) = serde_json::from_str(text) {
        match keys.remove(PASSWORD) {
            Some(Value::String(password)) if !password.is_empty() => password,
            _ => return Err(SecretsManagerError::NoPassword(secret.to_owned())),
        }
    } else {
        text.lines().next().unwrap_or_default().to_owned()
    };
    if password.is_empty() {
        return Err(SecretsManagerError::NoText(secret.to_owned()));
    }
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Result<String, String> {
        let password = password_in("name", text);
        password
            .map(|password| password.reveal().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_password_is_the_first_line_or_the_key_of_that_name() {
        for text in [
            "Correct1Horse",
            "Correct1Horse\r\nsecond line",
            r#"{"username":"admin","password":"Correct1Horse"}"#,
        ] {
            assert_eq!(password(text).as_deref(), Ok("Correct1Horse"), "{text}");
        }
        // What only looks like JSON is a password.
        assert_eq!(password("\"12\"").as_deref(), Ok("\"12\""));
    }

    #[test]
    fn what_has_no_password_is_an_error_without_its_value() {
        for text in ["", "\n", "\nhidden"] {
            let error = password(text).unwrap_err();
            assert!(error.starts_with("the secret name has no text"), "{error}");
        }
        for text in [
            r#"{"pasword":"hidden"}"#,
            r#"{"password":5}"#,
            r#"{"password":""}"#,
        ] {
            let error = password(text).unwrap_err();
            assert!(error.contains("the key password"), "{error}");
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
