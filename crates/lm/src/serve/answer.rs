//! The JSON of answers, whole and in chunks, in OpenAI's shapes.

use serde_json::{Value, json};

use super::engine::Done;

/// Which of the two generation routes an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Chat,
    Completion,
}

/// What all parts of one answer share.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
    pub(super) fingerprint: String,
    pub(super) prompt_tokens: usize,
    /// Streams only: whether the last chunk carries usage.
    pub(super) include_usage: bool,
}

impl Envelope {
    /// A whole answer: text, ratings and end of every choice, in order.
    pub(super) fn whole(&self, answers: &[(String, Value, Done)]) -> Value {
        let object = match self.kind {
            Kind::Chat => "chat.completion",
            Kind::Completion => "text_completion",
        };
        let choice =
            |(index, (text, ratings, done)): (usize, &(String, Value, Done))| match self.kind {
                Kind::Chat => json!({
                    "index": index,
                    "message": { "role": "assistant", "content": text, "refusal": null },
                    "logprobs": ratings,
                    "finish_reason": done.reason,
                }),
                Kind::Completion => json!({
                    "index": index, "text": text, "logprobs": ratings, "finish_reason": done.reason,
                }),
            };
        let choices: Vec<Value> = answers.iter().enumerate().map(choice).collect();
        let generated = answers.iter().map(|(_, _, done)| done.tokens).sum();
        let mut root = self.root(object, choices);
        root["usage"] = self.usage(generated);
        root
    }

    /// The first chunk of a chat answer names the role; completions have none.
    pub(super) fn opening(&self, index: usize) -> Option<Value> {
        let delta = json!({ "role": "assistant", "content": "" });
        (self.kind == Kind::Chat).then(|| self.chat_chunk(index, &delta, &Value::Null, None))
    }

    /// A chunk of text, with the ratings of its tokens or null.
    pub(super) fn text(&self, index: usize, text: &str, ratings: &Value) -> Value {
        match self.kind {
            Kind::Chat => self.chat_chunk(index, &json!({ "content": text }), ratings, None),
            Kind::Completion => self.completion_chunk(index, text, ratings, None),
        }
    }

    /// The last chunk of a prompt's answer.
    pub(super) fn end(&self, index: usize, done: Done) -> Value {
        match self.kind {
            Kind::Chat => self.chat_chunk(index, &json!({}), &Value::Null, Some(done.reason)),
            Kind::Completion => self.completion_chunk(index, "", &Value::Null, Some(done.reason)),
        }
    }

    /// The chunk with usage and no choices, where it was asked for.
    pub(super) fn closing(&self, generated: usize) -> Option<Value> {
        self.include_usage.then(|| {
            let object = match self.kind {
                Kind::Chat => "chat.completion.chunk",
                Kind::Completion => "text_completion",
            };
            let mut root = self.root(object, Vec::new());
            root["usage"] = self.usage(generated);
            root
        })
    }

    fn chat_chunk(
        &self,
        index: usize,
        delta: &Value,
        ratings: &Value,
        reason: Option<&str>,
    ) -> Value {
        let choice =
            json!({ "index": index, "delta": delta, "logprobs": ratings, "finish_reason": reason });
        self.chunk("chat.completion.chunk", choice)
    }

    fn completion_chunk(
        &self,
        index: usize,
        text: &str,
        ratings: &Value,
        reason: Option<&str>,
    ) -> Value {
        let choice =
            json!({ "index": index, "text": text, "logprobs": ratings, "finish_reason": reason });
        self.chunk("text_completion", choice)
    }

    fn chunk(&self, object: &str, choice: Value) -> Value {
        let mut root = self.root(object, vec![choice]);
        if self.include_usage {
            root["usage"] = Value::Null;
        }
        root
    }

    fn root(&self, object: &str, choices: Vec<Value>) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "choices": choices,
        })
    }

    fn usage(&self, generated: usize) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": generated,
            "total_tokens": self.prompt_tokens + generated,
        })
    }
}
