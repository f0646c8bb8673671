//! `daemun service-key`: make the keys that services show, list them, revoke them.

use daemun_engine::service_key::{ServiceKey, ServiceKeyError, ServiceScope};
use serde_json::{Value, json};

use super::operate::{self, tell};
use crate::{
    cli,
    compose::Core,
    report::{Answer, Failure, Kind, Outcome, table},
};

pub(super) async fn run(command: cli::ServiceKey) -> Outcome {
    match command {
        cli::ServiceKey::Create {
            name,
            scopes,
            place,
        } => create(&operate::open_or_make(&place).await?, &name, &scopes).await,
        cli::ServiceKey::List { place } => list(&operate::open(&place).await?).await,
        cli::ServiceKey::Revoke { name, place } => {
            revoke(&operate::open(&place).await?, &name).await
        }
    }
}

async fn create(core: &Core, name: &str, scopes: &[String]) -> Outcome {
    let scopes = scopes.iter().map(|name| ServiceScope::from_name(name));
    let scopes: Option<Vec<_>> = scopes.collect();
    let unknown = || Failure::new(Kind::Usage, "there is no such scope");
    let scopes = scopes.ok_or_else(unknown)?;
    let made = core.engine.create_service_key(name, &scopes).await;
    let (key, plain) = made.map_err(|error| failed(error, name))?;
    tell(core)?;
    let text = format!(
        "{}\n\nThis is the key of {name} (scopes: {}), and it is not shown again. A service shows it as\n  Authorization: Bearer …\n",
        plain.reveal(),
        names(&key),
    );
    let mut json = key_json(&key);
    if let Some(object) = json.as_object_mut() {
        object.insert("key".into(), plain.reveal().into());
    }
    Ok(Answer::new(text, json))
}

async fn list(core: &Core) -> Outcome {
    let keys = core.engine.service_keys().await.map_err(Failure::from)?;
    let rows: Vec<[String; 5]> = keys.iter().map(row).collect();
    let headings = ["name", "id", "scopes", "made", "revoked"];
    let json = keys.iter().map(key_json).collect();
    Ok(Answer::new(table(headings, &rows), json))
}

async fn revoke(core: &Core, name: &str) -> Outcome {
    let revoked = core.engine.revoke_service_key(name).await;
    let key = revoked.map_err(|error| failed(error, name))?;
    tell(core)?;
    let text = format!("the key of {name} is worth nothing any more");
    Ok(Answer::new(text, key_json(&key)))
}

fn failed(error: ServiceKeyError, name: &str) -> Failure {
    match error {
        ServiceKeyError::NameTaken => {
            Failure::new(Kind::Conflict, format!("there is a key called {name}")).mend(format!(
                "another --name, or first: daemun service-key revoke {name}"
            ))
        }
        ServiceKeyError::NotFound => {
            Failure::new(Kind::NotFound, format!("no living key is called {name}"))
                .mend("daemun service-key list, with the same --data or --config")
        }
        ServiceKeyError::InvalidName | ServiceKeyError::NoScope => {
            Failure::new(Kind::Usage, format!("{name:?} is {error}")).mend("--name billing")
        }
        ServiceKeyError::Trouble(trouble) => trouble.into(),
    }
}

fn names(key: &ServiceKey) -> String {
    let names: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    names.join(", ")
}

fn row(key: &ServiceKey) -> [String; 5] {
    let revoked = key.revoked_at;
    [
        key.name.to_string(),
        key.id.to_string(),
        names(key),
        key.created_at.to_string(),
        revoked.map_or_else(|| "-".into(), |at| at.to_string()),
    ]
}

/// A key, for scripts: all but itself.
fn key_json(key: &ServiceKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
        "created_at": key.created_at.to_string(),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
    })
}
