//! The sessions that cases need: opened, ended, refreshed by the contract's own routes.

use daemun_contract::{Json, Route};
use daemun_engine::vocabulary::{Input, Operation, Outcome, Slot};

use super::{Done, OTHERS, Runner, Step, Stop};
use crate::verify::{
    case::{Case, Hold},
    compare::Seen,
    operations, routes,
    session::Session,
};

impl Runner<'_> {
    /// The session a case needs.
    pub(super) async fn session(&mut self, case: &Case) -> Step<Session> {
        match case.hold {
            Hold::Nothing => Ok(Session::default()),
            Hold::Shared => {
                if self.shared.is_none() {
                    self.shared = Some(self.open().await?);
                }
                let shared = self.shared.clone().unwrap_or_default();
                let shared = self.complete(shared).await?;
                self.shared = Some(shared.clone());
                Ok(shared)
            }
            Hold::Ended => {
                if self.ended.is_none() {
                    self.ended = Some(self.open_and_end().await?);
                }
                Ok(self.ended.clone().unwrap_or_default())
            }
            Hold::Fresh | Hold::Last => self.open().await,
            Hold::Replaced => self.open_and_replace(case).await,
        }
    }

    /// A session of the test account's. Where none could be had once, none is asked for again: its
    /// password may be wrong.
    pub(super) async fn open(&mut self) -> Step<Session> {
        self.not_again("session")?;
        let opened = self.open_anew().await;
        self.remember("session", opened)
    }

    /// By the route that gives most.
    async fn open_anew(&mut self) -> Step<Session> {
        let routes = self.contract.routes.iter().enumerate();
        let opening: Vec<(usize, &Route)> = routes
            .filter(|(_, route)| routes::opens(route.operation))
            .collect();
        let gives_both = |route: &Route| {
            let slots: Vec<Slot> = route.answer(Outcome::Ok, None).slots().collect();
            slots.contains(&Slot::Access) && slots.contains(&Slot::Refresh)
        };
        let best = opening.iter().find(|(_, route)| gives_both(route));
        let Some((at, route)) = best.or(opening.first()).copied() else {
            return Err("no route of the contract opens a session".to_owned().into());
        };
        let case = Case {
            outcome: Outcome::Ok,
            ..operations::good(at, route)
        };
        let done = self.perform(&case, &Session::default(), None).await?;
        let session = self.opened(&done.seen);
        if !session.has_access() && !session.has_refresh() {
            let (method, path, status) = (route.method, &route.path, done.reply.status);
            let why = format!("no session could be had: {method} {path} answered {status}");
            return Err(Stop::NotProvoked(why));
        }
        self.complete(session).await
    }

    /// A session whose login gave no access token gets one by refreshing.
    pub(super) async fn complete(&mut self, mut session: Session) -> Step<Session> {
        if session.has_access() {
            return Ok(session);
        }
        let Some((at, route)) = self.route_for(Operation::Refresh) else {
            return Ok(session);
        };
        let case = operations::good(at, route).without(Input::AccessToken);
        let done = self.perform(&case, &session, None).await?;
        session.take(&done.seen, self.contract.policy.tokens.sliding);
        Ok(session)
    }

    async fn open_and_end(&mut self) -> Step<Session> {
        self.not_again("end")?;
        let ended = self.end_anew().await;
        self.remember("end", ended)
    }

    async fn end_anew(&mut self) -> Step<Session> {
        let session = self.open().await?;
        let ending = routes::ending(self.contract);
        let ending = ending.and_then(|at| Some((at, self.contract.routes.get(at)?)));
        let Some((at, route)) = ending else {
            return Err("no route of the contract ends a session".to_owned().into());
        };
        let case = operations::good(at, route);
        let done = self.perform(&case, &session, None).await?;
        if self.went_well(&case, &done) {
            return Ok(session);
        }
        let (method, path, status) = (route.method, &route.path, done.reply.status);
        let why = format!("no session could be ended: {method} {path} answered {status}");
        Err(Stop::NotProvoked(why))
    }

    /// A session that was refreshed since, and whose replaced token somebody else has shown once:
    /// once, it may be honoured.
    pub(super) async fn open_and_replace(&mut self, case: &Case) -> Step<Session> {
        let session = self.open().await?;
        let Some(route) = self.contract.routes.get(case.route) else {
            return Ok(session);
        };
        let refresh = operations::good(case.route, route);
        let done = self.perform(&refresh, &session, None).await?;
        if !self.went_well(&refresh, &done) {
            let why = format!(
                "the session could not be refreshed: it answered {}",
                done.reply.status
            );
            return Err(Stop::NotProvoked(why));
        }
        self.perform(&refresh, &session, OTHERS.first().copied())
            .await?;
        Ok(session)
    }

    /// Takes over what a case has opened, and ends what nobody needs any more.
    pub(super) async fn tidy_up(&mut self, case: &Case, mut session: Session, done: &Done) {
        let opens = self.contract.routes.get(case.route);
        let opens = opens.is_some_and(|route| routes::opens(route.operation));
        match case.hold {
            Hold::Fresh | Hold::Replaced => {
                session.take(&done.seen, self.contract.policy.tokens.sliding);
                self.end_quietly(&session).await;
            }
            Hold::Last => self.shared = None,
            Hold::Nothing if opens && case.outcome == Outcome::Ok => {
                let opened = self.opened(&done.seen);
                if (opened.has_access() || opened.has_refresh())
                    && let Some(before) = self.shared.replace(opened)
                {
                    self.end_quietly(&before).await;
                }
            }
            Hold::Nothing | Hold::Shared | Hold::Ended => {}
        }
    }

    /// Ends the session that cases have shared.
    pub(in crate::verify) async fn finish(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.end_quietly(&shared).await;
        }
    }

    /// Ends a session, where one can be ended by itself; whether it worked is another case's matter.
    async fn end_quietly(&mut self, session: &Session) {
        if let Some((at, route)) = self.route_for(Operation::LogOut) {
            let case = operations::good(at, route);
            let _ = Box::pin(self.perform(&case, session, None)).await;
        }
    }

    /// What an opening answer gave.
    pub(super) fn opened(&mut self, seen: &Seen) -> Session {
        let mut session = Session::default();
        session.take(seen, self.contract.policy.tokens.sliding);
        session
    }

    /// The session's id: the contract shows it at login, or in the list of sessions.
    pub(super) async fn session_id(&mut self, session: &Session) -> Step<String> {
        if let Some(id) = &session.id {
            return Ok(id.clone());
        }
        let Some((at, route)) = self.route_for(Operation::ListSessions) else {
            return Err("the contract shows no session's id".to_owned().into());
        };
        let case = operations::good(at, route);
        let done = Box::pin(self.perform(&case, session, None)).await?;
        let lists = done.seen.found.iter().filter_map(|(_, value)| match value {
            Json::Array(items) => Some(items),
            _ => None,
        });
        let current = lists.flatten().find_map(|item| match item {
            Json::Object(members) => {
                let of = |name: &str| members.iter().find(|(known, _)| known == name);
                match (of("current")?, of("id")?) {
                    ((_, Json::Bool(true)), (_, Json::String(id))) => Some(id.clone()),
                    _ => None,
                }
            }
            _ => None,
        });
        current.ok_or_else(|| {
            "the session is not in the list of sessions"
                .to_owned()
                .into()
        })
    }
}
