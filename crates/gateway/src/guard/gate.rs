//! Streams about which a service is asked: events are gathered until they hold a window of text, the service is
//! asked, and what may be shown goes on.
//!
//! INVARIANT: no text goes on that the service has not been asked about. Events without text go on at once while
//! nothing is held. While it is asked, the engine's bytes are not read.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize as _;
use serde_json::Value;

use super::checker::{Context, Direction, Stopped, Text, Window};
use super::texts::{self, ENGINES};
use super::{Checks, Hits, Looks};
use crate::sse::{Item, Parser};
use crate::tally::Usage;

/// Bytes of events that are held at most before a service is asked, however little text they have.
const HELD_BYTES_MAX: usize = 256 << 10;
/// Texts of one stream of which the end is remembered.
const PLACES_MAX: usize = 1_024;

type Answered = Result<(Vec<Held>, Vec<Text>, Hits, bool), Stopped>;

/// One event that is held.
#[derive(Debug)]
enum Held {
    /// It has no text.
    Plain(Item),
    /// It has.
    Event { name: Vec<u8>, data: Value },
}

/// A stream under rules that ask.
pub(crate) struct Gate {
    checks: Arc<Checks>,
    context: Arc<Context>,
    parser: Parser,
    window_chars: usize,
    held: Vec<Held>,
    chars: usize,
    bytes: usize,
    /// Events with text that have not gone on, and what the engine has said of their number.
    unshown: u64,
    usage: Option<Usage>,
    /// What may go on.
    ready: Vec<u8>,
    /// The end of each text that went on.
    before: BTreeMap<String, String>,
    number: u32,
    is_done: bool,
    asking: Option<BoxFuture<'static, Answered>>,
    /// What matched and passed.
    pub(crate) hits: Hits,
}

impl Gate {
    /// For one answer, whose events have at most so many bytes; `None` if no service is asked.
    pub(crate) fn new(
        checks: &Arc<Checks>,
        context: Option<Arc<Context>>,
        event_bytes_max: usize,
    ) -> Option<Box<Self>> {
        let context = context.filter(|_| checks.ask_about_answers())?;
        let windows = checks.of_answers().filter_map(|check| match &check.looks {
            Looks::Checker(asked) => Some(asked.window_chars),
            Looks::Size(_) | Looks::Pattern { .. } | Looks::Unreadable => None,
        });
        let window_chars = usize::try_from(windows.max().unwrap_or(0)).unwrap_or(usize::MAX);
        Some(Box::new(Self {
            checks: Arc::clone(checks),
            context,
            parser: Parser::new(event_bytes_max),
            window_chars: window_chars.max(1),
            held: Vec::new(),
            chars: 0,
            bytes: 0,
            unshown: 0,
            usage: None,
            ready: Vec::new(),
            before: BTreeMap::new(),
            number: 0,
            is_done: false,
            asking: None,
            hits: Hits::default(),
        }))
    }

    /// Takes events, as the other rules have left them.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let mut items = Vec::new();
        // They were cut to size before.
        let _ = self.parser.push(bytes, &mut items);
        for item in items {
            let (name, data) = match item {
                Item::Event { name, data } => (name, data),
                Item::Comment(_) => {
                    self.pass(item);
                    continue;
                }
            };
            self.is_done |= data.as_slice() == b"[DONE]";
            let Ok(mut value) = serde_json::from_slice::<Value>(&data) else {
                self.pass(Item::Event { name, data });
                continue;
            };
            let told = value.get("usage").filter(|usage| !usage.is_null());
            let told = told.and_then(|usage| Usage::deserialize(usage).ok());
            self.usage = told.or(self.usage);
            let mut chars = 0_usize;
            texts::each(&mut value, &mut String::new(), &TEXTLESS, &mut |_, text| {
                chars = chars.saturating_add(text.chars().count());
            });
            if chars == 0 {
                self.pass(Item::Event { name, data });
                continue;
            }
            self.unshown = self.unshown.saturating_add(1);
            self.chars = self.chars.saturating_add(chars);
            self.bytes = self.bytes.saturating_add(data.len());
            self.held.push(Held::Event { name, data: value });
        }
    }

    /// What has no text overtakes nothing.
    fn pass(&mut self, item: Item) {
        if self.held.is_empty() && self.asking.is_none() {
            item.write(&mut self.ready);
        } else {
            let (Item::Event { data, .. } | Item::Comment(data)) = &item;
            self.bytes = self.bytes.saturating_add(data.len());
            self.held.push(Held::Plain(item));
        }
    }

    /// Asks, if enough is held or nothing more comes; gives what goes on without.
    pub(crate) fn turn(&mut self, is_last: bool) -> Vec<u8> {
        let is_last = is_last || self.is_done;
        let is_due = is_last || self.chars >= self.window_chars || self.bytes >= HELD_BYTES_MAX;
        if is_due && self.asking.is_none() && !self.held.is_empty() {
            self.ask(is_last);
        }
        std::mem::take(&mut self.ready)
    }

    fn ask(&mut self, is_last: bool) {
        let mut held = std::mem::take(&mut self.held);
        (self.chars, self.bytes) = (0, 0);
        let mut texts: Vec<Text> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        each_text(&mut held, &mut |at, piece| {
            let place = *places.entry(at.to_owned()).or_insert_with(|| {
                let before = self.before.get(at).cloned().unwrap_or_default();
                texts.push(Text { at: at.to_owned(), before, ..Text::default() });
                texts.len().saturating_sub(1)
            });
            if let Some(text) = texts.get_mut(place) {
                text.text.push_str(piece);
            }
        });
        let window = Some(Window { number: self.number, is_last });
        self.number = self.number.saturating_add(1);
        let (checks, context) = (Arc::clone(&self.checks), Arc::clone(&self.context));
        let asking = async move {
            let asked = checks.ask(Direction::Answer, window, &mut texts, &context).await;
            asked.map(|(hits, changed)| (held, texts, hits, changed))
        };
        self.asking = Some(asking.boxed());
    }

    /// How many events with text have come and not gone on, and what the engine says of the whole: it has written
    /// them, shown or not. Once.
    pub(crate) fn take_unshown(&mut self) -> (u64, Option<Usage>) {
        (std::mem::take(&mut self.unshown), self.usage)
    }

    /// Whether an answer is waited for.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.is_some()
    }

    /// Waits for the answer; gives what may go on.
    ///
    /// # Errors
    /// [`Stopped`]: the stream must end here.
    pub(crate) fn poll(&mut self, cx: &mut Task<'_>) -> Poll<Result<Vec<u8>, Stopped>> {
        let Some(asking) = &mut self.asking else { return Poll::Ready(Ok(Vec::new())) };
        let answered = std::task::ready!(asking.poll_unpin(cx));
        self.asking = None;
        let (mut held, texts, hits, changed) = match answered {
            Ok(answered) => answered,
            Err(stopped) => return Poll::Ready(Err(stopped)),
        };
        // Nothing was taken while it was asked: these are all.
        self.unshown = 0;
        self.hits.redacted = self.hits.redacted.saturating_add(hits.redacted);
        self.hits.reported = self.hits.reported.saturating_add(hits.reported);
        if changed {
            // All of a text stands where its first piece stood.
            let mut fresh: BTreeMap<&str, Option<&str>> =
                texts.iter().map(|one| (one.at.as_str(), Some(one.text.as_str()))).collect();
            each_text(&mut held, &mut |at, piece| {
                let whole = fresh.get_mut(at).and_then(Option::take).unwrap_or_default();
                whole.clone_into(piece);
            });
        }
        for text in texts {
            self.remember(text);
        }
        let mut out = Vec::new();
        for one in held {
            let item = match one {
                Held::Plain(item) => item,
                Held::Event { name, data } => {
                    Item::Event { name, data: data.to_string().into_bytes() }
                }
            };
            item.write(&mut out);
        }
        Poll::Ready(Ok(out))
    }

    fn remember(&mut self, text: Text) {
        if !self.before.contains_key(&text.at) && self.before.len() >= PLACES_MAX {
            return;
        }
        let whole = text.before + &text.text;
        let drop = whole.chars().count().saturating_sub(self.window_chars);
        self.before.insert(text.at, whole.chars().skip(drop).collect());
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Members of an event that hold nothing that the model wrote.
const TEXTLESS: [&str; 12] = {
    let [role, kind, id, object, index, finish, logprobs, usage] = ENGINES;
    let engine = ["created", "model", "system_fingerprint", "service_tier"];
    let [created, model, fingerprint, tier] = engine;
    [role, kind, id, object, index, finish, logprobs, usage, created, model, fingerprint, tier]
};

fn each_text(held: &mut [Held], visit: &mut dyn FnMut(&str, &mut String)) {
    for one in held {
        let Held::Event { data, .. } = one else { continue };
        texts::each(data, &mut String::new(), &TEXTLESS, &mut |at, text| visit(at.pointer, text));
    }
}
