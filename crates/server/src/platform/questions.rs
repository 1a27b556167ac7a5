//! Answers that gateways apart are asked for: a question waits here until its gateway reports, and goes with the
//! platform's answer to that; the gateway's next report has what it keeps.
//!
//! The platform opens no connection to a gateway: one may stand where nobody can reach it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;
use units::{Id, kinds};

use super::KeptAnswer;

/// Questions that wait at once; more are answered as if the gateway were away.
const QUESTIONS_MAX: usize = 256;
/// Questions that go with one report.
const AT_ONCE_MAX: usize = 16;
/// Longest wait for what a gateway says.
const PATIENCE: Duration = Duration::from_secs(5);

/// Those that wait.
#[derive(Debug)]
pub(crate) struct Questions {
    patience: Duration,
    waiting: Mutex<Waiting>,
}

impl Default for Questions {
    fn default() -> Self {
        Self { patience: PATIENCE, waiting: Mutex::default() }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    open: BTreeMap<u64, Question>,
}

#[derive(Debug)]
struct Question {
    gateway: Id<kinds::Gateway>,
    id: String,
    tell: oneshot::Sender<Option<KeptAnswer>>,
}

/// Somebody who waits; gives up when dropped.
struct Asker<'a> {
    questions: &'a Questions,
    number: u64,
}

impl Drop for Asker<'_> {
    fn drop(&mut self) {
        self.questions.lock().open.remove(&self.number);
    }
}

impl Questions {
    /// Asks a gateway what it keeps of an answer; `None` if it does not say.
    pub(super) async fn ask(
        &self,
        gateway: Id<kinds::Gateway>,
        id: &str,
    ) -> Option<Option<KeptAnswer>> {
        let (tell, told) = oneshot::channel();
        let asker = {
            let mut waiting = self.lock();
            if waiting.open.len() >= QUESTIONS_MAX {
                return None;
            }
            let number = waiting.next;
            waiting.next = number.wrapping_add(1);
            waiting.open.insert(number, Question { gateway, id: id.to_owned(), tell });
            Asker { questions: self, number }
        };
        let told = tokio::time::timeout(self.patience, told).await;
        drop(asker);
        told.ok()?.ok()
    }

    /// What a gateway is to say now, each once.
    pub(super) fn wanted(&self, gateway: Id<kinds::Gateway>) -> Vec<String> {
        let waiting = self.lock();
        let mut wanted: Vec<String> = Vec::new();
        for one in waiting.open.values().filter(|one| one.gateway == gateway) {
            if wanted.len() < AT_ONCE_MAX && !wanted.contains(&one.id) {
                wanted.push(one.id.clone());
            }
        }
        wanted
    }

    /// What it says goes to all who asked for it.
    pub(super) fn told(&self, gateway: Id<kinds::Gateway>, id: &str, kept: Option<&KeptAnswer>) {
        let mut waiting = self.lock();
        let (answered, open) = std::mem::take(&mut waiting.open)
            .into_iter()
            .partition(|(_, one)| one.gateway == gateway && one.id == id);
        waiting.open = open;
        drop(waiting);
        let answered: BTreeMap<u64, Question> = answered;
        for one in answered.into_values() {
            // Who has given up meanwhile does not want to know.
            let _ = one.tell.send(kept.cloned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: Id<kinds::Gateway> = Id::from_bytes([1; 16]);
    const OTHER: Id<kinds::Gateway> = Id::from_bytes([2; 16]);

    fn kept() -> KeptAnswer {
        let (key, endpoint) = (Id::from_bytes([3; 16]), Id::from_bytes([4; 16]));
        KeptAnswer { key, endpoint, rolled: None }
    }

    #[tokio::test]
    async fn a_question_goes_to_its_gateway_and_what_it_says_to_all_who_asked() {
        let patience = Duration::from_millis(100);
        let questions = Questions { patience, ..Questions::default() };
        let says = async {
            tokio::task::yield_now().await;
            assert_eq!(questions.wanted(OTHER), Vec::<String>::new());
            assert_eq!(questions.wanted(GATEWAY), ["a", "b"], "each once");
            // Another gateway cannot answer for it.
            questions.told(OTHER, "a", Some(&kept()));
            questions.told(GATEWAY, "a", Some(&kept()));
            questions.told(GATEWAY, "b", None);
        };
        let (first, again, gone, ()) = tokio::join!(
            questions.ask(GATEWAY, "a"),
            questions.ask(GATEWAY, "a"),
            questions.ask(GATEWAY, "b"),
            says
        );
        assert_eq!((first, again), (Some(Some(kept())), Some(Some(kept()))));
        assert_eq!(gone, Some(None));
        assert_eq!(questions.ask(GATEWAY, "c").await, None, "it does not say");
        assert_eq!(questions.wanted(GATEWAY), Vec::<String>::new());
    }
}
