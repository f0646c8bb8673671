use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

#[test]
fn the_document_has_the_routes_there_are() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/v1/admin/").unwrap();
        let path = path.replace("{id}", "*").replace("{role}", "*");
        for method in methods.as_object().unwrap().keys() {
            documented.insert((path.clone(), method.to_uppercase()));
        }
    }
    let routes = ROUTES
        .iter()
        .map(|(path, method, _)| ((*path).to_owned(), (*method).to_owned()));
    assert_eq!(documented, routes.collect());
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let references = OPENAPI.split("\"$ref\": \"#").skip(1);
    let mut seen = 0;
    for reference in references {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn only_what_lies_below_its_root_is_the_admin_apis() {
    for path in ["/v1/admin", "/v1/admin/", "/v1/admin/accounts/1"] {
        assert!(is_admin(path), "{path}");
    }
    for path in ["/v1/administrators", "/v1", "/admin", "/v1/accounts"] {
        assert!(!is_admin(path), "{path}");
    }
}

#[test]
fn members_are_known_once_and_of_their_type() {
    use input::Members;
    let read = |body: &str| Members::of_body(body.as_bytes(), true, &["reason", "verified"]);
    let fault = |body: &str| match read(body).map(drop) {
        Err(Fault::Invalid(field, why)) => format!("{field}: {why}"),
        other => format!("{other:?}"),
    };
    assert_eq!(
        read(r#"{"reason":"a"}"#)
            .ok()
            .unwrap()
            .text("reason")
            .unwrap(),
        Some("a")
    );
    assert_eq!(
        read(r#"{"reason":null}"#)
            .ok()
            .unwrap()
            .text("reason")
            .unwrap(),
        None
    );
    assert!(fault(r#"{"is_admin":true}"#).starts_with("is_admin: not known"));
    assert_eq!(
        fault(r#"{"reason":"a","reason":"b"}"#),
        "reason: given twice"
    );
    for none in ["[]", "\"a\"", "{", "null", "{}{}"] {
        assert!(fault(none).contains("BadBody"), "{none}");
    }
    assert!(
        read(r#"{"reason":1}"#)
            .ok()
            .unwrap()
            .text("reason")
            .is_err()
    );
    assert!(
        read(r#"{"verified":"true"}"#)
            .ok()
            .unwrap()
            .flag("verified")
            .is_err()
    );
    let twice = Members::of_query("limit=1&limit=2", &["limit"]);
    assert!(matches!(twice, Err(Fault::Invalid(field, _)) if field == "limit"));
}
