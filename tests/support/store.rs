//! What servers under test keep their data in: the data folder, or, with
//! `BERTH_TEST_STORE=aws`, table, bucket and queues of their own on the
//! emulators that the environment names.

use std::env;
use std::path::Path;
use std::process::Command;

use berth_oci::Digest;

/// The login that the emulators know.
pub(super) const LOGIN: (&str, &str) = ("berth", "berth-secret");

pub(super) const REGION: &str = "us-east-1";

/// Whether there is no data folder.
pub(crate) fn is_aws() -> bool {
    env::var("BERTH_TEST_STORE").is_ok_and(|store| store == "aws")
}

/// Tells `berth` where the data of this data folder is.
pub(crate) fn set(command: &mut Command, data: &Path) {
    if !is_aws() {
        command.arg("--data").arg(data);
        return;
    }
    let name = name(data);
    command
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", LOGIN.0)
        .env("AWS_SECRET_ACCESS_KEY", LOGIN.1)
        .env("BERTH_STORE", "aws")
        .env("BERTH_BUCKET", &name)
        .env("BERTH_TABLE", &name)
        .env("BERTH_QUEUE", &name)
        .env("BERTH_SEALING_KEY_FILE", data.with_extension("key"))
        .env("BERTH_S3_PATH_STYLE", "true")
        // Registry and store are on one host here: clients would send the
        // store what they log in to the registry with.
        .env("BERTH_REDIRECT", "false");
    for service in ["DYNAMODB", "S3", "SQS"] {
        command.env(format!("BERTH_{service}_ENDPOINT"), emulator(service));
    }
}

/// The name of this data folder's table, bucket and queues.
pub(super) fn name(data: &Path) -> String {
    let digest = Digest::sha256(data.as_os_str().as_encoded_bytes()).hex();
    format!("e2e-{}", &digest[..20])
}

/// Where the emulator of a service is, without a slash at the end.
pub(crate) fn emulator(service: &str) -> String {
    let variable = format!("BERTH_TEST_{service}");
    env::var(&variable).unwrap_or_else(|_| panic!("no {variable}, run `cargo xtask aws test`"))
}
