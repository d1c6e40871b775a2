//! The files of all kinds of records, being written.

use std::collections::BTreeMap;

use berth_oci::Digest;

use crate::error::Result;
use crate::folder::{Folder, LineWriter};
use crate::records::{
    LinkRecord, ManifestRecord, MemberRecord, ProjectRecord, RegistryRecord, RepositoryRecord,
    ScheduleRecord, TagRecord, UserRecord,
};

macro_rules! files {
    ($($field:ident: $record:ty,)*) => {
        /// A writer for each kind.
        pub(super) struct Files {
            $(pub(super) $field: LineWriter<$record>,)*
        }

        impl Files {
            /// Begins all of them anew.
            pub(super) async fn begin(folder: &Folder) -> Result<Self> {
                Ok(Self {
                    $($field: folder.write_records().await?,)*
                })
            }

            /// Makes all of them durable; their digests by kind.
            pub(super) async fn finish(self) -> Result<BTreeMap<String, Digest>> {
                Ok(BTreeMap::from([
                    $(self.$field.finish().await?,)*
                ]))
            }
        }
    };
}

files! {
    users: UserRecord,
    registries: RegistryRecord,
    projects: ProjectRecord,
    members: MemberRecord,
    schedules: ScheduleRecord,
    repositories: RepositoryRecord,
    links: LinkRecord,
    manifests: ManifestRecord,
    tags: TagRecord,
}
