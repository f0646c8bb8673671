//! All connections, and who of them can be spared.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Instant,
};

use tokio::sync::Notify;

use super::{
    TransportStats,
    life::{Life, Order},
};

/// How many connections are looked at to find one to spare.
const SAMPLE: usize = 64;

/// All connections of a server.
pub(super) struct Crowd {
    epoch: Instant,
    members: Mutex<Members>,
    emptied: Notify,
    stats: Arc<TransportStats>,
}

#[derive(Default)]
struct Members {
    all: Vec<Arc<Life>>,
    hand: usize,
}

/// A connection's place, given back when dropped.
pub(super) struct Place {
    pub(super) life: Arc<Life>,
    crowd: Arc<Crowd>,
}

impl Crowd {
    pub(super) fn new(stats: Arc<TransportStats>) -> Arc<Self> {
        Arc::new(Self {
            epoch: Instant::now(),
            members: Mutex::default(),
            emptied: Notify::new(),
            stats,
        })
    }

    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let life = Arc::new(Life::new(self.epoch));
        let mut members = self.members();
        life.slot.store(members.all.len(), Relaxed);
        members.all.push(life.clone());
        drop(members);
        self.stats.accepted.fetch_add(1, Relaxed);
        self.stats.open.fetch_add(1, Relaxed);
        Place {
            life,
            crowd: self.clone(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.members().all.len()
    }

    /// Closes the connection that has kept us waiting longest, of those next in line. False if we
    /// owe every one of them an answer.
    ///
    /// The hand goes round like a clock's, so a newcomer costs the same however many there are.
    pub(super) fn spare_one(&self) -> bool {
        let mut members = self.members();
        let hand = if members.hand < members.all.len() {
            members.hand
        } else {
            0
        };
        let (before, after) = members.all.split_at(hand);
        let line = after.iter().chain(before).take(SAMPLE);
        let spared = line
            .filter_map(|life| Some((life.worth()?, life)))
            .min_by_key(|(worth, _)| *worth);
        let spared = spared.map(|(_, life)| life.clone());
        members.hand = hand + SAMPLE;
        drop(members);
        if let Some(life) = &spared {
            life.order(Order::Cut);
            self.stats.shed.fetch_add(1, Relaxed);
        }
        spared.is_some()
    }

    /// Gives every connection an order, and says how many there are.
    pub(super) fn order(&self, order: Order) -> usize {
        let everyone = self.members().all.clone();
        everyone.iter().for_each(|life| life.order(order));
        everyone.len()
    }

    /// Waits until there is no connection.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn leave(&self, life: &Life) {
        let mut members = self.members();
        let slot = life.slot.load(Relaxed);
        if slot < members.all.len() {
            members.all.swap_remove(slot);
            if let Some(moved) = members.all.get(slot) {
                moved.slot.store(slot, Relaxed);
            }
        }
        let empty = members.all.is_empty();
        drop(members);
        self.stats.open.fetch_sub(1, Relaxed);
        if empty {
            self.emptied.notify_one();
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.leave(&self.life);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd() -> Arc<Crowd> {
        Crowd::new(Arc::default())
    }

    #[test]
    fn who_never_sent_a_request_is_spared_before_who_waits_longer_but_has() {
        let crowd = crowd();
        let regular = crowd.enter();
        regular.life.begin_request();
        regular.life.end_request(false);
        let silent = crowd.enter();
        assert!(crowd.spare_one());
        assert_eq!(
            (regular.life.orders(), silent.life.orders()),
            (Order::Live, Order::Cut)
        );
        assert!(crowd.spare_one());
        assert_eq!(regular.life.orders(), Order::Cut);
        assert!(!crowd.spare_one(), "nobody is told to go twice");
    }

    #[test]
    fn a_busy_connection_is_not_spared_unless_its_client_starves_it() {
        let crowd = crowd();
        let busy = crowd.enter();
        busy.life.begin_request();
        assert!(!crowd.spare_one());
        busy.life.starve();
        assert!(crowd.spare_one());
    }

    #[test]
    fn the_hand_comes_round_to_everyone() {
        let crowd = crowd();
        let places: Vec<_> = (0..3 * SAMPLE + 7).map(|_| crowd.enter()).collect();
        for place in &places {
            place.life.begin_request();
        }
        let idle = &places[2 * SAMPLE + 3];
        idle.life.end_request(false);
        let found = (0..4).filter(|_| crowd.spare_one()).count();
        assert_eq!((found, idle.life.orders()), (1, Order::Cut));
    }

    #[test]
    fn places_are_given_back_in_any_order() {
        let crowd = crowd();
        let mut places: Vec<_> = (0..5).map(|_| crowd.enter()).collect();
        for left in (0..5).rev() {
            places.remove(left / 2);
            assert_eq!(crowd.len(), left);
            for place in &places {
                let slot = place.life.slot.load(Relaxed);
                assert!(Arc::ptr_eq(&crowd.members().all[slot], &place.life));
            }
        }
    }
}
