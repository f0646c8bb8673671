//! The same day, of some of the accounts, each drawn by chance.

use daemun_engine::{ids::SessionId, time::Timestamp};

use super::curve::{Hours, moment};
use super::population::Kind;
use super::slots::{Ages, Spread, slot};
use super::{DAY, Figures, Population};
use crate::chance::Chance;

/// When the counted day begins, in seconds since the epoch. Only ids know it.
const MIDNIGHT: f64 = 1.8e9;

/// What a sample of accounts did.
pub struct Sample {
    /// As if all accounts had done it.
    pub figures: Figures,
    /// Rows of the sample by slot.
    pub rows: Spread,
    /// Writes of the sample that day by slot.
    pub writes: Spread,
    /// Rows and writes of the sample by age.
    pub ages: Ages,
}

impl Sample {
    /// One account in `one_in`.
    pub fn of(people: &Population, one_in: u32, seed: u64) -> Self {
        let sampled = people.accounts / f64::from(one_in);
        let mut day = Day::new(*people, Chance::new(seed));
        for _ in 0..sampled as u64 {
            day.account();
        }
        Self {
            figures: day.figures(sampled),
            rows: day.rows,
            writes: day.writes,
            ages: day.ages,
        }
    }
}

/// What happened so far.
struct Day {
    people: Population,
    /// What is asked for every session, computed once.
    logins_a_day: f64,
    chance: Chance,
    logins: Hours,
    rotations: Hours,
    replays: Hours,
    sign_outs: Hours,
    cut_offs: Hours,
    in_force: Hours,
    active: u64,
    living: u64,
    dead: u64,
    purged: u64,
    rows: Spread,
    writes: Spread,
    ages: Ages,
}

/// One session as it was drawn.
struct Life {
    began: f64,
    first_visit: f64,
    last_use: f64,
    end: f64,
    signs_out: bool,
    /// On how many of its days it is used.
    used: f64,
}

impl Day {
    fn new(people: Population, chance: Chance) -> Self {
        Self {
            people,
            logins_a_day: people.logins_a_day(),
            chance,
            logins: Hours::default(),
            rotations: Hours::default(),
            replays: Hours::default(),
            sign_outs: Hours::default(),
            cut_offs: Hours::default(),
            in_force: Hours::default(),
            active: 0,
            living: 0,
            dead: 0,
            purged: 0,
            rows: Spread::default(),
            writes: Spread::default(),
            ages: Ages::default(),
        }
    }

    /// One account: what ends all its sessions, and its logins, as far back as a row can be of today.
    fn account(&mut self) {
        let kind = self.kind();
        let past = -(self.people.longest + self.people.retention);
        let cut_offs = self.arrivals(past, self.people.cut_offs);
        for at in cut_offs.iter().copied().filter(|at| *at >= 0.0) {
            self.cut_offs.add(at);
            self.in_force.add_span(at, self.people.access);
        }
        let mut active = false;
        for began in self.arrivals(past, self.logins_a_day * kind.logins) {
            let life = self.life(&kind, began, &cut_offs);
            active |= self.session(&life);
        }
        self.active += u64::from(active);
    }

    fn kind(&mut self) -> Kind {
        let mut left = self.chance.unit();
        let [first, rest @ ..] = self.people.kinds;
        let mut chosen = first;
        for kind in rest {
            left -= chosen.share;
            if left < 0.0 {
                break;
            }
            chosen = kind;
        }
        chosen
    }

    /// When something happens that happens `rate` times a day on average, until the end of the day.
    fn arrivals(&mut self, past: f64, rate: f64) -> Vec<f64> {
        let mut all = Vec::new();
        let mut at = past + self.chance.exponential(1.0 / rate);
        while at < 1.0 {
            all.push(moment(at));
            at += self.chance.exponential(1.0 / rate);
        }
        all
    }

    fn life(&mut self, kind: &Kind, began: f64, cut_offs: &[f64]) -> Life {
        let people = self.people;
        let first_visit = self.chance.exponential(people.visit);
        let fate = self.chance.unit();
        let signs_out = fate < people.signed_out;
        let kept = !signs_out && fate < people.signed_out + kind.kept;
        let in_use = if kept {
            self.chance.exponential(people.in_use).min(people.longest)
        } else {
            0.0
        };
        let end = if signs_out {
            began + first_visit
        } else {
            began + (in_use + people.idle).min(people.longest)
        };
        let cut_off = cut_offs.iter().copied().find(|at| *at > began);
        let end = end.min(cut_off.unwrap_or(end));
        Life {
            began,
            first_visit,
            last_use: end.min(began + in_use),
            end,
            signs_out,
            used: if kept { kind.used } else { 0.0 },
        }
    }

    /// One session; whether it was used today.
    fn session(&mut self, life: &Life) -> bool {
        let gone = life.end + self.people.retention;
        if gone < 0.0 {
            return false;
        }
        let (writes, used) = self.use_today(life);
        let place = slot(self.id(life.began));
        self.writes.add(place, writes);
        if gone < 1.0 {
            self.purged += 1;
            return used;
        }
        self.rows.add(place, 1);
        self.ages.add(1.0 - life.began, writes);
        if life.end < 1.0 {
            self.dead += 1;
        } else {
            self.living += 1;
        }
        used
    }

    /// What a session does today: how many writes, and whether anything.
    fn use_today(&mut self, life: &Life) -> (u64, bool) {
        let mut writes = 0;
        if life.began >= 0.0 {
            writes += self.first_visit(life);
        }
        if life.last_use > 0.0 && self.chance.unit() < life.used {
            for _ in 0..=self.chance.more(self.people.visits - 1.0) {
                let at = moment(self.chance.unit());
                if life.began < at && at < life.last_use {
                    let length = self.chance.exponential(self.people.visit);
                    writes += self.visit(at, length + self.people.access);
                }
            }
        }
        (writes, writes > 0)
    }

    /// A login, what is refreshed while that visit lasts, and perhaps a sign-out; how many writes.
    fn first_visit(&mut self, life: &Life) -> u64 {
        self.logins.add(life.began);
        let refreshed = self.visit(life.began + self.people.access, life.first_visit);
        if life.signs_out {
            let at = life.began + life.first_visit;
            self.sign_outs.add(at);
            self.in_force.add_span(at, self.people.access);
        }
        1 + refreshed + u64::from(life.signs_out)
    }

    /// Refreshes from `at` on, one for each whole lifetime of an access token in `length`; how many.
    fn visit(&mut self, at: f64, length: f64) -> u64 {
        let tabs = self.chance.more(self.people.tabs);
        let refreshes = (length / self.people.access) as u32;
        for nth in 0..refreshes {
            let at = at + f64::from(nth) * self.people.access;
            self.rotations.add(at);
            for _ in 0..tabs {
                if self.chance.unit() < self.people.tabs_that_race {
                    self.replays.add(at);
                }
            }
        }
        refreshes.into()
    }

    fn id(&mut self, began: f64) -> SessionId {
        let seconds = MIDNIGHT + began * DAY;
        let began = Timestamp::from_unix_micros((seconds * 1e6) as i64);
        SessionId::new(began, self.chance.ten_bytes())
    }

    fn figures(&self, sampled: f64) -> Figures {
        let all = self.people.accounts / sampled;
        let per_second = |hours: &Hours| hours.flow(DAY / 24.0 / all);
        Figures {
            logins: per_second(&self.logins),
            rotations: per_second(&self.rotations),
            replays: per_second(&self.replays),
            sign_outs: per_second(&self.sign_outs),
            cut_offs: per_second(&self.cut_offs),
            in_force: self.in_force.flow(1.0 / all),
            active: self.active as f64 / sampled,
            living: self.living as f64 * all,
            dead: self.dead as f64 * all,
            purged: self.purged as f64 * all,
        }
    }
}
