//! The mail room: what daemun tells people, in words, by mail and by text message.
//!
//! The engine puts a sealed [`Notice`](daemun_engine::notice::Notice) into the outbox together with
//! the fact it tells of. This room does the rest: the [`Worker`] takes due notices out of the
//! outbox and opens them, [`Templates`] find the words, and a [`Courier`] carries the letter away:
//! [`SmtpCourier`] as mail, [`WebhookCourier`] through a gateway for text messages, [`DevOutbox`]
//! nowhere, for development and tests.
//!
//! Nothing of a request reaches a letter except the address it goes to: the words, and any link
//! in them, come from configuration. Addresses, codes and texts never reach a log.

mod courier;
mod template;
mod templates;
mod words;
mod worker;

pub use courier::{
    Courier, Couriers, DeliveryError, Letter, Reason, SetupError,
    dev::{DevOutbox, Sent},
    hand_over,
    smtp::{SmtpConfig, SmtpCourier, SmtpLogin, SmtpTls},
    webhook::{WebhookConfig, WebhookCourier},
};
pub use template::TemplateError;
pub use templates::{RenderError, Rendered, Templates};
pub use worker::{Timing, Worker};
