//! What can be asked for under `/v1`, and what differs from one kind of call to the next.
//!
//! All kinds take the same path through [`crate::proxy`]; whatever depends on the kind is a method here,
//! with an exhaustive match, so that a new kind says all there is to say about it.

use http::Method;

/// A kind of call that a replica answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/completions`.
    Text,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/responses`, which engines answer as a chat completion.
    Responses,
    /// `POST /v1/fim/completions` (Mistral), which engines answer as a completion with a suffix.
    Fim,
    /// `POST /tokenize`, as vLLM has it.
    Tokenize,
    /// `POST /detokenize`, as vLLM has it.
    Detokenize,
    /// `GET /tokenizer_info`, as vLLM has it.
    TokenizerInfo,
}

/// What calls do, as OpenTelemetry's GenAI conventions tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A conversation goes on.
    Chat,
    /// A text goes on, or its middle is filled.
    TextCompletion,
    /// Texts become vectors.
    Embeddings,
    /// Texts become tokens or tokens texts, for which the conventions have no word.
    Tokenize,
}

impl Operation {
    /// Every one.
    pub(crate) const ALL: [Self; 4] =
        [Self::Chat, Self::TextCompletion, Self::Embeddings, Self::Tokenize];

    /// The value of `gen_ai.operation.name`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Tokenize => "tokenize",
        }
    }
}

impl Call {
    /// Every kind; those that are asked most come first.
    pub(crate) const ALL: [Self; 8] = [
        Self::Chat,
        Self::Text,
        Self::Embeddings,
        Self::Responses,
        Self::Fim,
        Self::Tokenize,
        Self::Detokenize,
        Self::TokenizerInfo,
    ];

    /// The kind behind a request line; `None` for what this gateway does not send on.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        let is_it = |call: &Self| call.paths().contains(&path) && call.method() == method;
        Self::ALL.into_iter().find(is_it)
    }

    /// The method, here and at the replica.
    pub(crate) const fn method(self) -> &'static Method {
        match self {
            Self::Chat
            | Self::Text
            | Self::Embeddings
            | Self::Responses
            | Self::Fim
            | Self::Tokenize
            | Self::Detokenize => &Method::POST,
            Self::TokenizerInfo => &Method::GET,
        }
    }

    /// The paths under which clients ask. What vLLM has at its root stands there and under `/v1`.
    pub(crate) const fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["/v1/chat/completions"],
            Self::Text => &["/v1/completions"],
            Self::Embeddings => &["/v1/embeddings"],
            Self::Responses => &["/v1/responses"],
            Self::Fim => &["/v1/fim/completions"],
            Self::Tokenize => &["/tokenize", "/v1/tokenize"],
            Self::Detokenize => &["/detokenize", "/v1/detokenize"],
            Self::TokenizerInfo => &["/tokenizer_info", "/v1/tokenizer_info"],
        }
    }

    /// The path at the replica.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses => "/v1/chat/completions",
            Self::Text | Self::Fim => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Tokenize => "/tokenize",
            Self::Detokenize => "/detokenize",
            Self::TokenizerInfo => "/tokenizer_info",
        }
    }

    /// Whether a model reads or writes tokens for it; cutting texts costs none.
    pub(crate) const fn uses_tokens(self) -> bool {
        match self {
            Self::Chat | Self::Text | Self::Embeddings | Self::Responses | Self::Fim => true,
            Self::Tokenize | Self::Detokenize | Self::TokenizerInfo => false,
        }
    }

    /// Whether a model writes tokens for it.
    pub(crate) const fn writes(self) -> bool {
        match self {
            Self::Chat | Self::Text | Self::Responses | Self::Fim => true,
            Self::Embeddings | Self::Tokenize | Self::Detokenize | Self::TokenizerInfo => false,
        }
    }

    /// What it does.
    pub(crate) const fn operation(self) -> Operation {
        match self {
            Self::Chat | Self::Responses => Operation::Chat,
            Self::Text | Self::Fim => Operation::TextCompletion,
            Self::Embeddings => Operation::Embeddings,
            Self::Tokenize | Self::Detokenize | Self::TokenizerInfo => Operation::Tokenize,
        }
    }

    /// The path under which it is known: the first of its paths.
    pub(crate) fn route(self) -> &'static str {
        self.paths().first().copied().unwrap_or_default()
    }

    /// The answer's id: that of its request, in the form that clients of this kind know.
    pub(crate) fn answer_id(self, request_id: &str) -> String {
        let prefix = match self {
            Self::Chat => "chatcmpl-",
            Self::Text | Self::Fim => "cmpl-",
            Self::Embeddings => "embd-",
            Self::Responses => "resp_",
            Self::Tokenize | Self::Detokenize | Self::TokenizerInfo => "tok-",
        };
        let request = request_id.strip_prefix("req_").unwrap_or(request_id);
        let mut id = String::with_capacity(prefix.len() + request.len());
        id.push_str(prefix);
        id.push_str(request);
        id
    }
}
