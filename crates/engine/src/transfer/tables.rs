//! What is moved: every table there is but those a store keeps for itself alone.

use super::{Column, Kind, Table};

const fn int(name: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Int,
    }
}

const fn text(name: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Text,
    }
}

const fn bytes(name: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Bytes,
    }
}

/// All of them, each after those it refers to.
pub const TABLES: &[Table] = &[
    Table {
        name: "accounts",
        key: 1,
        numbered: true,
        columns: &[
            int("id"),
            text("email"),
            text("email_key"),
            text("phone"),
            text("phone_key"),
            text("nickname"),
            text("nickname_key"),
            text("password_hash"),
            text("status"),
            int("status_since"),
            int("suspended_until"),
            int("created_at"),
            int("last_login_at"),
            int("not_before"),
            text("linked"),
            int("updated_at"),
            text("roles"),
            text("profile"),
            text("status_reason"),
            int("erase_at"),
        ],
    },
    Table {
        name: "imported",
        key: 1,
        numbered: false,
        columns: &[
            int("account"),
            bytes("row_digest"),
            bytes("password_digest"),
        ],
    },
    Table {
        name: "sessions",
        key: 1,
        numbered: true,
        columns: &[
            int("n"),
            bytes("id"),
            int("account"),
            text("caller"),
            text("contract"),
            int("generation"),
            int("rotated_at"),
            bytes("rotated_by"),
            int("burst_from"),
            int("burst_at"),
            int("burst_before"),
            int("recovered"),
            int("recovered_at"),
            bytes("recovered_by"),
            int("created_at"),
            int("idle"),
            int("expires_at"),
            int("revoked_at"),
            text("revoke_reason"),
            text("user_agent"),
            text("network"),
            text("caller_type"),
            int("foreign_until"),
        ],
    },
    Table {
        name: "foreign_tokens",
        key: 2,
        numbered: false,
        columns: &[
            text("contract"),
            bytes("token"),
            text("state"),
            int("expires_at"),
        ],
    },
    Table {
        name: "revocations",
        key: 1,
        numbered: true,
        columns: &[
            int("seq"),
            bytes("session"),
            int("account"),
            int("cut_off"),
            text("reason"),
            int("until"),
        ],
    },
    Table {
        name: "codes",
        key: 3,
        numbered: false,
        columns: &[
            int("account"),
            text("purpose"),
            text("target"),
            bytes("hash"),
            int("expires_at"),
            int("tries_left"),
        ],
    },
    Table {
        name: "sends",
        key: 2,
        numbered: false,
        columns: &[
            text("purpose"),
            text("recipient"),
            int("last_at"),
            int("day_began"),
            int("sent_in_day"),
        ],
    },
    Table {
        name: "outbox",
        key: 1,
        numbered: true,
        columns: &[
            int("id"),
            bytes("payload"),
            int("created_at"),
            int("due_at"),
            int("attempts"),
            text("last_error"),
            int("sent_at"),
            int("useless_after"),
            int("account"),
        ],
    },
    Table {
        name: "audit",
        key: 1,
        numbered: true,
        columns: &[
            int("seq"),
            int("at"),
            text("kind"),
            text("contract"),
            int("account"),
            bytes("session"),
            text("network"),
            text("detail"),
        ],
    },
    Table {
        name: "keys",
        key: 1,
        numbered: false,
        columns: &[text("kid"), text("state"), bytes("sealed"), int("since")],
    },
    Table {
        name: "service_keys",
        key: 1,
        numbered: false,
        columns: &[
            text("id"),
            text("name"),
            bytes("hash"),
            text("scopes"),
            int("created_at"),
            int("revoked_at"),
        ],
    },
];
