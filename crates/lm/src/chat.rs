//! From chat messages to tokens: our own prompt format, and a plain one for other models.
//!
//! The format used in training, written to `tokenizer_config.json` and used by the server is this one:
//! `<s>[INST]question[/INST]answer</s>[INST]question[/INST]…`, system messages as
//! `[SYSTEM_PROMPT]text[/SYSTEM_PROMPT]`. There is no Jinja engine: a folder whose template is not literally
//! [`CHAT_TEMPLATE`] gets the plain format `role: content` line by line, ended by `assistant:`.

use crate::{
    error::Result,
    tokenizer::{ControlIds, TextTokenizer},
};

/// The chat template of the models we train, as transformers reads it.
pub(crate) const CHAT_TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}\
{% if message['role'] == 'assistant' %}{{ message['content'] }}{{ eos_token }}\
{% elif message['role'] == 'system' %}{{ '[SYSTEM_PROMPT]' + message['content'] + '[/SYSTEM_PROMPT]' }}\
{% else %}{{ '[INST]' + message['content'] + '[/INST]' }}{% endif %}{% endfor %}";

/// Which prompt format a tokenizer is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Template {
    /// Ours, with control tokens placed by id.
    Instruct(ControlIds),
    /// `role: content` lines.
    Plain,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Instructions above the conversation.
    System,
    /// The person, or a tool's answer.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) role: Role,
    pub(crate) content: String,
}

/// Tokens of a conversation, ready for the model to answer.
pub(crate) fn render(tokenizer: &TextTokenizer, messages: &[Message]) -> Result<Vec<u32>> {
    let Template::Instruct(control) = tokenizer.template() else {
        let mut text = String::new();
        for message in messages {
            let role = match message.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            text.push_str(&format!("{role}: {}\n", message.content));
        }
        text.push_str("assistant:");
        return tokenizer.encode_prompt(&text);
    };
    let mut tokens = vec![control.begin];
    for message in messages {
        let content = tokenizer.encode_literal(&message.content)?;
        let (before, after) = match message.role {
            Role::System => (Some(control.system), control.system_end),
            Role::User => (Some(control.user), control.user_end),
            Role::Assistant => (None, control.end),
        };
        tokens.extend(before);
        tokens.extend(content);
        tokens.push(after);
    }
    Ok(tokens)
}
