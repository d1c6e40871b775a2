//! Whether S3 computes what it copies.

use berth_oci::Digest;
use berth_ports::StoreResult;

use super::objects::CONTENT;
use super::scratch::Scratch;
use crate::check::{Doubt, Probed};
use crate::s3::Bucket;

impl Bucket {
    /// A copy has the SHA-256 of all its bytes, also of an object that came in
    /// parts. Without that Berth reads what it wants to verify.
    pub(super) async fn hashes_copies(&self, scratch: &Scratch) -> Probed {
        let (small, large) = (scratch.key("hashed"), scratch.key("hashed-parts"));
        self.put(&small, CONTENT).await?;
        let digests = [
            (&small, Digest::sha256(&CONTENT)),
            (&large, self.put_in_parts(scratch, &large).await?),
        ];
        for (key, expected) in digests {
            let copy = scratch.key(&format!("copy-of-{}", expected.hex()));
            let found = self.hash_of_copy(key, &copy).await;
            match found.map_err(|error| Doubt::from(error).mild())? {
                Some(found) if found == expected => {}
                Some(_) => {
                    return Err(Doubt::fails(
                        "the SHA-256 of a copy is not that of its bytes: use another store",
                    ));
                }
                None => {
                    return Err(Doubt::warns(
                        "`CopyObject` computes none, so fsck reads all bytes and uploads are not redirected",
                    ));
                }
            }
        }
        Ok(())
    }

    async fn hash_of_copy(&self, from: &str, to: &str) -> StoreResult<Option<Digest>> {
        self.copy(from, to).await?;
        let attested = self.attest(to).await?;
        Ok(attested.map(|attested| attested.digest))
    }
}
