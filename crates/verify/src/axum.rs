//! Extractors for axum's handlers. They read what the [`Guard`](crate::Guard) left, so a handler that asks who the
//! caller is on a route without one answers 500: better broken than open.

use std::{ops::Deref, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Method, request::Parts};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny};

use crate::{Answers, OwnerOrReadOnly, Principal, Refusal, Subject, layer::Passed};

/// Who the request is from; the handler is not called for anybody else. `Auth<C>` reads the claims into a type of your
/// own as well, and refuses a token whose claims are not of that form. `Option<Auth>` takes nobody too.
#[derive(Clone, Debug)]
pub struct Auth<C = AnyClaims> {
    /// Who.
    pub principal: Arc<Principal>,
    /// The claims in your own form.
    pub claims: C,
}

/// Claims that are not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyClaims;

impl<'de> Deserialize<'de> for AnyClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl<C> Deref for Auth<C> {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// A refusal, put into the words of the guard.
#[derive(Debug)]
pub struct Refused(Box<Response>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Answers::default().render(&self).map(Body::from)
    }
}

/// Whoever the request is from, nobody included, and what he wants to do: for rules that need to know more than that
/// somebody is signed in.
#[derive(Clone)]
pub struct Caller {
    method: Method,
    passed: Passed,
}

impl Caller {
    /// Who, if anybody.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.passed.principal.as_deref()
    }

    /// Holds the request against a rule about what belongs to `owner`.
    ///
    /// # Errors
    /// The answer to give, in the words of the guard.
    pub fn may(&self, rule: &OwnerOrReadOnly, owner: impl Into<Subject>) -> Result<(), Refused> {
        rule.check(&self.method, self.principal(), &owner.into())
            .map_err(|refusal| self.refused(&refusal))
    }

    /// A refusal of your own, in the words of the guard.
    #[must_use]
    pub fn refused(&self, refusal: &Refusal) -> Refused {
        refused(&self.passed, refusal)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self {
            method: parts.method.clone(),
            passed: passed(parts)?.clone(),
        })
    }
}

impl<S: Sync, C: DeserializeOwned> FromRequestParts<S> for Auth<C> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let passed = passed(parts)?;
        auth(passed)?.ok_or_else(|| refused(passed, &Refusal::MissingToken))
    }
}

impl<S: Sync, C: DeserializeOwned> OptionalFromRequestParts<S> for Auth<C> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refused> {
        auth(passed(parts)?)
    }
}

fn auth<C: DeserializeOwned>(passed: &Passed) -> Result<Option<Auth<C>>, Refused> {
    let Some(principal) = &passed.principal else {
        return Ok(None);
    };
    let claims = principal.claims_as();
    let claims = claims.ok_or_else(|| refused(passed, &Refusal::InvalidToken))?;
    let principal = Arc::clone(principal);
    Ok(Some(Auth { principal, claims }))
}

fn passed(parts: &Parts) -> Result<&Passed, Refused> {
    parts.extensions.get().ok_or_else(|| {
        tracing::error!("a handler asks who the caller is, and no guard is in front of its route");
        Refused(Box::new(Refusal::Unguarded.into_response()))
    })
}

fn refused(passed: &Passed, refusal: &Refusal) -> Refused {
    let answer = passed.rules.answers.render(refusal);
    Refused(Box::new(answer.map(Body::from)))
}
