//! KMS and Secrets Manager, as the emulator of both has them.

use serde_json::{Value, json};

use super::http::Client;
use super::store::{self, LOGIN, REGION};

/// The emulator's address, without a slash at the end.
pub(crate) fn url() -> String {
    store::emulator("MOTO")
}

/// Makes a key of KMS; answers its id.
pub(crate) async fn create_key() -> String {
    let made = call("kms", "TrentService.CreateKey", json!({})).await;
    made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

/// Makes a secret of this name in Secrets Manager.
pub(crate) async fn create_secret(name: &str, text: &str) {
    // Names the first version; it has 32 characters at least.
    let token = "first-version-first-version-first";
    let secret = json!({ "Name": name, "SecretString": text, "ClientRequestToken": token });
    call("secretsmanager", "secretsmanager.CreateSecret", secret).await;
}

async fn call(service: &str, target: &str, body: Value) -> Value {
    // It looks for the service and the region, not at the signature.
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0",
        LOGIN.0
    );
    let request = Client::new(url()).authorized(&authorization).post("/");
    let request = request
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target);
    request.json(&body).send().await.expect(200).json()
}
