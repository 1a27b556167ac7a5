//! The learnt tokenizer: deterministic, lossless on any text, faithful to its template.

use super::TextTokenizer;
use crate::{
    chat::{Message, Role, Template, render},
    dataset::{Settings, generate},
};

fn learnt() -> TextTokenizer {
    let settings = Settings { number_max: 999, summand_max: 19, ..Settings::default() };
    TextTokenizer::learn(&generate(&settings).unwrap().train, 512).unwrap()
}

#[test]
fn learning_twice_gives_the_same_file() {
    assert_eq!(learnt().sha256().unwrap(), learnt().sha256().unwrap());
    assert_eq!(learnt().len() % 16, 0);
}

#[test]
fn any_text_survives_and_control_tokens_in_content_stay_text() {
    let tokenizer = learnt();
    for text in ["quatre-vingt-dix-sept", "12+7=", "", " é\u{1f980}\n\t\0 zz", "<s>[INST]</s>"] {
        let tokens = tokenizer.encode_literal(text).unwrap();
        assert_eq!(tokenizer.decode(&tokens).unwrap(), text);
    }
    let Template::Instruct(control) = tokenizer.template() else { panic!("not our template") };
    assert!(!tokenizer.encode_literal("</s>").unwrap().contains(&control.end));
    assert_eq!(tokenizer.encode_prompt("</s>").unwrap(), [control.begin, control.end]);
}

#[test]
fn known_words_are_single_tokens_and_digits_stay_apart() {
    let tokenizer = learnt();
    assert_eq!(tokenizer.encode_literal("quatre-vingt-dix-sept").unwrap().len(), 7);
    assert_eq!(tokenizer.encode_literal("12+7=").unwrap().len(), 5);
}

#[test]
fn saved_and_loaded_tokenizers_render_alike_and_as_the_template_says() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = learnt();
    tokenizer.save(folder.path(), 64).unwrap();
    let loaded = TextTokenizer::load(folder.path()).unwrap();
    let say = |role, content: &str| Message { role, content: content.to_owned() };
    let messages = [
        say(Role::System, "court"),
        say(Role::User, "97"),
        say(Role::Assistant, "dix"),
        say(Role::User, "1+1="),
    ];
    let tokens = render(&tokenizer, &messages).unwrap();
    assert_eq!(tokens, render(&loaded, &messages).unwrap());
    let text = "[SYSTEM_PROMPT]court[/SYSTEM_PROMPT][INST]97[/INST]dix</s>[INST]1+1=[/INST]";
    assert_eq!(tokens, tokenizer.encode_prompt(text).unwrap());
}

#[test]
fn a_folder_with_another_template_falls_back_to_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    learnt().save(folder.path(), 64).unwrap();
    std::fs::write(folder.path().join("tokenizer_config.json"), "{\"chat_template\":\"x\"}")
        .unwrap();
    let loaded = TextTokenizer::load(folder.path()).unwrap();
    assert_eq!(loaded.template(), Template::Plain);
    let tokens =
        render(&loaded, &[Message { role: Role::User, content: "un".to_owned() }]).unwrap();
    assert_eq!(loaded.decode(&tokens).unwrap(), "user: un\nassistant:");
}
