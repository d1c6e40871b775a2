//! Which permission a call that was refused needs.

use berth_ports::StoreError;

use crate::error::call_of;

/// The actions that a policy must allow for a call, if it was refused for the
/// lack of them.
pub(super) fn permission(error: &StoreError) -> Option<String> {
    let (operation, code) = call_of(error)?;
    code?.contains("AccessDenied").then(|| actions(operation))
}

/// S3's actions are not called as its calls are, the others' are.
fn actions(operation: &str) -> String {
    let s3 = match operation {
        "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
            "s3:PutObject"
        }
        "GetObject" | "HeadObject" => "s3:GetObject",
        "CopyObject" => "s3:GetObject and s3:PutObject",
        "DeleteObjects" => "s3:DeleteObject",
        "HeadBucket" | "ListObjectsV2" => "s3:ListBucket",
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads",
        "ListParts" => "s3:ListMultipartUploadParts",
        "AbortMultipartUpload" => "s3:AbortMultipartUpload",
        "GetBucketLifecycleConfiguration" => "s3:GetLifecycleConfiguration",
        "TransactWriteItems" => {
            return "dynamodb:PutItem, dynamodb:UpdateItem and dynamodb:DeleteItem".to_owned();
        }
        "GetQueueUrl" | "GetQueueAttributes" => return format!("sqs:{operation}"),
        _ => return format!("dynamodb:{operation}"),
    };
    s3.to_owned()
}
