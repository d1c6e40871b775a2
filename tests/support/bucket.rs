//! What a bucket holds, beside what the registry knows: lists of S3, signed by
//! hand (AWS Signature Version 4), as the SDK is no part of these tests.

use std::path::Path;

use aws_lc_rs::hmac;
use berth_host::SystemClock;
use berth_oci::Digest;
use berth_ports::Clock as _;

use super::store::{LOGIN, REGION, emulator, name};

/// The keys of all objects in the bucket of a data folder.
pub(crate) async fn objects(data: &Path) -> Vec<String> {
    let mut objects: Vec<String> = Vec::new();
    loop {
        // In the order of their names, as the signature wants them.
        let after = objects.last().map(|key| key.replace('/', "%2F"));
        let query = format!("list-type=2&start-after={}", after.unwrap_or_default());
        let page = get(&format!("/{}", name(data)), &query).await;
        let keys = page.split("<Key>").skip(1);
        objects.extend(keys.map(|rest| rest.split('<').next().unwrap().to_owned()));
        if !page.contains("<IsTruncated>true") {
            return objects;
        }
    }
}

async fn get(path: &str, query: &str) -> String {
    let endpoint = emulator("S3");
    let host = endpoint.split("://").nth(1).unwrap();
    let time = SystemClock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let body = Digest::sha256(b"").hex();
    let names = "host;x-amz-content-sha256;x-amz-date";
    let request = format!(
        "GET\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{body}\nx-amz-date:{time}\n\n{names}\n{body}"
    );
    let scope = format!("{}/{REGION}/s3/aws4_request", &time[..8]);
    let signed = signature(&time, &scope, &request);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signed}",
        LOGIN.0
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client
        .get(format!("{endpoint}{path}?{query}"))
        .header("x-amz-content-sha256", body)
        .header("x-amz-date", time)
        .header("authorization", authorization)
        .send()
        .await
        .unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
    text
}

fn signature(time: &str, scope: &str, request: &str) -> String {
    let hash = Digest::sha256(request.as_bytes()).hex();
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
    let secret = format!("AWS4{}", LOGIN.1).into_bytes();
    let key = scope
        .split('/')
        .fold(secret, |key, part| sign(&key, part.as_bytes()));
    let signed = sign(&key, text.as_bytes());
    let hex = |text, byte: &u8| format!("{text}{byte:02x}");
    signed.iter().fold(String::new(), hex)
}

fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text).as_ref().to_vec()
}
