//! The command line: what can be asked for, in clap's words. What each command does lives in
//! [`command`](crate::command).

pub(crate) mod migrate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A login server that speaks your front end's wire format.
///
/// Without a command it starts in development mode, as `daemun dev` does.
#[derive(Parser)]
#[command(name = "daemun", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed: faults in a configuration or a contract, a server that does not keep one,
     a weak password
  2  the command line is wrong
  3  there is no such account, session, key or contract
  4  conflict: taken by another account, or by another server
  5  the data or the running server cannot be reached
  130  stopped by Ctrl-C";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start in development mode: this machine only, nothing to configure, mail kept in an outbox
    Dev(Dev),
    /// Start in production: refuses whatever is unsafe, all at once
    Serve(Serve),
    /// Explain what is wrong or risky in a configuration, without starting
    Doctor(Doctor),
    /// Check, explain and document contracts
    #[command(subcommand)]
    Contract(Contract),
    /// Make accounts and look at them, shut them out, bring them back, erase them
    #[command(subcommand)]
    Account(Account),
    /// Look at sessions and end them
    #[command(subcommand)]
    Session(Session),
    /// Look at the signing keys and rotate them
    #[command(subcommand)]
    Key(Key),
    /// Make and revoke the keys that services show
    #[command(subcommand)]
    ServiceKey(ServiceKey),
    /// See who listens to the stream of revocations
    #[command(subcommand)]
    Verifier(Verifier),
    /// See which servers there are over the same stores
    #[command(subcommand)]
    Node(Node),
    /// Take the place of a back end that runs: its accounts, its passwords, its live tokens
    #[command(subcommand)]
    Migrate(migrate::Migrate),
}

#[derive(Args)]
pub(crate) struct Dev {
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Where the data is kept
    #[arg(
        long,
        value_name = "DIR",
        env = "DAEMUN_DATA",
        default_value = "./.daemun"
    )]
    pub(crate) data: PathBuf,
    /// A contract of your own, mounted beside those that come with daemun
    #[arg(long = "contract", value_name = "FILE")]
    pub(crate) contracts: Vec<PathBuf>,
}

impl Default for Dev {
    /// What `daemun` alone starts.
    fn default() -> Self {
        Self {
            port: 8080,
            data: std::env::var_os("DAEMUN_DATA").map_or_else(|| "./.daemun".into(), PathBuf::from),
            contracts: Vec::new(),
        }
    }
}

#[derive(Args)]
pub(crate) struct Serve {
    /// The configuration; DAEMUN_… variables go before what it says
    #[arg(long, value_name = "FILE", env = "DAEMUN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// A contract to mount beside those of the configuration
    #[arg(long = "contract", value_name = "FILE")]
    pub(crate) contracts: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Doctor {
    /// The configuration; DAEMUN_… variables go before what it says
    #[arg(long, value_name = "FILE", env = "DAEMUN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// A contract that would be mounted beside those of the configuration
    #[arg(long = "contract", value_name = "FILE")]
    pub(crate) contracts: Vec<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Contract {
    /// Report everything that is wrong with contract files
    Check {
        /// The files; several are also checked for routes that clash
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a contract's routes, what they take and what they answer
    Explain {
        /// A file, or the name of a contract that comes with daemun
        #[arg(value_name = "FILE|NAME")]
        contract: String,
    },
    /// Print a contract's OpenAPI 3.1 document
    Openapi {
        /// A file, or the name of a contract that comes with daemun
        #[arg(value_name = "FILE|NAME")]
        contract: String,
        /// The URL of the server that the document speaks of
        #[arg(long, default_value = "/")]
        url: String,
    },
    /// Hold a running server against a contract: the back end you have, or daemun itself
    Verify(Verify),
}

#[derive(Args)]
#[command(after_help = VERIFY_NOTES)]
pub(crate) struct Verify {
    /// A file, or the name of a contract that comes with daemun
    #[arg(value_name = "FILE|NAME")]
    pub(crate) contract: String,
    /// The server
    #[arg(long, value_name = "URL")]
    pub(crate) against: String,
    /// A test account that can log in: its address
    #[arg(long, value_name = "ADDRESS", requires = "password_stdin")]
    pub(crate) account: Option<String>,
    /// Read its password from standard input; one line break at its end is not part of it
    #[arg(long, requires = "account")]
    pub(crate) password_stdin: bool,
    /// Allow accounts to be made, by the contract's own sign-up; {} in the pattern of their
    /// addresses stands for what differs
    #[arg(
        long,
        value_name = "PATTERN",
        num_args = 0..=1,
        require_equals = true
    )]
    pub(crate) sign_up: Option<Option<String>>,
    /// What tells the code that was sent to {address}, on its standard output [default: the
    /// outbox of daemun's development mode]
    #[arg(long, value_name = "COMMAND")]
    pub(crate) code_command: Option<String>,
    /// The file with the key that trusted callers show [default: the variable DAEMUN_SERVICE_KEY
    /// has the key itself]
    #[arg(long, value_name = "FILE")]
    pub(crate) service_key: Option<PathBuf>,
    /// Only this route (its path, `POST /path`, or its operation) or this outcome
    #[arg(long, value_name = "ROUTE|OUTCOME")]
    pub(crate) only: Vec<String>,
    /// A header for every request
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// The language to verify, where the contract has several
    #[arg(long, value_name = "TAG")]
    pub(crate) locale: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const VERIFY_NOTES: &str = "\
It is gentle, and yet no mere reader: it logs the test account in a dozen times or two, sends one
wrong password for it at each route that checks one, and ends the sessions it opened. Where the
contract can log out everywhere, the account's other sessions end as well: give it an account of
its own.

Exit codes: 0 all agree, 1 something differs, 5 the server cannot be reached.";

/// Which installation a command is about. It may be running meanwhile.
#[derive(Args, Clone)]
pub(crate) struct Place {
    /// The data of a development server [default: ./.daemun]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) data: Option<PathBuf>,
    /// The configuration of a production server [default: DAEMUN_CONFIG, or DAEMUN_… variables
    /// alone where DAEMUN_PUBLIC_URL is one of them]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Answer in JSON, errors too
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Account {
    /// Make an account
    Create(CreateAccount),
    /// Show an account
    Show {
        /// Its id, e-mail address or phone number
        #[arg(value_name = "ID|ADDRESS", allow_hyphen_values = true)]
        account: String,
        #[command(flatten)]
        place: Place,
    },
    /// List accounts
    List {
        /// How many at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        #[command(flatten)]
        place: Place,
    },
    /// Shut an account out and end its sessions
    Suspend {
        /// Its id, e-mail address or phone number
        #[arg(value_name = "ID|ADDRESS", allow_hyphen_values = true)]
        account: String,
        /// Why, for whoever looks at it later
        #[arg(long, value_name = "WORDS")]
        reason: Option<String>,
        /// When it ends by itself: a time such as 2026-12-01T00:00:00Z, or a span such as 7d
        /// [default: never]
        #[arg(long, value_name = "TIME|SPAN")]
        until: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Let an account in again that was suspended, or withdrawn and not yet erased
    Restore {
        /// Its id, e-mail address or phone number
        #[arg(value_name = "ID|ADDRESS", allow_hyphen_values = true)]
        account: String,
        #[command(flatten)]
        place: Place,
    },
    /// Give an account up: nobody gets in any more, and what is personal is erased after a while
    Withdraw(Withdraw),
    /// Give an account a role, or take it away
    #[command(subcommand)]
    Role(Role),
}

#[derive(Args)]
pub(crate) struct Withdraw {
    /// Its id, e-mail address or phone number
    #[arg(value_name = "ID|ADDRESS", allow_hyphen_values = true)]
    pub(crate) account: String,
    /// How long it can still be restored, such as 30d
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "30d",
        conflicts_with = "now"
    )]
    pub(crate) grace: String,
    /// Why, for whoever looks at it until then
    #[arg(long, value_name = "WORDS")]
    pub(crate) reason: Option<String>,
    /// Erase what is personal at once; nothing brings it back
    #[arg(long)]
    pub(crate) now: bool,
    /// Do not ask whether that is meant
    #[arg(long, requires = "now")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Subcommand)]
pub(crate) enum Role {
    /// Give an account a role, such as admin
    Add(RoleOf),
    /// Take a role away
    Remove(RoleOf),
}

#[derive(Args)]
pub(crate) struct RoleOf {
    /// The account's id, e-mail address or phone number
    #[arg(value_name = "ID|ADDRESS", allow_hyphen_values = true)]
    pub(crate) account: String,
    /// The role
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Subcommand)]
pub(crate) enum ServiceKey {
    /// Make a key and show it, once
    Create {
        /// What to call it: it stands in the audit trail
        #[arg(long)]
        name: String,
        /// What whoever shows it may do; can be given several times
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = ["tokens", "admin", "revocations", "introspection"])]
        scopes: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List the keys there ever were
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a key: whoever shows it is refused from the next request on
    Revoke {
        /// What it is called
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(crate) enum Verifier {
    /// List who listens, at whichever node, since when, and how far behind each is
    List {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(crate) enum Node {
    /// List the servers that run, their versions, and when each was last heard of
    List {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
pub(crate) struct CreateAccount {
    #[command(flatten)]
    pub(crate) address: Address,
    /// The display name
    #[arg(long, value_name = "NAME")]
    pub(crate) nickname: Option<String>,
    /// Vouch for the address, so that the account can be used at once
    #[arg(long)]
    pub(crate) verified: bool,
    /// Read the password from standard input; one line break at its end is not part of it
    #[arg(long, required = true)]
    pub(crate) password_stdin: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// One address: accounts are made with one.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Address {
    /// The e-mail address
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// The phone number
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) phone: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Session {
    /// List sessions: all, or the live ones of an account
    List {
        /// The account's id, e-mail address or phone number
        #[arg(long, value_name = "ID|ADDRESS", allow_hyphen_values = true)]
        account: Option<String>,
        /// How many at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        #[command(flatten)]
        place: Place,
    },
    /// End a session, or every session of an account, from the next request on
    Revoke {
        /// The session's id
        #[arg(
            value_name = "SESSION",
            required_unless_present = "account",
            conflicts_with = "account"
        )]
        session: Option<String>,
        /// The account's id, e-mail address or phone number
        #[arg(long, value_name = "ID|ADDRESS", allow_hyphen_values = true)]
        account: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Say why a session is over, or that it is not
    Why {
        /// The session's id: `sid` of its tokens
        #[arg(value_name = "SESSION")]
        session: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(crate) enum Key {
    /// List the signing keys
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Have the next key sign from now on; the old one goes on verifying what it signed
    Rotate {
        #[command(flatten)]
        place: Place,
    },
}

impl Account {
    /// Which installation it is about.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::Create(create) => &create.place,
            Self::Withdraw(withdraw) => &withdraw.place,
            Self::Role(Role::Add(role) | Role::Remove(role)) => &role.place,
            Self::Show { place, .. }
            | Self::List { place, .. }
            | Self::Suspend { place, .. }
            | Self::Restore { place, .. } => place,
        }
    }
}

impl Session {
    /// Which installation it is about.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::List { place, .. } | Self::Revoke { place, .. } | Self::Why { place, .. } => {
                place
            }
        }
    }
}

impl ServiceKey {
    /// Which installation it is about.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::Create { place, .. } | Self::List { place } | Self::Revoke { place, .. } => place,
        }
    }
}

impl Verifier {
    /// Which installation it is about.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::List { place } => place,
        }
    }
}

impl Node {
    /// Which installation it is about.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::List { place } => place,
        }
    }
}

impl Key {
    /// Which installation it is about.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::List { place } | Self::Rotate { place } => place,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
