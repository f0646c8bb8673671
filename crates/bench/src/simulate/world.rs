//! One run: a server, a browser, a network, perhaps a thief, and a heap of things to come.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use daemun_engine::{
    client::ClientPrint,
    ids::{AccountId, SessionId},
    session::{Burst, Presented, RotationPolicy, Session, Subject, Verdict, decide},
    time::Timestamp,
};

use crate::chance::Chance;

/// How long a run lasts, in rotations of the session or things that happen, whichever ends first.
const ROTATIONS: u64 = 60;
const HAPPENINGS: u32 = 4_000;
/// How long a browser waits for a reply before it tries again.
const PATIENCE: Duration = Duration::from_secs(10);
const THIEF: ClientPrint = ClientPrint([0xff; 8]);

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether there was a thief.
    pub thief: bool,
    /// Whether the session was revoked.
    pub revoked: bool,
    /// Whether the network made the browser late, or moved it, twice within the gap before the end.
    pub budget_spent: bool,
    /// Rotations there were.
    pub rotations: u64,
    /// Recoveries there were.
    pub recoveries: u64,
    /// The generation at the thief's first act.
    pub first_act: Option<u64>,
    /// How many of his acts got him tokens.
    pub acts_granted: u64,
    /// Presentations of a replaced token that were granted although another than the presenter
    /// had replaced it, since the thief's first act.
    pub out_of_line_granted: u64,
    /// Whether thief and browser both acted within every eight rotations since.
    pub rode_along: bool,
    /// The generation at the end.
    pub generation_at_end: u64,
}

/// What is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A tab finds its access token expired and refreshes.
    Wake { tab: u64 },
    /// A request reaches the server.
    Arrive {
        tab: u64,
        generation: u64,
        by: [u8; 8],
        request: u64,
    },
    /// A reply reaches the tab.
    Reply {
        tab: u64,
        generation: u64,
        request: u64,
    },
    /// The tab has waited long enough.
    GiveUp { tab: u64, request: u64, tries: u32 },
    /// The thief copies the token.
    Steal,
    /// The thief presents what he has.
    Act,
}

/// How bad the network is, in a thousand.
struct Network {
    loses_request: u64,
    loses_reply: u64,
    repeats: u64,
    longest_delay: u64,
    moves: u64,
    /// A tab that got no reply goes to sleep rather than trying again.
    sleeps: u64,
}

/// One run.
pub struct World {
    chance: Chance,
    network: Network,
    session: Session,
    policy: RotationPolicy,
    to_come: BinaryHeap<Reverse<(u64, u64, Event)>>,
    now: u64,
    order: u64,
    /// The token that all tabs share, as local storage or a cookie jar does.
    stored: u64,
    print: [u8; 8],
    waiting: BTreeMap<u64, u64>,
    stolen: Option<u64>,
    /// Generations at which an honest presentation of a replaced token came late or from elsewhere;
    /// twice where other tabs had gone on more than one step meanwhile.
    strains: Vec<u64>,
    /// When each generation was replaced, and by whom.
    replaced: BTreeMap<u64, (u64, [u8; 8])>,
    rotated_by: [u8; 8],
    last_acts: [u64; 2],
    outcome: Outcome,
}

impl World {
    /// The world of that seed; odd seeds have a thief.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let thief = seed % 2 == 1;
        let print = [1; 8];
        let network = Network {
            loses_request: chance.below(100),
            loses_reply: chance.below(100),
            repeats: chance.below(100),
            longest_delay: 50 + chance.below(8_000),
            moves: chance.below(10),
            sleeps: chance.below(300),
        };
        let mut world = Self {
            network,
            session: new_session(ClientPrint(print)),
            policy: RotationPolicy::default(),
            to_come: BinaryHeap::new(),
            now: 0,
            order: 0,
            stored: 1,
            print,
            waiting: BTreeMap::new(),
            stolen: None,
            strains: Vec::new(),
            replaced: BTreeMap::new(),
            rotated_by: print,
            last_acts: [1; 2],
            outcome: Outcome {
                thief,
                revoked: false,
                budget_spent: false,
                rotations: 0,
                recoveries: 0,
                first_act: None,
                acts_granted: 0,
                out_of_line_granted: 0,
                rode_along: true,
                generation_at_end: 1,
            },
            chance,
        };
        for tab in 0..=world.chance.below(8) {
            world.later(Duration::from_secs(300), Event::Wake { tab });
        }
        if thief {
            let moment = world.chance.millis(1_000, 4 * 3_600_000);
            world.later(moment, Event::Steal);
        }
        world
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        let mut happened = 0;
        while let Some(Reverse((at, _, event))) = self.to_come.pop() {
            happened += 1;
            self.now = self.now.max(at);
            self.happen(event);
            let over = self.session.revoked.is_some() || self.session.generation > ROTATIONS;
            if over || happened > HAPPENINGS {
                break;
            }
        }
        self.outcome.revoked = self.session.revoked.is_some();
        self.outcome.generation_at_end = self.session.generation;
        self.outcome.rotations = self.session.generation - 1;
        self.outcome.budget_spent = self.budget_spent();
        self.outcome
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { tab } => self.send(tab, 0),
            Event::Arrive {
                tab,
                generation,
                by,
                request,
            } => self.arrive(tab, generation, by, request),
            Event::Reply {
                tab,
                generation,
                request,
            } => self.reply(tab, generation, request),
            Event::GiveUp {
                tab,
                request,
                tries,
            } => self.give_up(tab, request, tries),
            Event::Steal => {
                self.stolen = Some(self.stored);
                self.thief_waits();
            }
            Event::Act => self.act(),
        }
    }

    /// A tab sends what is stored; the network may lose it, or deliver it twice.
    fn send(&mut self, tab: u64, tries: u32) {
        if self.chance.happens(self.network.moves) {
            self.print = self.chance.below(200).to_be_bytes();
        }
        self.order += 1;
        let request = self.order;
        self.waiting.insert(tab, request);
        let arrive = Event::Arrive {
            tab,
            generation: self.stored,
            by: self.print,
            request,
        };
        if !self.chance.happens(self.network.loses_request) {
            let delay = self.delay();
            self.later(delay, arrive);
        }
        if self.chance.happens(self.network.repeats) {
            let delay = self.delay();
            self.later(delay, arrive);
        }
        self.later(
            PATIENCE,
            Event::GiveUp {
                tab,
                request,
                tries,
            },
        );
    }

    fn arrive(&mut self, tab: u64, generation: u64, by: [u8; 8], request: u64) {
        self.note_strain(generation, by);
        if self.judge(generation, ClientPrint(by)).grants()
            && !self.chance.happens(self.network.loses_reply)
        {
            let delay = self.delay();
            self.later(
                delay,
                Event::Reply {
                    tab,
                    generation: self.session.generation,
                    request,
                },
            );
        }
    }

    /// The browser keeps what it is given, unless it has stopped waiting for it.
    fn reply(&mut self, tab: u64, generation: u64, request: u64) {
        if self.waiting.get(&tab) != Some(&request) {
            return;
        }
        self.waiting.remove(&tab);
        self.stored = generation;
        let rest = self.chance.millis(280_000, 320_000);
        self.later(rest, Event::Wake { tab });
    }

    fn give_up(&mut self, tab: u64, request: u64, tries: u32) {
        if self.waiting.get(&tab) != Some(&request) {
            return;
        }
        if self.chance.happens(self.network.sleeps) {
            self.waiting.remove(&tab);
            let asleep = self.chance.millis(60_000, 7_200_000);
            self.later(asleep, Event::Wake { tab });
        } else {
            self.send(tab, tries + 1);
        }
    }

    fn act(&mut self) {
        let Some(token) = self.stolen else { return };
        if self.outcome.first_act.is_none() {
            self.outcome.first_act = Some(self.session.generation);
            self.last_acts = [self.session.generation; 2];
        }
        if self.judge(token, THIEF).grants() {
            self.outcome.acts_granted += 1;
            self.stolen = Some(self.session.generation);
            self.thief_waits();
        }
    }

    fn thief_waits(&mut self) {
        let patient = self.chance.happens(500);
        let wait = if patient {
            self.chance.millis(60_000, 7_200_000)
        } else {
            self.chance.millis(1, 30_000)
        };
        self.later(wait, Event::Act);
    }

    fn judge(&mut self, generation: u64, by: ClientPrint) -> Verdict {
        let presented = Presented {
            generation,
            by,
            at: moment(self.now),
        };
        let before = self.session.generation;
        let replaced_by_another = generation < before && self.rotated_by != by.0;
        self.note_company(by);
        let verdict = decide(&mut self.session, presented, self.policy);
        if self.session.generation != before {
            self.replaced.insert(before, (self.now, by.0));
            self.rotated_by = by.0;
        }
        let since_theft = self.outcome.first_act.is_some();
        self.outcome.out_of_line_granted +=
            u64::from(since_theft && replaced_by_another && verdict.grants());
        self.outcome.recoveries += u64::from(verdict == Verdict::Recovered);
        verdict
    }

    /// Notes who acts, and whether either has been away for longer than the gap.
    fn note_company(&mut self, by: ClientPrint) {
        let generation = self.session.generation;
        if let Some(last) = self.last_acts.get_mut(usize::from(by == THIEF)) {
            *last = generation;
        }
        let away_since = self.last_acts.iter().copied().min().unwrap_or(generation);
        self.outcome.rode_along &= generation - away_since <= recovery_gap(self.policy);
    }

    /// What the network did to the browser, seen from outside: it presents a token that was
    /// replaced more than the grace ago, or by the browser on another network.
    fn note_strain(&mut self, generation: u64, by: [u8; 8]) {
        let Some((replaced_at, replaced_by)) = self.replaced.get(&generation).copied() else {
            return;
        };
        let late = u128::from(self.now - replaced_at) > self.policy.grace.as_millis();
        if late || by != replaced_by || by != self.rotated_by {
            let steps_behind = if self.session.generation - generation > 1 {
                2
            } else {
                1
            };
            self.strains
                .extend(std::iter::repeat_n(self.session.generation, steps_behind));
        }
    }

    fn budget_spent(&self) -> bool {
        let since = self
            .session
            .generation
            .saturating_sub(recovery_gap(self.policy));
        self.strains
            .iter()
            .filter(|generation| **generation > since)
            .count()
            >= 2
    }

    fn delay(&mut self) -> Duration {
        self.chance.millis(5, self.network.longest_delay)
    }

    fn later(&mut self, wait: Duration, event: Event) {
        self.order += 1;
        let at = self.now + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.to_come.push(Reverse((at, self.order, event)));
    }
}

fn moment(millis: u64) -> Timestamp {
    Timestamp::EPOCH + Duration::from_millis(millis)
}

fn new_session(by: ClientPrint) -> Session {
    let now = moment(0);
    Session {
        id: SessionId::new(now, [0; 10]),
        subject: Subject::Account(AccountId(1)),
        contract: "simulated".into(),
        generation: 1,
        rotated_at: now,
        rotated_by: by,
        burst: Burst::beginning(1, now),
        recovered: None,
        created_at: now,
        idle: Duration::from_secs(14 * 86_400),
        expires_at: now + Duration::from_secs(90 * 86_400),
        revoked: None,
        user_agent: "".into(),
        network: "".into(),
    }
}

/// How many generations must pass between two recoveries.
pub(super) fn recovery_gap(policy: RotationPolicy) -> u64 {
    policy.recovery_gap.unwrap_or(u64::MAX)
}
