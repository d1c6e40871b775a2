//! The transitions of manifests, links and blobs: which state each needs, and
//! which it leads to. The stores perform them, and so does the model of
//! garbage collection that is explored in tests.

use crate::{Begun, LinkId, LinkState, LinkToken, ManifestState, Nonce, ObjectKey};

/// A change of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManifestChange {
    /// A push comes to its end.
    Commit,
    /// A push is given up.
    Abort,
    /// A deletion begins.
    Hide,
    /// A deletion is taken back.
    Restore,
    /// A deletion comes to its end.
    End,
}

impl ManifestChange {
    /// The state that it needs.
    pub const fn needs(self) -> ManifestState {
        match self {
            Self::Commit | Self::Abort => ManifestState::Pending,
            Self::Hide => ManifestState::Live,
            Self::Restore | Self::End => ManifestState::Deleting,
        }
    }

    /// The state after it; `None`: the manifest is gone.
    pub const fn leads_to(self) -> Option<ManifestState> {
        match self {
            Self::Commit | Self::Restore => Some(ManifestState::Live),
            Self::Hide => Some(ManifestState::Deleting),
            Self::Abort | Self::End => None,
        }
    }

    /// Whether it may be done under `nonce` to what is stored.
    pub fn applies(self, stored: Option<(ManifestState, Nonce)>, nonce: Nonce) -> bool {
        stored == Some((self.needs(), nonce))
    }
}

impl Begun<()> {
    /// What a new try to push finds.
    pub const fn find(stored: Option<(ManifestState, Nonce)>) -> Self {
        match stored {
            None => Self::Started,
            Some((ManifestState::Pending, nonce)) => Self::Joined(nonce),
            Some((ManifestState::Live, _)) => Self::Live(()),
            Some((ManifestState::Deleting, _)) => Self::Deleting,
        }
    }

    /// The same, with the manifest if it is live.
    pub fn with_live<Live, Error>(
        self,
        live: impl FnOnce() -> Result<Live, Error>,
    ) -> Result<Begun<Live>, Error> {
        Ok(match self {
            Self::Started => Begun::Started,
            Self::Joined(nonce) => Begun::Joined(nonce),
            Self::Live(()) => Begun::Live(live()?),
            Self::Deleting => Begun::Deleting,
        })
    }
}

/// A change of a link that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkChange {
    /// It is live for longer, or again if it was condemned under this token.
    Revive(Option<LinkToken>),
    /// A sweep looks whether anything needs it, in this life of it.
    Condemn(LinkId, LinkToken),
    /// Nothing has needed it since it was condemned under this token.
    Delete(LinkToken),
}

impl LinkChange {
    /// The state that it needs.
    pub fn needs(self) -> LinkState {
        match self {
            Self::Revive(condemned) => condemned.map_or(LinkState::Live, LinkState::Condemned),
            Self::Condemn(..) => LinkState::Live,
            Self::Delete(token) => LinkState::Condemned(token),
        }
    }

    /// The state after it; `None`: the link is gone.
    pub const fn leads_to(self) -> Option<LinkState> {
        match self {
            Self::Revive(_) => Some(LinkState::Live),
            Self::Condemn(_, token) => Some(LinkState::Condemned(token)),
            Self::Delete(_) => None,
        }
    }

    /// Whether it may be done to what is stored.
    pub fn applies(self, stored: Option<(LinkId, LinkState)>) -> bool {
        stored.is_some_and(|(id, state)| {
            let life = match self {
                Self::Condemn(life, _) => life,
                _ => id,
            };
            state == self.needs() && id == life
        })
    }
}

/// How a commit of a link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkCommit {
    /// The blob is visible.
    Done,
    /// Blob or link are no longer as read, or the back-edge is gone: read
    /// again, prepare again under a new id, try again.
    Retry,
    /// The session is gone or another request has claimed it: give up.
    Fenced,
}

/// What the commit of a link finds.
#[derive(Clone, Copy, Debug)]
pub struct LinkCommitFinds {
    /// The object of the blob, if there is one.
    pub blob: Option<ObjectKey>,
    /// Whether the repository has a link to it already.
    pub link: bool,
    /// The back-edge under the commit's id: whether it is linked.
    pub back_edge: Option<bool>,
    /// Whether the session, if one ends with it, is at the commit's epoch.
    pub is_at_epoch: bool,
}

impl LinkCommitFinds {
    /// How it ends for who has read `blob` before.
    pub fn outcome(self, blob: Option<ObjectKey>) -> LinkCommit {
        if !self.is_at_epoch {
            LinkCommit::Fenced
        } else if self.blob == blob && !self.link && self.back_edge == Some(false) {
            LinkCommit::Done
        } else {
            LinkCommit::Retry
        }
    }
}

/// What tells a sweep that nobody has linked a blob since it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobVersion {
    /// Its object.
    pub key: ObjectKey,
    /// Raised by each link.
    pub generation: u64,
}

impl BlobVersion {
    /// That of a blob after one more link: a blob that is not there begins
    /// with the object that comes with the link.
    pub fn after_link(stored: Option<Self>, new: ObjectKey) -> Self {
        stored.map_or(
            Self {
                key: new,
                generation: 1,
            },
            |stored| Self {
                generation: stored.generation + 1,
                ..stored
            },
        )
    }
}
