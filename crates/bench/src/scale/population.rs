//! What is assumed of people. None of it was measured; all of it can be changed here.

/// One sort of accounts.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// How many of all accounts.
    pub share: f64,
    /// How often they log in, against the average account.
    pub logins: f64,
    /// Of their logins, how many open a session that is then used for days.
    pub kept: f64,
    /// On how many days in one such a session is used while it is.
    pub used: f64,
}

/// Accounts and what they do. Spans are in days.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    pub accounts: f64,
    /// Rows of the table of sessions: those that live, and those kept after their end. How often people log in follows
    /// from it.
    pub sessions: f64,
    pub kinds: [Kind; 3],
    /// Of all logins, how many end with a sign-out at the end of the first visit. What is neither signed out nor kept is
    /// forgotten: a private window, an application installed anew.
    pub signed_out: f64,
    /// How long a kept session is in use, on average, were there no longest life.
    pub in_use: f64,
    /// Visits on a day on which a session is used, on average; one at least.
    pub visits: f64,
    /// How long a visit lasts, on average.
    pub visit: f64,
    /// Tabs beside the first that are open during a visit, on average.
    pub tabs: f64,
    /// How many of those ask for the same refresh at the same time, before they see that another tab did.
    pub tabs_that_race: f64,
    /// New passwords and suspensions of an account in a day.
    pub cut_offs: f64,
    /// How long an access token lives; a revocation is in force for as long.
    pub access: f64,
    /// How long a refresh token lives that is not used.
    pub idle: f64,
    /// The longest life of a session.
    pub longest: f64,
    /// How long a session is kept after its end.
    pub retention: f64,
}

impl Population {
    /// A hundred million accounts with ten rows each, and lifetimes as in `contracts/native.toml`: 5 minutes, 14 days, 60
    /// days; `retention.sessions` as it is by default, 30 days.
    pub const LARGE: Self = Self {
        accounts: 1e8,
        sessions: 1e9,
        kinds: [
            Kind {
                share: 0.30,
                logins: 2.2,
                kept: 0.25,
                used: 0.6,
            },
            Kind {
                share: 0.45,
                logins: 0.6,
                kept: 0.20,
                used: 0.3,
            },
            Kind {
                share: 0.25,
                logins: 0.28,
                kept: 0.0,
                used: 0.0,
            },
        ],
        signed_out: 0.20,
        in_use: 30.0,
        visits: 3.0,
        visit: 12.0 / 1_440.0,
        tabs: 0.8,
        tabs_that_race: 0.3,
        cut_offs: 1.0 / 2_000.0 + 1.0 / 100_000.0,
        access: 5.0 / 1_440.0,
        idle: 14.0,
        longest: 60.0,
        retention: 30.0,
    };

    /// Logins of the average account in a day: as many as keep so many rows, each for as long as it is kept (Little's
    /// law).
    pub fn logins_a_day(&self) -> f64 {
        self.sessions / self.accounts / (self.life() + self.retention)
    }

    /// How long a session lives on average.
    pub fn life(&self) -> f64 {
        let kept: f64 = self.each(|kind| kind.logins * kind.kept);
        let forgotten = 1.0 - self.signed_out - kept;
        // A kept session ends `idle` after its last use, or of old age: it is sure of `idle` days, and a cut-off that
        // ends it in those comes as early as one that ends a forgotten one.
        let unused = self.uncut(0.0, self.idle);
        let survives = (-self.cut_offs * self.idle).exp();
        let kept_life = unused + survives * self.in_use_within(self.longest - self.idle);
        self.signed_out * self.visit + forgotten * unused + kept * kept_life
    }

    /// How long a kept session is in use, on average, if for no longer than `most`.
    pub fn in_use_within(&self, most: f64) -> f64 {
        self.uncut(1.0 / self.in_use, most)
    }

    /// How long something lasts, on average, that ends at `rate`, by a cut-off, or after `most`.
    fn uncut(&self, rate: f64, most: f64) -> f64 {
        let rate = rate + self.cut_offs;
        (1.0 - (-rate * most).exp()) / rate
    }

    /// The average over all accounts of what is known for each kind.
    pub fn each(&self, of: impl Fn(&Kind) -> f64) -> f64 {
        self.kinds.iter().map(|kind| kind.share * of(kind)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_everybody_and_log_in_as_often_as_everybody() {
        let people = Population::LARGE;
        assert!((people.each(|_| 1.0) - 1.0).abs() < 1e-9);
        assert!((people.each(|kind| kind.logins) - 1.0).abs() < 1e-9);
    }
}
