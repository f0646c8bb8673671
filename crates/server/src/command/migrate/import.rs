//! `daemun migrate import`: a dry run, or the import itself, beside a running server or without one.

use std::sync::Arc;

use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    import::{Import as Port, Known},
    ports::Clock,
};
use daemun_migrate::{
    account::{Inactive, Reader},
    accounts::{self, Destination, Target},
    source::Source,
    tokens::{self, Place, Shape, TokenList},
};

use super::{
    mapping,
    show::{Accounts, Report},
    source, url_of,
    watch::{Onlooker, StopFlag},
    wrong_map,
};
use crate::{
    adapters::SystemClock,
    cli::migrate::{self as cli, Import},
    command::operate::{self, tell},
    compose::Core,
    control,
    report::{Answer, Failure, Kind, Outcome, remark},
};

pub(super) async fn run(command: &Import) -> Outcome {
    let source = source(&command.source)?;
    let lists = lists(&command.tokens, source.as_ref())?;
    if source.is_none() && lists.is_empty() {
        return Err(
            Failure::new(Kind::Usage, "it is not said what is to be taken over").mend(
                "--django-sqlite FILE, --django-postgres URL, --csv FILE or --jsonl FILE for \
                 accounts; --redis-whitelist or --redis-blacklist for tokens",
            ),
        );
    }
    let core = core(command).await?;
    if let Some(core) = &core {
        warn_of_unknown_contract(core, &lists);
    }
    let stop = StopFlag::on_signals()?;
    let mut result = Report {
        applied: command.apply,
        accounts: None,
        tokens: Vec::new(),
    };
    let carried = carry(
        command,
        source.as_ref(),
        lists,
        core.as_ref(),
        &stop,
        &mut result,
    )
    .await;
    if let Some(core) = core.as_ref().filter(|_| command.apply) {
        // Of what broke off too: what it took over until then stays.
        let detail = match &carried {
            Ok(()) => result.detail(),
            Err(_) => "broke off".into(),
        };
        audit(core, detail).await?;
        tell(core)?;
    }
    carried?;
    answer(&result)
}

async fn carry(
    command: &Import,
    source: Option<&Source>,
    lists: Vec<TokenList>,
    core: Option<&Core>,
    stop: &StopFlag,
    result: &mut Report,
) -> Outcome<()> {
    if let Some(source) = source {
        let target = target(core, command.apply);
        result.accounts = Some(carry_accounts(command, source, &target, stop).await?);
    }
    for list in lists {
        if result.was_stopped() {
            break;
        }
        let core = core.filter(|_| command.apply);
        let store = core.map(|core| core.store.clone() as Arc<dyn Port>);
        let is_stopped = || stop.is_set();
        let tally = tokens::carry(&list, store, SystemClock.now(), &is_stopped).await?;
        result.tokens.push((list, tally));
    }
    Ok(())
}

async fn carry_accounts(
    command: &Import,
    source: &Source,
    target: &Target,
    stop: &StopFlag,
) -> Outcome<Accounts> {
    let mut reading = source.open().await?;
    let mapping = mapping(&command.source, &reading)?;
    mapping.check().map_err(wrong_map)?;
    let reader = Reader {
        mapping,
        inactive: command.inactive.map(|inactive| match inactive {
            cli::Inactive::Unverified => Inactive::Unverified,
            cli::Inactive::Suspended => Inactive::Suspended,
        }),
        no_password_ok: command.no_password_ok,
    };
    let mut onlooker = Onlooker::new(stop.clone(), command.report.as_deref())?;
    let carried = accounts::carry(&mut reading, &reader, target, &mut onlooker).await;
    let finished = onlooker.finish();
    let (tally, (took, first_remarks)) = (carried?, finished?);
    Ok(Accounts {
        tally,
        mapping: reader.mapping,
        took,
        first_remarks,
    })
}

/// The installation: made where there is none and something is to be written; a dry run needs none,
/// and then finds no conflicts with accounts that are here already.
async fn core(command: &Import) -> Outcome<Option<Core>> {
    if command.apply {
        return operate::open_or_make(&command.place).await.map(Some);
    }
    match operate::open(&command.place).await {
        Err(_) if !operate::is_named(&command.place) => {
            remark(
                "no data is named (--data, --config): not compared with accounts that are here \
                 already",
            );
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

fn target(core: Option<&Core>, apply: bool) -> Target {
    let Some(core) = core else {
        return Target::Preview(None);
    };
    let store: Arc<dyn Port> = core.store.clone();
    if !apply {
        return Target::Preview(Some(store));
    }
    Target::Store(Destination {
        store,
        clock: Arc::clone(&core.clock),
        horizon: core.engine.horizon(),
        is_shared: control::is_running(&core.data),
    })
}

fn lists(given: &cli::Tokens, source: Option<&Source>) -> Outcome<Vec<TokenList>> {
    let mut lists = Vec::new();
    let contract: Box<str> = given.contract.as_deref().unwrap_or_default().into();
    let mut list = |place, state| {
        let contract = contract.clone();
        lists.push(TokenList {
            place,
            state,
            contract,
        });
    };
    if given.simplejwt_blacklist {
        let source = source.ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                "the blacklist lies in a database, and none is named",
            )
            .mend("--django-sqlite FILE, or --django-postgres URL")
        })?;
        list(Place::SimpleJwt(source.clone()), Known::Dead);
    }
    let redis = |url: &str, shape| -> Outcome<Place> {
        Ok(Place::Redis {
            url: url_of(url)?,
            prefix: given.key_prefix.clone(),
            shape,
        })
    };
    if let Some(url) = &given.redis_whitelist {
        list(redis(url, Shape::ValueIsToken)?, Known::Listed);
    }
    if let Some(url) = &given.redis_blacklist {
        let shape = match given.redis_shape {
            cli::Shape::KeyIsToken => Shape::KeyIsToken,
            cli::Shape::ValueIsToken => Shape::ValueIsToken,
            cli::Shape::KeyIsJti => Shape::KeyIsJti,
        };
        list(redis(url, shape)?, Known::Dead);
    }
    Ok(lists)
}

/// A server may have been given contracts that a command does not know of.
fn warn_of_unknown_contract(core: &Core, lists: &[TokenList]) {
    if let Some(list) = lists.first()
        && !core
            .contracts
            .iter()
            .any(|contract| contract.name == list.contract)
    {
        remark(&format!(
            "no contract `{}` is known here: its tokens count only once one of that name is mounted",
            list.contract
        ));
    }
}

async fn audit(core: &Core, detail: String) -> Outcome<()> {
    let event = AuditEvent {
        at: core.clock.now(),
        kind: AuditKind::AccountsImported,
        contract: "".into(),
        account: None,
        session: None,
        network: None,
        detail: Some(detail.into()),
    };
    let recorded = core.store.record(event).await;
    recorded.map_err(|error| {
        Failure::new(Kind::Unreachable, "it is done, but not in the audit trail").because(error)
    })
}

fn answer(result: &Report) -> Outcome {
    if result.was_stopped() {
        return Err(Failure::new(Kind::Interrupted, "stopped before the end")
            .because(result.detail())
            .mend("the same command again: what was taken over is left as it is, and the rest follows")
            .with("result", result.json()));
    }
    Ok(Answer::new(result.text(), result.json()))
}
