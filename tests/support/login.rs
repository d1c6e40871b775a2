//! Who logs in.

use super::server::ADMIN_PASSWORD;

/// A name and a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

/// The administrator of every server of the tests.
pub(crate) const ADMIN: Login<'_> = Login {
    user: "admin",
    password: ADMIN_PASSWORD,
};

impl Login<'_> {
    /// The same user with a password that is not its own.
    pub(crate) fn wrong(self) -> Self {
        Self {
            password: "wrong-Password-1",
            ..self
        }
    }
}
