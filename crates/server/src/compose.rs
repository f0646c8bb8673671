//! Putting the rooms together: the store under the engine, the engine under the web, the mail room
//! beside it. The same core serves a server and a command that works on its data; what only a
//! server has is in [`server`](crate::server).

use std::{sync::Arc, time::Duration};

use daemun_contract::Contract;
use daemun_engine::{
    Engine, KeysError, Parts, StartError,
    legacy::LegacySecrets,
    limits::Limits,
    password::Hasher,
    policy::Policy,
    ports::{Clock, Store},
    seal::{SealError, Sealer},
};
use daemun_mail::{Couriers, TemplateError, Templates, Worker};

use crate::{
    adapters::{SystemClock, SystemEntropy},
    config::Installation,
    data::DataDir,
    report::{Failure, Kind},
    stores::{OpenError, Opening, Stores},
};

/// How far the clocks of several nodes may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// The engine on its store, and of the installation what is needed beside it.
pub(crate) struct Core {
    pub(crate) data: DataDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) contracts: Vec<Contract>,
    pub(crate) legacy: LegacySecrets,
    pub(crate) public_url: String,
    service_name: String,
    outbox_sealer: Arc<Sealer>,
}

/// Why the core does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CoreError {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Hashing(#[from] daemun_engine::password::HashingFault),
    #[error(transparent)]
    Engine(#[from] StartError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Core {
    /// Opens the store, making or migrating it where need be, and starts the engine on it.
    pub(crate) async fn start(
        data: DataDir,
        installation: Installation,
    ) -> Result<Self, CoreError> {
        Self::open(data, installation, Opening::Make).await
    }

    /// Opens the store as a command does, beside a server or without one.
    pub(crate) async fn beside(
        data: DataDir,
        installation: Installation,
    ) -> Result<Self, CoreError> {
        Self::open(data, installation, Opening::Existing).await
    }

    async fn open(
        data: DataDir,
        installation: Installation,
        opening: Opening,
    ) -> Result<Self, CoreError> {
        let stores = Stores::open(&installation.stores, &data.database(), opening).await?;
        let store = stores.store;
        let limits = match stores.counters {
            Some(counters) => {
                let key = installation.master.hmac("limits");
                Limits::shared(installation.limits, counters, key)
            }
            None => Limits::new(installation.limits),
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let outbox_sealer = Arc::new(installation.master.sealer("outbox")?);
        let parts = Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::new(SystemEntropy),
            hasher: Hasher::new(installation.hashing)?,
            limits,
            master: installation.master,
            legacy: installation.legacy.clone(),
            issuer: installation.public_url.clone(),
            service_name: installation.service_name.clone(),
            signing_key_age: installation.signing_age,
            clocks_apart: match installation.stores.is_embedded() {
                true => Duration::ZERO,
                false => CLOCKS_APART,
            },
            policies: policies(&installation.contracts),
        };
        Ok(Self {
            data,
            store,
            engine: Arc::new(Engine::start(parts).await?),
            clock,
            contracts: installation.contracts,
            legacy: installation.legacy,
            public_url: installation.public_url,
            service_name: installation.service_name,
            outbox_sealer,
        })
    }

    /// The worker that sends what is in the outbox.
    pub(crate) fn mail_worker(&self, couriers: Couriers) -> Result<Worker, TemplateError> {
        Ok(Worker::new(
            self.store.clone(),
            Arc::clone(&self.outbox_sealer),
            self.templates()?,
            couriers,
            Arc::clone(&self.clock),
        ))
    }

    /// The words of mails and text messages: the house's own, and those the contracts bring.
    fn templates(&self) -> Result<Templates, TemplateError> {
        let mut templates = Templates::new(&self.service_name)?;
        for contract in &self.contracts {
            for message in &contract.messages.0 {
                let subject = message.subject.as_deref();
                templates = templates.with_contract(
                    &contract.name,
                    message.locale,
                    &message.content,
                    subject,
                    &message.text,
                )?;
            }
        }
        Ok(templates)
    }
}

fn policies(contracts: &[Contract]) -> Vec<Policy> {
    contracts.iter().map(|c| c.policy.clone()).collect()
}

impl From<CoreError> for Failure {
    fn from(error: CoreError) -> Self {
        let what = "daemun cannot start on its data";
        match &error {
            CoreError::Store(_) => {
                Self::new(Kind::Unreachable, "the database cannot be opened").because(&error)
            }
            CoreError::Engine(StartError::Keys(KeysError::Sealed { .. })) => Self::new(
                Kind::Failed,
                what,
            )
            .because(&error)
            .mend(
                "the master key that was in use when this data was made; it is not stored with it",
            ),
            CoreError::Engine(StartError::Store(_) | StartError::Keys(KeysError::Store(_))) => {
                Self::new(Kind::Unreachable, what).because(&error)
            }
            CoreError::Engine(StartError::Key { .. } | StartError::NoLegacySecret { .. }) => {
                Self::new(Kind::Failed, what).because(&error).mend(
                    "the former back end's secret in DAEMUN_LEGACY_SECRET (or a file named by \
                     DAEMUN_LEGACY_SECRET_FILE), at least as long as the contract's hash: 32 bytes \
                     for HS256, 64 for HS512",
                )
            }
            _ => Self::new(Kind::Failed, what).because(&error),
        }
    }
}
