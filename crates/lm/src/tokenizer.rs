//! Tokenizers: a byte-level BPE built from a dataset, and any `tokenizer.json` loaded from a folder.
//!
//! Text that users send must never turn into control tokens: content is encoded literally, and control
//! tokens are placed by id.

use std::path::Path;

use serde_json::{Value, json};
use tokenizers::{
    AddedToken, Tokenizer,
    decoders::byte_level::ByteLevel as ByteLevelDecoder,
    models::{
        TrainerWrapper,
        bpe::{BPE, BpeTrainer},
    },
    pre_tokenizers::{
        PreTokenizerWrapper, byte_level::ByteLevel, digits::Digits, sequence::Sequence,
    },
    processors::template::TemplateProcessing,
};

use crate::{
    chat::{CHAT_TEMPLATE, Template},
    dataset::Sample,
    error::{LmError, Result},
    files,
};

const UNKNOWN: &str = "<unk>";
const BEGIN: &str = "<s>";
const END: &str = "</s>";
const PAD: &str = "<pad>";
const CONTROL: [&str; 8] =
    [UNKNOWN, BEGIN, END, PAD, "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"];
/// The vocabulary is filled up to a multiple of this with reserved control tokens: whole vectors.
const VOCABULARY_MULTIPLE: usize = 16;
const TOKENIZER_BYTES_MAX: u64 = 64 << 20;

/// Ids of the control tokens of our own prompt format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ControlIds {
    pub(crate) begin: u32,
    pub(crate) end: u32,
    pub(crate) pad: u32,
    pub(crate) user: u32,
    pub(crate) user_end: u32,
    pub(crate) system: u32,
    pub(crate) system_end: u32,
}

/// A tokenizer and the prompt format that belongs to it.
#[derive(Debug, Clone)]
pub struct TextTokenizer {
    /// Recognises control tokens in text, as transformers does.
    recognising: Tokenizer,
    /// Takes control tokens in text for plain text.
    literal: Tokenizer,
    template: Template,
}

impl TextTokenizer {
    /// Learns a byte-level BPE of at most `vocab_size_max` entries from the samples: digits apart,
    /// GPT-2 word splitting, all 256 bytes present so that any text can be encoded.
    ///
    /// # Errors
    /// When `vocab_size_max` leaves no room for bytes and control tokens.
    pub fn learn(samples: &[Sample], vocab_size_max: usize) -> Result<Self> {
        let least = CONTROL.len() + 256;
        if vocab_size_max < least.next_multiple_of(VOCABULARY_MULTIPLE) || vocab_size_max > 65_536 {
            let detail =
                format!("{vocab_size_max} is not in {}..=65536", least.next_multiple_of(16));
            return Err(LmError::setting("vocab_size_max", detail));
        }
        let special = |text: &&str| AddedToken::from(*text, true);
        let splitting = Sequence::new(vec![
            PreTokenizerWrapper::Digits(Digits::new(true)),
            PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true)),
        ]);
        let mut tokenizer = Tokenizer::new(BPE::default());
        tokenizer.with_pre_tokenizer(Some(splitting));
        tokenizer.with_decoder(Some(ByteLevelDecoder::new(false, true, true)));
        let mut trainer: TrainerWrapper = BpeTrainer::builder()
            .vocab_size(vocab_size_max / VOCABULARY_MULTIPLE * VOCABULARY_MULTIPLE)
            .min_frequency(2)
            .show_progress(false)
            .special_tokens(CONTROL.iter().map(special).collect())
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build()
            .into();
        let texts =
            samples.iter().flat_map(|sample| [sample.prompt.as_str(), sample.completion.as_str()]);
        tokenizer.train(&mut trainer, texts).map_err(refused)?;
        let size = tokenizer.get_vocab_size(true);
        let reserved: Vec<AddedToken> = (size..size.next_multiple_of(VOCABULARY_MULTIPLE))
            .map(|id| AddedToken::from(format!("[RESERVED_{id}]"), true))
            .collect();
        tokenizer.add_special_tokens(&reserved);
        let begin = tokenizer.token_to_id(BEGIN).unwrap_or_default();
        let template = TemplateProcessing::builder()
            .try_single(format!("{BEGIN} $A"))
            .and_then(|builder| {
                builder.special_tokens(vec![(BEGIN, begin)]).build().map_err(|e| e.to_string())
            })
            .map_err(LmError::Tokenizer)?;
        tokenizer.with_post_processor(Some(template));
        Self::with_template(tokenizer, Some(CHAT_TEMPLATE))
    }

    /// Loads `tokenizer.json` and, where present, the chat template of a model folder.
    ///
    /// # Errors
    /// Names the file that is unreadable or malformed.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let bytes = files::read_limited(&path, TOKENIZER_BYTES_MAX)?;
        let tokenizer = Tokenizer::from_bytes(&bytes)
            .map_err(|error| LmError::format(&path, "tokenizer.json", error))?;
        let path = folder.join("tokenizer_config.json");
        if !path.exists() {
            return Self::with_template(tokenizer, None);
        }
        let bytes = files::read_limited(&path, TOKENIZER_BYTES_MAX)?;
        let config: Value = serde_json::from_slice(&bytes)
            .map_err(|error| LmError::format(&path, "tokenizer_config.json", error))?;
        Self::with_template(tokenizer, config["chat_template"].as_str())
    }

    fn with_template(tokenizer: Tokenizer, template: Option<&str>) -> Result<Self> {
        let mut literal = tokenizer.clone();
        let mut vocabulary = tokenizer.get_added_vocabulary().clone();
        vocabulary.set_encode_special_tokens(true);
        literal.with_added_vocabulary(vocabulary);
        let control = (template == Some(CHAT_TEMPLATE)).then(|| control_ids(&tokenizer)).flatten();
        let template = control.map_or(Template::Plain, Template::Instruct);
        Ok(Self { recognising: tokenizer, literal, template })
    }

    /// Writes `tokenizer.json` and `tokenizer_config.json`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path, context: usize) -> Result<()> {
        let text = self.recognising.to_string(true).map_err(refused)?;
        files::write_atomic(&folder.join("tokenizer.json"), text.as_bytes())?;
        let config = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": context,
            "bos_token": BEGIN,
            "eos_token": END,
            "pad_token": PAD,
            "unk_token": UNKNOWN,
            "add_bos_token": true,
            "add_eos_token": false,
            "clean_up_tokenization_spaces": false,
            "chat_template": CHAT_TEMPLATE,
        });
        files::write_json(&folder.join("tokenizer_config.json"), &config)
    }

    /// SHA-256 of the `tokenizer.json` this tokenizer writes.
    pub(crate) fn sha256(&self) -> Result<String> {
        let text = self.recognising.to_string(true).map_err(refused)?;
        Ok(files::sha256_hex(text.as_bytes()))
    }

    /// Entries of the vocabulary, control tokens included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.recognising.get_vocab_size(true)
    }

    /// Whether the vocabulary is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn template(&self) -> Template {
        self.template
    }

    /// Encodes text as text: what looks like a control token stays plain characters.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn encode_literal(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.literal.encode_fast(text, false).map_err(refused)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Encodes a raw prompt the way transformers does: begin token added, control tokens recognised.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.recognising.encode_fast(text, true).map_err(refused)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Encodes a text in which control tokens are recognised, with or without the begin token.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn encode_raw(&self, text: &str, with_begin: bool) -> Result<Vec<u32>> {
        let encoding = self.recognising.encode_fast(text, with_begin).map_err(refused)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of tokens, control tokens written out.
    ///
    /// # Errors
    /// When the tokenizer cannot decode.
    pub fn decode_all(&self, tokens: &[u32]) -> Result<String> {
        self.recognising.decode(tokens, false).map_err(refused)
    }

    /// The bytes that a token stands for; those of a character may be spread over several tokens.
    pub(crate) fn bytes_of(&self, token: u32) -> Vec<u8> {
        let Some(entry) = self.recognising.id_to_token(token) else { return Vec::new() };
        let special = self.recognising.get_added_vocabulary().get_added_tokens_decoder();
        if special.contains_key(&token) {
            return entry.into_bytes();
        }
        // A byte-level vocabulary writes a space as this letter; others have no such entry.
        if self.recognising.token_to_id("\u{120}").is_some()
            && let Some(bytes) = entry.chars().map(byte_of).collect()
        {
            return bytes;
        }
        self.recognising.decode(&[token], false).unwrap_or_default().into_bytes()
    }

    /// The text of tokens, without control tokens.
    ///
    /// # Errors
    /// When the tokenizer cannot decode.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        self.recognising.decode(tokens, true).map_err(refused)
    }
}

/// The byte that a letter of a byte-level vocabulary stands for: printable bytes are themselves, the others
/// follow upwards from 256 (GPT-2's `bytes_to_unicode`).
fn byte_of(letter: char) -> Option<u8> {
    let printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let code = u32::from(letter);
    match u8::try_from(code) {
        Ok(byte) => printable(byte).then_some(byte),
        Err(_) => {
            let place = usize::try_from(code.checked_sub(256)?).ok()?;
            (0..=u8::MAX).filter(|byte| !printable(*byte)).nth(place)
        }
    }
}

fn control_ids(tokenizer: &Tokenizer) -> Option<ControlIds> {
    let id = |text: &str| tokenizer.token_to_id(text);
    Some(ControlIds {
        begin: id(BEGIN)?,
        end: id(END)?,
        pad: id(PAD)?,
        user: id("[INST]")?,
        user_end: id("[/INST]")?,
        system: id("[SYSTEM_PROMPT]")?,
        system_end: id("[/SYSTEM_PROMPT]")?,
    })
}

fn refused(error: tokenizers::Error) -> LmError {
    LmError::Tokenizer(error.to_string())
}

#[cfg(test)]
mod tests;
