//! Every answer of every built-in contract, byte for byte, and their documents.

use daemun_contract::builtin;

use crate::support::{contract, written_out};

#[test]
fn every_answer_is_as_it_was() {
    for (name, _) in builtin() {
        insta::assert_snapshot!(format!("answers-{name}"), written_out(&contract(name)));
    }
}

#[test]
fn the_route_table_is_as_it_was() {
    for (name, _) in builtin() {
        insta::assert_snapshot!(format!("explain-{name}"), contract(name).explain());
    }
}

#[test]
fn the_openapi_document_is_as_it_was() {
    let document = contract("email-cookie").openapi("http://localhost:8080");
    let text = serde_json::to_string_pretty(&document).unwrap();
    insta::assert_snapshot!("openapi-email-cookie", text);
}
