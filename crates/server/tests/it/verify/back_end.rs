//! An old back end against the contract that is to take its place: what the report says is what a
//! team reads before it moves.

use serde_json::json;

use super::*;
use crate::interop::peer::{Frameworks, Peer};

#[tokio::test]
async fn what_django_and_simplejwt_keep_of_phone_pair_can_be_read_off() {
    let Some(mut python) = Peer::start(Frameworks::Older) else {
        return;
    };
    let port = python.ask("serve", &json!({ "users": [[PHONE, PASSWORD]] }));
    let ran = verify_as(PHONE, "phone-pair", &format!("http://127.0.0.1:{port}"));
    insta::assert_snapshot!("django-and-simplejwt", redacted(&ran.expect(1)));
}
