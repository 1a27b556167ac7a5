//! The door of each endpoint, or of an upstream that several lead to: as many requests at once as are answered
//! behind it, the others in a fair line.
//!
//! With room and nobody waiting, passing costs one short lock. Waiting is bounded in number and in time;
//! what a refusal says of when to come back is how long the line takes at the pace of late.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::fair::{FairQueue, Queued, Tenant};
use super::table::IdHasher;

/// Doors that are remembered before idle ones are forgotten.
const GATES_MAX: usize = 4_096;
/// How much of the mean time of a request the latest one is: one in so many.
const MEAN_OVER: u64 = 16;

type All = HashMap<[u8; 16], Gate, BuildHasherDefault<IdHasher>>;

/// All doors.
#[derive(Debug)]
pub(super) struct Gates {
    all: Mutex<All>,
    waiting_max: usize,
    wait_max: Duration,
}

#[derive(Debug)]
struct Gate {
    inside: usize,
    room: usize,
    line: FairQueue<oneshot::Sender<()>>,
    mean_us: u64,
}

/// A place inside; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    gates: Arc<Gates>,
    door: [u8; 16],
    since: Instant,
}

/// There was no place in time: how long the line takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooBusy {
    pub(super) line_us: u64,
}

/// Somebody in line; leaves it when dropped.
struct InLine {
    gates: Arc<Gates>,
    door: [u8; 16],
    ticket: u64,
    turn: oneshot::Receiver<()>,
}

impl Gates {
    pub(super) fn new(waiting_max: usize, wait_max: Duration) -> Self {
        Self { all: Mutex::default(), waiting_max, wait_max }
    }

    /// Waits for a place inside, where there is room for so many.
    pub(super) async fn pass(
        self: &Arc<Self>,
        door: [u8; 16],
        room: usize,
        (tenant, cost): (Tenant, u64),
    ) -> Result<Place, TooBusy> {
        let mut line = match self.try_pass(door, room, (tenant, cost))? {
            Ok(place) => return Ok(place),
            Err(line) => line,
        };
        match tokio::time::timeout(self.wait_max, &mut line.turn).await {
            // The turn has been taken out: dropping the line gives nothing back.
            Ok(Ok(())) => Ok(self.place(door)),
            // Somebody with less in line has taken the place in it, or it took too long.
            Ok(Err(_)) | Err(_) => Err(self.too_busy(door)),
        }
    }

    /// Passes if half of the room and more is free and nobody waits; never stands in line.
    pub(super) fn pass_if_spare(
        self: &Arc<Self>,
        door: [u8; 16],
        room: usize,
    ) -> Result<Place, TooBusy> {
        let mut all = self.lock();
        let gate = self.gate(&mut all, door, room);
        if gate.line.len() > 0 || gate.inside >= gate.room.div_ceil(2) {
            return Err(gate.too_busy());
        }
        gate.inside += 1;
        drop(all);
        Ok(self.place(door))
    }

    fn try_pass(
        self: &Arc<Self>,
        door: [u8; 16],
        room: usize,
        (tenant, cost): (Tenant, u64),
    ) -> Result<Result<Place, InLine>, TooBusy> {
        let mut all = self.lock();
        let gate = self.gate(&mut all, door, room);
        if gate.inside < gate.room && gate.line.len() == 0 {
            gate.inside += 1;
            drop(all);
            return Ok(Ok(self.place(door)));
        }
        let (sender, turn) = oneshot::channel();
        let ticket = match gate.line.push(tenant, cost, sender) {
            // Dropping the sender tells whoever loses its place.
            Queued::Waits(ticket) | Queued::Instead(ticket, _) => ticket,
            Queued::Full(_) => return Err(gate.too_busy()),
        };
        drop(all);
        Ok(Err(InLine { gates: Arc::clone(self), door, ticket, turn }))
    }

    /// A door with so much room.
    fn gate<'a>(&self, all: &'a mut All, door: [u8; 16], room: usize) -> &'a mut Gate {
        if all.len() >= GATES_MAX && !all.contains_key(&door) {
            all.retain(|_, gate| gate.inside > 0 || gate.line.len() > 0);
        }
        let gate = all.entry(door).or_insert_with(|| Gate {
            inside: 0,
            room,
            line: FairQueue::new(self.waiting_max),
            mean_us: 0,
        });
        gate.room = room.max(1);
        // Replicas that have come since let in who waited for them first.
        gate.let_in();
        gate
    }

    fn place(self: &Arc<Self>, door: [u8; 16]) -> Place {
        Place { gates: Arc::clone(self), door, since: Instant::now() }
    }

    fn too_busy(&self, door: [u8; 16]) -> TooBusy {
        self.lock().get(&door).map_or(TooBusy { line_us: 0 }, Gate::too_busy)
    }

    fn leave(&self, door: [u8; 16], took: Option<Duration>) {
        let mut all = self.lock();
        let Some(gate) = all.get_mut(&door) else { return };
        gate.inside = gate.inside.saturating_sub(1);
        if let Some(took) = took {
            let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let kept = gate.mean_us - gate.mean_us / MEAN_OVER;
            gate.mean_us = match gate.mean_us {
                0 => took_us,
                _ => kept.saturating_add(took_us / MEAN_OVER),
            };
        }
        gate.let_in();
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    fn let_in(&mut self) {
        while self.inside < self.room {
            let Some(next) = self.line.pop() else { return };
            // Who has left the line without saying so needs no place.
            if next.send(()).is_ok() {
                self.inside += 1;
            }
        }
    }

    fn too_busy(&self) -> TooBusy {
        let line = u64::try_from(self.line.len()).unwrap_or(u64::MAX).saturating_add(1);
        let room = u64::try_from(self.room).unwrap_or(u64::MAX).max(1);
        TooBusy { line_us: self.mean_us.saturating_mul(line) / room }
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        let waited = {
            let mut all = self.gates.lock();
            all.get_mut(&self.door).and_then(|gate| gate.line.remove(self.ticket)).is_some()
        };
        // Its turn came at the same time: the place goes to the next.
        if !waited && self.turn.try_recv().is_ok() {
            self.gates.leave(self.door, None);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gates.leave(self.door, Some(self.since.elapsed()));
    }
}
