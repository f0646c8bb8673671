//! The conformance suite: what every store must do, races included. A store's tests call
//! [`run`] with a way to open a fresh, empty store.
