//! What goes wrong if one rule of the protocol is left out.

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A pusher reads the links before it writes its edges.
    LinksBeforeEdges,
    /// A sweep frees what it has looked at before it condemned it.
    EdgesBeforeCondemning,
    /// A sweep heeds only the promises from before it condemned the link.
    PromiseBeforeCondemning,
    /// A pusher takes a condemned link for a live one.
    CondemnedIsLive,
    /// A sweep deletes a link whatever its state.
    DeleteWithoutToken,
    /// An edge counts while its manifest is there, under whatever nonce.
    EdgesWithoutNonce,
    /// A link to a blob that is there does not raise its generation.
    MountWithoutGeneration,
    /// The back-edge is first written by the link's transaction.
    NoEarlierBackEdge,
    /// Nonces, links and tokens are numbered anew after each deletion.
    IdsThatRestart,
    /// A pusher that gives up takes the edges of a nonce that another, who
    /// joined it, has made live.
    UnlinkOfTheJoined,
    /// An entry is seen before the rest of the transaction that put it.
    EarlyEntries,
    /// A sweep leaves pending back-edges alone.
    PendingForEver,
    /// A sweep takes a link for gone that it does not see beside its back-edge.
    AbsentIsGone,
    /// A sweep takes an entry away though what it is about is undecided.
    UndecidedIsDecided,
    /// A sweep that finds a deletion begins it anew if it was taken back.
    DeletionBegunAnew,
    /// An index is committed though its child is being deleted.
    HiddenChildIsThere,
}
