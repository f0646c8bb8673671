//! The commonest rule there is: everybody who is signed in reads, owners write.

use http::Method;

use crate::{Principal, Refusal, Subject};

/// Signed in to read, owner to write.
///
/// | | nobody | somebody else | with the role | the owner |
/// |---|---|---|---|---|
/// | `GET`, `HEAD`, `OPTIONS` | 401, or served under [`anonymous_read`](Self::anonymous_read) | served | served | served |
/// | anything else | 401 | 403, or 404 under [`conceal`](Self::conceal) | served | served |
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct OwnerOrReadOnly {
    anonymous_read: bool,
    conceal: bool,
    roles: Vec<Box<str>>,
}

impl OwnerOrReadOnly {
    /// The rule without exceptions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reading needs no login.
    pub fn anonymous_read(mut self) -> Self {
        self.anonymous_read = true;
        self
    }

    /// Whoever has this role writes as the owner does.
    pub fn or_role(mut self, role: &str) -> Self {
        self.roles.push(role.into());
        self
    }

    /// What somebody may not change is not there for him: 404 instead of 403.
    pub fn conceal(mut self) -> Self {
        self.conceal = true;
        self
    }

    /// Whether `who` may use `method` on what belongs to `owner`.
    ///
    /// # Errors
    /// [`Refusal::MissingToken`], [`Refusal::Forbidden`] or [`Refusal::NotFound`].
    pub fn check(
        &self,
        method: &Method,
        who: Option<&Principal>,
        owner: &Subject,
    ) -> Result<(), Refusal> {
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let Some(who) = who else {
            let open = reads && self.anonymous_read;
            return if open {
                Ok(())
            } else {
                Err(Refusal::MissingToken)
            };
        };
        if reads || who.subject() == owner || self.roles.iter().any(|role| who.has_role(role)) {
            return Ok(());
        }
        Err(if self.conceal {
            Refusal::NotFound
        } else {
            Refusal::Forbidden
        })
    }
}
