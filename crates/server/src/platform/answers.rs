//! Where a gateway keeps what it answered: asked when somebody wants a receipt. The gateway knows nothing of who may
//! see it, so nothing of what it tells leaves before that is decided.
//!
//! An answer's id is that of its request, and that has the end of its gateway's id in it: no gateway is asked for
//! the answers of another.

use std::{future::Future, pin::Pin};

use api::nouns::gateway_report::GatewayReport;
use units::{Id, kinds};

use super::Platform;

/// Asks a gateway for an answer by its id; an error is text for the platform's own log.
pub type AnswerFinder = Box<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Option<KeptAnswer>, String>> + Send>>
        + Send
        + Sync,
>;

/// What a gateway has of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The key that asked.
    pub key: Id<kinds::Key>,
    /// What was asked.
    pub endpoint: Id<kinds::Endpoint>,
    /// Its place under its minute's root; `None` while the minute is not closed.
    pub rolled: Option<AnswerPath>,
}

/// Where an answer was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundAnswer {
    /// A gateway has it.
    Kept(KeptAnswer),
    /// One that may have it is not heard now.
    Away,
    /// No gateway has it, or not any more.
    Unknown,
}

/// The way from an answer to the root that its roll-up names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerPath {
    /// The gateway.
    pub gateway: Id<kinds::Gateway>,
    /// The roll-up.
    pub sequence: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Its place in the roll-up's tree, from 0.
    pub index: u64,
    /// From the leaf's sibling up.
    pub path: Vec<[u8; 32]>,
}

impl Platform {
    /// Sets how answers are found; once, at start.
    pub fn set_answer_finder(&self, find: AnswerFinder) {
        let _ = self.answers.set(find);
    }

    /// Learns what a gateway apart says of itself; answers which answers of it somebody wants.
    pub(crate) fn hear(
        &self,
        report: &GatewayReport,
        answers: &[(String, Option<KeptAnswer>)],
    ) -> Vec<String> {
        self.heard.hear(report);
        for (id, kept) in answers {
            self.heard.questions.told(report.gateway, id, kept.as_ref());
        }
        self.heard.questions.wanted(report.gateway)
    }

    /// An answer by its id.
    ///
    /// # Errors
    /// What went wrong, for the platform's own log.
    pub(crate) async fn kept_answer(&self, id: &str) -> Result<FoundAnswer, String> {
        if let Some(find) = self.answers.get()
            && let Some(kept) = find(id.to_owned()).await?
        {
            return Ok(FoundAnswer::Kept(kept));
        }
        let mut found = FoundAnswer::Unknown;
        let mark = mark_of(id);
        let gateways: Vec<_> = self.leases.lock().gateways().collect();
        for gateway in gateways.into_iter().filter(|one| mark.is_some_and(|m| is_marked(*one, m))) {
            let told = match self.heard.is_heard(gateway) {
                true => self.heard.questions.ask(gateway, id).await,
                false => None,
            };
            match told {
                Some(Some(kept)) => return Ok(FoundAnswer::Kept(kept)),
                Some(None) => {}
                None => found = FoundAnswer::Away,
            }
        }
        Ok(found)
    }
}

/// What the id of an answer has of the id of its gateway: its last twelve bits. Ids have their version in the
/// four before them.
fn mark_of(id: &str) -> Option<[u8; 2]> {
    let (_, request) = id.rsplit_once(['-', '_'])?;
    let request: Id<kinds::Request> = format!("req_{request}").parse().ok()?;
    let [_, _, _, _, _, _, a, b, ..] = *request.as_bytes();
    Some([a & 0x0f, b])
}

fn is_marked(gateway: Id<kinds::Gateway>, mark: [u8; 2]) -> bool {
    let [.., a, b] = *gateway.as_bytes();
    [a & 0x0f, b] == mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_id_says_whose_it_is() {
        let gateway = Id::from_parts(1, [1, 2, 3, 4, 5, 6, 7, 8, 0xab, 0xcd]);
        // As a gateway makes them: the end of its id, and a counter.
        let id = Id::<kinds::Request>::from_parts(9, [0xab, 0xcd, 9, 0, 0, 0, 0, 0, 0, 7]);
        let id = id.to_string().replace("req_", "chatcmpl-");
        let mark = mark_of(&id).unwrap();
        assert!(is_marked(gateway, mark));
        assert!(!is_marked(Id::from_parts(1, [0xab; 10]), mark));
        assert_eq!((mark_of("chatcmpl-1"), mark_of("x")), (None, None));
    }
}
