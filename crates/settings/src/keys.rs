//! Every setting there is.

use crate::key::{Key, Kind, Topic};

macro_rules! keys {
    ($($constant:ident: $kind:ident, $topic:ident, $name:literal, $value:literal, $default:literal, $doc:literal;)+) => {
        $(
            pub(crate) const $constant: Key = Key {
                name: $name,
                doc: $doc,
                default: $default,
                kind: Kind::$kind,
                value_name: $value,
                topic: Topic::$topic,
            };
        )+

        /// Every setting, in the order of the help.
        pub const KEYS: &[Key] = &[$($constant),+];
    };
}

keys! {
    DATA: Text, Storage, "data", "DIR", "./berth-data",
        "Folder for everything that is kept; made if it is not there";
    STORE: Text, Storage, "store", "SHAPE", "local",
        "Where data is kept: local (files and SQLite in the data folder), or aws (S3, DynamoDB and SQS)";

    BUCKET: Text, Aws, "bucket", "NAME", "",
        "S3 bucket of the blobs";
    BUCKET_PREFIX: Text, Aws, "bucket_prefix", "FOLDER/", "",
        "What all keys in the bucket begin with, as in registry/";
    TABLE: Text, Aws, "table", "NAME", "berth",
        "DynamoDB table of the metadata";
    QUEUE: Text, Aws, "queue", "NAME", "berth",
        "SQS queue of the jobs, by name or address; dead letters go to the one with -dead behind it";
    SEALING_KEY_FILE: Text, Aws, "sealing_key_file", "FILE", "",
        "File of the key that seals secrets in the table, the same for all instances; `berth admin create-store` makes it with the table";
    SEALING_KEY_KMS: Text, Aws, "sealing_key_kms", "KEY", "",
        "Instead of such a file, key of KMS by id, ARN or alias/name; under it `berth admin create-store` puts a sealing key into the table";
    ADMIN_PASSWORD_SECRET: Text, Aws, "admin_password_secret", "SECRET", "",
        "Secret of Secrets Manager with the password of the user admin at the first start, by name or ARN: a text, or JSON with the key password";
    REDIRECT: Switch, Aws, "redirect", "BOOL", "true",
        "Redirect clients to the bucket for blobs, instead of passing the bytes on";
    REDIRECT_UPLOADS: Switch, Aws, "redirect_uploads", "BOOL", "false",
        "Send clients that can to the bucket with the blobs they push, once `berth admin check-store` found that it works";
    ADVERTISE: Text, Aws, "advertise", "URL", "",
        "Address at which the other instances reach this one, as in http://10.0.0.5:5000; without it they wait until what it fetches is stored";
    SPOOL: Text, Aws, "spool", "DIR", "",
        "Folder for blobs on their way to S3, from which clients are served meanwhile; without it the system's for temporary files";
    AWS_REGION: Text, Aws, "aws_region", "REGION", "",
        "Region; without it environment and profile say it, as they do credentials";
    DYNAMODB_ENDPOINT: Text, Aws, "dynamodb_endpoint", "URL", "",
        "Address of DynamoDB, if it is not the region's";
    S3_ENDPOINT: Text, Aws, "s3_endpoint", "URL", "",
        "Address of S3, if it is not the region's";
    S3_PUBLIC_ENDPOINT: Text, Aws, "s3_public_endpoint", "URL", "",
        "Address of S3 as clients know it, if it is another";
    S3_UPLOAD_ENDPOINT: Text, Aws, "s3_upload_endpoint", "URL", "",
        "Address of a front that passes uploads on to S3 and answers them with Docker-Content-Digest";
    S3_PATH_STYLE: Switch, Aws, "s3_path_style", "BOOL", "false",
        "Put the bucket's name into paths, not into host names";
    SQS_ENDPOINT: Text, Aws, "sqs_endpoint", "URL", "",
        "Address of SQS, if it is not the region's";
    KMS_ENDPOINT: Text, Aws, "kms_endpoint", "URL", "",
        "Address of KMS, if it is not the region's";
    SECRETSMANAGER_ENDPOINT: Text, Aws, "secretsmanager_endpoint", "URL", "",
        "Address of Secrets Manager, if it is not the region's";

    LISTEN: List, Network, "listen", "ADDRESS", "127.0.0.1:5000",
        "Address to serve on: 127.0.0.1:5000, [::1]:5000 or unix:/path";
    MIRROR: List, Network, "mirror", "REGISTRY=ADDRESS", "",
        "Address that serves the proxy project of a registry under unmodified names, as in docker.io=127.0.0.1:5001";
    EXTERNAL_URL: Text, Network, "external_url", "URL", "",
        "Address that clients use, as in https://registry.example.com; without it the Host header counts";
    TRUSTED_PROXIES: List, Network, "trusted_proxies", "NETWORK", "",
        "Network whose Forwarded and X-Forwarded-* headers are believed, as in 10.0.0.0/8";
    TLS_CERT: Text, Network, "tls_cert", "FILE", "",
        "Certificate chain in PEM to serve TLS with, read again on SIGHUP; mirrors use it too";
    TLS_KEY: Text, Network, "tls_key", "FILE", "",
        "Private key in PEM of the certificate";

    ADMIN_PASSWORD: Secret, FirstStart, "admin_password", "PASSWORD", "",
        "Password of the user admin at the first start; without it one is generated into the data folder (not on AWS)";
    ADMIN_PASSWORD_FILE: Text, FirstStart, "admin_password_file", "FILE", "",
        "File with the password of the user admin at the first start";
    DOCKERHUB_USERNAME: Text, FirstStart, "dockerhub_username", "USER", "",
        "Docker Hub account of the proxy project dockerhub, set up at the first start; everyone can then pull what it can";
    DOCKERHUB_TOKEN_FILE: Text, FirstStart, "dockerhub_token_file", "FILE", "",
        "File with an access token of that account";

    SPARSE_INDEXES: Switch, Registry, "sparse_indexes", "BOOL", "false",
        "Accept an image index whose manifests are not there";
    TAG_FRESHNESS_SECONDS: Number, Registry, "tag_freshness_seconds", "SECONDS", "60",
        "Time that a cached tag is served without asking its upstream";
    ABSENCE_FRESHNESS_SECONDS: Number, Registry, "absence_freshness_seconds", "SECONDS", "10",
        "Time that an upstream's 404 is remembered";
    UPSTREAM_DEADLINE_MS: Number, Registry, "upstream_deadline_ms", "MILLISECONDS", "2000",
        "Time that an upstream has to confirm a tag before the cached one is served";
    TOKEN_LIFETIME_SECONDS: Number, Registry, "token_lifetime_seconds", "SECONDS", "1800",
        "Time that a token is good for";
    UPLOAD_IDLE_SECONDS: Number, Registry, "upload_idle_seconds", "SECONDS", "86400",
        "Time after which an upload that nobody continues is given up";
    GC_GRACE_SECONDS: Number, Registry, "gc_grace_seconds", "SECONDS", "7200",
        "Time that a blob without a manifest stays; for half of it a pusher may rely on a blob that it was told is there";

    MAX_CONNECTIONS: Number, Limits, "max_connections", "NUMBER", "4096",
        "Connections at once; more wait to be accepted";
    HEADER_SECONDS: Number, Limits, "header_seconds", "SECONDS", "90",
        "Time for a request's headers; an idle connection is closed after it, so keep it longer than a proxy in front keeps one";
    IDLE_BODY_SECONDS: Number, Limits, "idle_body_seconds", "SECONDS", "60",
        "Time that a client may neither send nor take a byte of a body; a whole transfer has no limit";
    SHUTDOWN_SECONDS: Number, Limits, "shutdown_seconds", "SECONDS", "30",
        "Time that requests under way have to end after SIGTERM";

    METRICS_LISTEN: Text, Observation, "metrics_listen", "ADDRESS", "",
        "Address to serve /metrics on, without authentication";
    LOG: Text, Observation, "log", "FILTER", "info",
        "What is logged: error, warn, info, debug or trace, also by module as in info,berth_upstream=debug";
    LOG_FORMAT: Text, Observation, "log_format", "FORMAT", "auto",
        "Form of the logs: human, json, or auto (human on a terminal)";
}
