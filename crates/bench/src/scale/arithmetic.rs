//! What follows from the assumptions without drawing anything.

use super::curve::peak;
use super::population::Kind;
use super::{DAY, Figures, Flow, Population};

/// What a day comes to.
///
/// One thing is left out: refreshes that fall into the hour after that in which their visit began. So the busiest hour is
/// told a little too busy.
pub fn arithmetic(people: &Population) -> Figures {
    let logins = people.accounts * people.logins_a_day();
    let visits = refreshing_visits(people);
    // A visit begins with a refresh, except the first, whose token is new. While it lasts there is one more each time
    // the access token expires: the whole part of an exponential span in units of a lifetime.
    let meanwhile = 1.0 / ((people.access / people.visit).exp() - 1.0);
    let rotations = visits * (1.0 + meanwhile) + logins * meanwhile;
    let sign_outs = logins * people.signed_out;
    let cut_offs = people.accounts * people.cut_offs;
    Figures {
        logins: flow(logins / DAY),
        rotations: flow(rotations / DAY),
        replays: flow(rotations * people.tabs * people.tabs_that_race / DAY),
        sign_outs: flow(sign_outs / DAY),
        cut_offs: flow(cut_offs / DAY),
        in_force: flow((sign_outs + cut_offs) * people.access),
        active: people.each(|kind| active(people, kind)),
        living: logins * people.life(),
        dead: logins * people.retention,
        purged: logins,
    }
}

fn flow(mean: f64) -> Flow {
    Flow {
        mean,
        busiest: mean * peak(),
    }
}

/// Sessions of one account of that kind that are used on a day.
fn used(people: &Population, kind: &Kind) -> f64 {
    let kept = people.logins_a_day() * kind.logins * kind.kept;
    kept * people.in_use_within(people.longest) * kind.used
}

/// Visits of everybody in a day that begin with a refresh, which is all but those that begin with a login.
pub fn refreshing_visits(people: &Population) -> f64 {
    people.accounts * people.visits * people.each(|kind| used(people, kind))
}

/// How likely it does anything on a day: sessions come and go independently, so their number is Poisson's.
fn active(people: &Population, kind: &Kind) -> f64 {
    let happenings = used(people, kind) + people.logins_a_day() * kind.logins;
    1.0 - (-happenings).exp()
}
