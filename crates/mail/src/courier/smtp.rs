//! Mail by SMTP.
//!
//! Connections are kept and used again, but only after a conversation that ended well: one that was
//! cut off in the middle, by a timeout say, still owes us a reply, and the next letter would take
//! that for its own.

use std::{
    fmt,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use daemun_engine::{address::Email, time::Timestamp};
use lettre::{
    Address, Message,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        extension::ClientId,
    },
};

use super::{Courier, DeliveryError, Letter, Reason, SetupError};

/// Idle connections kept; more than the worker has letters on the way by default.
const MOST_IDLE: usize = 16;
/// How long a connection may idle before a new one is made instead.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// Where mail is handed over, and as whom.
#[derive(Clone)]
pub struct SmtpConfig {
    /// The server's name, which its certificate must bear, or address.
    pub host: String,
    /// The port; by default 25, 587 or 465, as `tls` goes.
    pub port: Option<u16>,
    /// How the connection is secured.
    pub tls: SmtpTls,
    /// A certificate authority (PEM) to trust beside the public ones.
    pub authority: Option<Vec<u8>>,
    /// Who we are to the server.
    pub login: Option<SmtpLogin>,
    /// The sender: `login@example.com` or `Name <login@example.com>`.
    pub from: String,
    /// How long handing over one letter may take as a whole.
    pub timeout: Duration,
}

/// How a connection to a mail server is secured. There is no "if the server offers it": whoever
/// can read along can also make the offer disappear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Not at all; for a server on this machine.
    None,
    /// After a greeting in the clear, or not at all (RFC 3207).
    StartTls,
    /// From the first byte (RFC 8314): the better choice.
    Tls,
}

/// A user of a mail server.
#[derive(Clone)]
pub struct SmtpLogin {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Hands letters to a mail server.
pub struct SmtpCourier {
    server: Server,
    from: Mailbox,
    timeout: Duration,
    idle: Mutex<Vec<Idle>>,
}

impl SmtpCourier {
    /// Checks the configuration. Connects to nothing yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: SmtpConfig) -> Result<Self, SetupError> {
        let from = sender(&config.from)?;
        let timeout = config.timeout;
        Ok(Self {
            server: Server::new(config)?,
            from,
            timeout,
            idle: Mutex::default(),
        })
    }

    fn compose(&self, letter: &Letter) -> Result<Message, DeliveryError> {
        let to = address(&letter.to).ok_or(DeliveryError::Permanent(Reason::Address))?;
        if letter.subject.chars().any(char::is_control) {
            return Err(DeliveryError::Permanent(Reason::Form));
        }
        let id = format!("<{}@{}>", letter.key(), self.from.email.domain());
        Message::builder()
            .message_id(Some(id))
            .date(system_time(letter.written_at))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject.as_str())
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .raw_header(nobody_should_answer())
            .body(letter.text.clone())
            .map_err(|_| DeliveryError::Permanent(Reason::Form))
    }

    /// A connection that is in step: an idle one that still answers, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        while let Some(idle) = self.take_idle() {
            let mut connection = idle.connection;
            if connection.test_connected().await {
                return Ok(connection);
            }
        }
        // Whatever goes wrong before there is a letter is not this letter's fault.
        let made = self.server.connect(self.timeout).await;
        made.map_err(|error| DeliveryError::Transient(reason(&error)))
    }

    fn take_idle(&self) -> Option<Idle> {
        let mut idle = self.idle();
        idle.retain(|one| one.since.elapsed() < LONGEST_IDLE);
        idle.pop()
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Courier for SmtpCourier {
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let message = self.compose(letter)?;
        let mut connection = self.connection().await?;
        connection
            .send(message.envelope(), &message.formatted())
            .await
            .map_err(|error| judge(&error))?;
        self.keep(connection);
        Ok(())
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

struct Server {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    hello: ClientId,
}

enum Security {
    None,
    StartTls(TlsParameters),
    Tls(TlsParameters),
}

impl Server {
    fn new(config: SmtpConfig) -> Result<Self, SetupError> {
        if config.login.is_some() && config.tls == SmtpTls::None && !is_this_machine(&config.host) {
            return Err(SetupError::PlainLogin(config.host.into()));
        }
        let security = match config.tls {
            SmtpTls::None => Security::None,
            SmtpTls::StartTls => Security::StartTls(tls(&config)?),
            SmtpTls::Tls => Security::Tls(tls(&config)?),
        };
        Ok(Self {
            port: config.port.unwrap_or(config.tls.port()),
            host: config.host,
            security,
            credentials: config
                .login
                .map(|login| Credentials::new(login.user, login.password)),
            hello: ClientId::default(),
        })
    }

    async fn connect(&self, timeout: Duration) -> Result<AsyncSmtpConnection, Error> {
        let wrapper = match &self.security {
            Security::Tls(parameters) => Some(parameters.clone()),
            Security::None | Security::StartTls(_) => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(timeout),
            &self.hello,
            wrapper,
            None,
        )
        .await?;
        if let Security::StartTls(parameters) = &self.security {
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

impl SmtpTls {
    const fn port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::StartTls => 587,
            Self::Tls => 465,
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn tls(config: &SmtpConfig) -> Result<TlsParameters, SetupError> {
    let failed = |error: Error| SetupError::Tls(error.to_string());
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.authority {
        parameters = parameters.add_root_certificate(Certificate::from_pem(pem).map_err(failed)?);
    }
    parameters.build().map_err(failed)
}

fn sender(text: &str) -> Result<Mailbox, SetupError> {
    let refused = || SetupError::From(text.into());
    if text.chars().any(char::is_control) {
        return Err(refused());
    }
    let written: Mailbox = text.parse().map_err(|_| refused())?;
    let email = address(written.email.as_ref()).ok_or_else(refused)?;
    Ok(Mailbox::new(written.name, email))
}

/// One plain address, its domain in ASCII so that no server needs an extension for it. The local
/// part stays as it was stored.
fn address(stored: &str) -> Option<Address> {
    let email = Email::parse(stored).ok()?;
    if email.as_str() != stored {
        return None;
    }
    let key = email.key();
    let (_, domain) = key.rsplit_once('@')?;
    let (local, _) = stored.rsplit_once('@')?;
    Address::new(local, domain).ok()
}

/// Asks vacation responders to be silent (RFC 3834 §5).
fn nobody_should_answer() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + at.since(Timestamp::EPOCH)
}

/// What a failure in the middle of a letter means for it.
fn judge(error: &Error) -> DeliveryError {
    let reason = reason(error);
    match reason {
        // Authentication (RFC 4954 §6): our fault, not the letter's.
        Reason::Smtp(530 | 534 | 535 | 538) => DeliveryError::Transient(reason),
        Reason::Smtp(500..) => DeliveryError::Permanent(reason),
        // The letter needs what the server cannot do, such as a Hangul mailbox name.
        Reason::Protocol if error.is_client() => DeliveryError::Permanent(reason),
        _ => DeliveryError::Transient(reason),
    }
}

fn reason(error: &Error) -> Reason {
    if let Some(code) = error.status() {
        Reason::Smtp(code.into())
    } else if error.is_timeout() {
        Reason::Timeout
    } else if error.is_tls() {
        Reason::Tls
    } else if error.is_client() || error.is_response() {
        Reason::Protocol
    } else {
        Reason::Connection
    }
}

impl fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SmtpLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpLogin(…)")
    }
}

impl fmt::Debug for SmtpCourier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpCourier({}:{})", self.server.host, self.server.port)
    }
}
