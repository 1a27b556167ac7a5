//! The text of a request. Equal blocks of a trace become equal text, so that prefixes are shared as they
//! were; all else is different from request to request, so that no cache helps where the trace had none.

use std::fmt::Write as _;

use super::arrivals::Arrival;

/// Tokens of a block in the published trace that has blocks.
pub(crate) const BLOCK_TOKENS: u32 = 512;

/// How requests are written.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// The model that is asked.
    pub(crate) model: String,
    /// Whether the answer comes as events.
    pub(crate) stream: bool,
    /// Bytes of text for one token.
    pub(crate) bytes_per_token: u32,
    /// Makes prompts of one run different from those of another.
    pub(crate) salt: u64,
}

/// The body of a chat completion. `number` is the request's own.
pub(crate) fn body(style: &Style, number: usize, arrival: &Arrival) -> String {
    let bytes = |tokens: u32| bytes_of(tokens, style.bytes_per_token);
    let whole = bytes(arrival.prompt_tokens);
    let mut text = String::with_capacity(whole.saturating_add(256));
    text.push_str("{\"model\":");
    text.push_str(&serde_json::Value::from(style.model.as_str()).to_string());
    // The field goes to the mock of an engine and is ordinary to any other.
    let _ = write!(text, ",\"max_tokens\":{}", arrival.output_tokens);
    if style.stream {
        text.push_str(",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    }
    text.push_str(",\"messages\":[{\"role\":\"user\",\"content\":\"");
    let start = text.len();
    for block in &arrival.blocks {
        let left = whole.saturating_sub(text.len().saturating_sub(start));
        fill(&mut text, &format!("{:x}.{block:x} ", style.salt), left.min(bytes(BLOCK_TOKENS)));
    }
    let left = whole.saturating_sub(text.len().saturating_sub(start));
    fill(&mut text, &format!("{:x}-{number:x} ", style.salt), left);
    text.push_str("\"}]}");
    text
}

/// Bytes that stand for so many tokens.
pub(crate) fn bytes_of(tokens: u32, bytes_per_token: u32) -> usize {
    usize::try_from(u64::from(tokens).saturating_mul(u64::from(bytes_per_token)))
        .unwrap_or(usize::MAX)
}

/// Appends exactly so many bytes: the word, again and again, which needs no escape in JSON.
fn fill(text: &mut String, word: &str, bytes: usize) {
    let end = text.len().saturating_add(bytes);
    while text.len() < end {
        let left = end.saturating_sub(text.len());
        text.push_str(word.get(..left.min(word.len())).unwrap_or(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(style: &Style, number: usize, blocks: &[u64], tokens: u32) -> String {
        let arrival =
            Arrival { due_us: 0, prompt_tokens: tokens, output_tokens: 3, blocks: blocks.into() };
        let body: serde_json::Value = serde_json::from_str(&body(style, number, &arrival)).unwrap();
        assert_eq!((&body["max_tokens"], &body["stream"]), (&3.into(), &true.into()));
        body["messages"][0]["content"].as_str().unwrap().to_owned()
    }

    #[test]
    fn shared_blocks_are_shared_text_and_nothing_else_is() {
        let style = Style { model: "a/\"b".to_owned(), stream: true, bytes_per_token: 4, salt: 9 };
        let [one, two] =
            [content(&style, 1, &[0, 7, 8], 1_300), content(&style, 2, &[0, 7], 1_300)];
        assert_eq!((one.len(), two.len()), (5_200, 5_200));
        let block = bytes_of(BLOCK_TOKENS, 4);
        assert_eq!(one[..2 * block], two[..2 * block]);
        assert_ne!(one[2 * block..2 * block + 16], two[2 * block..2 * block + 16]);
        assert_ne!(content(&style, 1, &[], 9), content(&style, 2, &[], 9));
    }
}
