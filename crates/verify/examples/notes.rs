//! A resource server of one page: notes that everybody who is signed in reads, and their owners write.
//!
//! ```text
//! cargo run --release                                                   # daemun, in another terminal
//! cargo run -p daemun-verify --features axum --example notes
//! curl localhost:4000/notes/1                                            # 401, and how to do better
//! curl localhost:4000/notes/1 -H "Authorization: Bearer $ACCESS_TOKEN"
//! ```
//!
//! `DAEMUN_SERVICE_KEY` makes it follow revocations as well.

use std::{
    collections::HashMap,
    env,
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use daemun_verify::{
    OwnerOrReadOnly, Refusal, ResourceServer,
    axum::{Auth, Caller},
};
use serde::Serialize;

#[derive(Clone, Serialize)]
struct Note {
    owner: i64,
    text: String,
}

type Notes = Arc<Mutex<HashMap<u64, Note>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = env::var("DAEMUN_URL").unwrap_or_else(|_| "http://localhost:8080".into());
    let mut server = ResourceServer::discover(&issuer)
        .cache_file(env::temp_dir().join("notes-keys.json"))
        .verifier_name("notes");
    if let Ok(key) = env::var("DAEMUN_SERVICE_KEY") {
        server = server.revocations(&key);
    }
    let app = app(&server.build().await?);
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 4000))).await?;
    Ok(axum::serve(listener, app).await?)
}

fn app(server: &ResourceServer) -> Router {
    let notes = Notes::default();
    Router::new()
        .route("/notes/{id}", get(read).put(write))
        .route("/me", get(me))
        .layer(server.layer().required())
        .with_state(notes)
}

async fn me(auth: Auth) -> Json<Option<i64>> {
    Json(auth.account())
}

async fn read(State(notes): State<Notes>, Path(id): Path<u64>) -> Result<Json<Note>, Refusal> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.get(&id).cloned().map(Json).ok_or(Refusal::NotFound)
}

/// Whoever writes first owns a note.
async fn write(
    State(notes): State<Notes>,
    Path(id): Path<u64>,
    caller: Caller,
    text: String,
) -> Response {
    let Some(account) = caller.principal().and_then(|one| one.account()) else {
        return caller.refused(&Refusal::Forbidden).into_response();
    };
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let owner = notes.get(&id).map_or(account, |note| note.owner);
    if let Err(refused) = caller.may(&OwnerOrReadOnly::new(), owner) {
        return refused.into_response();
    }
    notes.insert(id, Note { owner, text });
    StatusCode::NO_CONTENT.into_response()
}
