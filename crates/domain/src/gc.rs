//! The rules of garbage collection: what keeps a thing, and what a look at it
//! may decide. A sweep and its model share them.

use jiff::{SignedDuration, Timestamp};

use crate::{LinkState, LinkToken, ManifestState, Nonce};

/// Whether something is kept by what leads to it. Of several, the greatest
/// counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Nothing keeps it.
    Not,
    /// What leads to it may yet come or go.
    Undecided,
    /// It is needed, and what needs it will say when it goes.
    Needed,
}

impl Need {
    /// What an edge under `nonce` says, by the state of the manifest that it
    /// comes from: it counts exactly while that has the nonce.
    pub fn by_edge(nonce: Nonce, manifest: Option<(ManifestState, Nonce)>) -> Self {
        match manifest {
            Some((state, current)) if current == nonce => match state {
                ManifestState::Live => Self::Needed,
                ManifestState::Pending | ManifestState::Deleting => Self::Undecided,
            },
            _ => Self::Not,
        }
    }

    /// What a back-edge says.
    pub const fn by_back_edge(linked: bool) -> Self {
        if linked {
            Self::Needed
        } else {
            Self::Undecided
        }
    }

    /// Whether it must stay for now.
    pub fn keeps(self) -> bool {
        self > Self::Not
    }
}

/// What a sweep does about a link, before it has looked at edges under a
/// condemnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStep {
    /// Nothing: it is needed.
    Decided,
    /// Look again soon: what leads to it may yet come or go.
    Wait,
    /// Look again then: a pusher was promised it.
    Later(Timestamp),
    /// Condemn it. Only edges that are read after that say that it may go.
    Condemn,
    /// It is condemned, perhaps by a sweep that died: read the edges.
    Examine(LinkToken),
}

/// The first step of a sweep about a link in this state, which a pusher was last
/// promised at `touched_at`. `need` is what edges said before a condemnation: it
/// can keep the link, never free it.
pub fn first_step(
    state: LinkState,
    touched_at: Timestamp,
    need: Need,
    now: Timestamp,
    grace: SignedDuration,
) -> LinkStep {
    if let LinkState::Condemned(token) = state {
        return LinkStep::Examine(token);
    }
    match need {
        Need::Needed => return LinkStep::Decided,
        Need::Undecided => return LinkStep::Wait,
        Need::Not => {}
    }
    match promised_until(touched_at, now, grace) {
        Some(end) => LinkStep::Later(end),
        None => LinkStep::Condemn,
    }
}

/// Until when a pusher is promised what it was last told of at `touched_at`;
/// `None` if that is over. A link's last promise is the one that is read under
/// its condemnation: from then on a promise has to revive it.
pub fn promised_until(
    touched_at: Timestamp,
    now: Timestamp,
    grace: SignedDuration,
) -> Option<Timestamp> {
    let end = touched_at.checked_add(grace).unwrap_or(Timestamp::MAX);
    (end > now).then_some(end)
}
