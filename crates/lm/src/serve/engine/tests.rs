//! The engine alone: order, limits, cancellation, and answers that do not depend on the company.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Done, Embedding, Engine, Event, Job, Work};
use crate::{
    dataset::Sample,
    generate::Sampling,
    model::{Model, ModelConfig},
    serve::metrics::Metrics,
    tokenizer::TextTokenizer,
};

fn model() -> (Model, Arc<TextTokenizer>) {
    let sample = Sample { prompt: "a".to_owned(), completion: "b".to_owned() };
    let tokenizer = TextTokenizer::learn(&[sample], 272).unwrap();
    let config = ModelConfig {
        vocab_size: tokenizer.len(),
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 8,
        max_position_embeddings: 48,
        rms_norm_eps: 1e-5,
        rope_theta: 1e4,
        sliding_window: Some(8),
        tie_word_embeddings: false,
        bos_token_id: Some(1),
        eos_token_ids: vec![2],
        pad_token_id: Some(3),
    };
    (Model::random(config, 3).unwrap(), Arc::new(tokenizer))
}

type Answer = (String, Option<Done>);

/// Runs the engine until the jobs are done; `None` for a prompt whose client has gone.
fn answers(
    prompts: &[(Vec<u32>, Sampling)],
    gone: &[usize],
    batch_max: usize,
) -> (Vec<Answer>, Arc<Metrics>) {
    let (model, tokenizer) = model();
    let metrics = Arc::new(Metrics::default());
    let (queue, jobs) = mpsc::channel(prompts.len());
    let mut receivers = Vec::new();
    for (index, (prompt, sampling)) in prompts.iter().enumerate() {
        let (events, receiver) = mpsc::channel(64);
        let job = Job {
            index,
            prompt: prompt.clone(),
            sampling: *sampling,
            answer_tokens_max: 20 + index,
            stops: Vec::new(),
            alternatives: None,
            rates_prompt: false,
            events,
        };
        queue.try_send(Work::Answer(job)).unwrap();
        receivers.push((!gone.contains(&index)).then_some(receiver));
    }
    drop(queue);
    Engine::new(model, tokenizer, jobs, batch_max, metrics.clone()).run();
    let read = |receiver: Option<mpsc::Receiver<(usize, Event)>>| {
        let mut answer = (String::new(), None);
        let Some(mut receiver) = receiver else { return answer };
        while let Ok((_, event)) = receiver.try_recv() {
            match event {
                Event::Prompt(_) => panic!("nobody asked for it"),
                Event::Text(text, rated) => {
                    assert_eq!(rated, None);
                    answer.0.push_str(&text);
                }
                Event::Done(done) => answer.1 = Some(done),
                Event::Failed(message) => panic!("{message}"),
            }
        }
        answer
    };
    (receivers.into_iter().map(read).collect(), metrics)
}

fn prompts() -> Vec<(Vec<u32>, Sampling)> {
    let warm = |seed| Sampling { temperature: 0.9, top_p: 0.95, seed };
    vec![
        (vec![1, 40, 41], Sampling::GREEDY),
        (vec![1, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99], Sampling::GREEDY),
        (vec![1, 50], warm(7)),
        (vec![1, 50], warm(7)),
        (vec![1, 50], warm(8)),
    ]
}

#[test]
fn batched_answers_equal_lone_ones_and_seeds_decide() {
    let together = answers(&prompts(), &[], 8).0;
    let in_turn = answers(&prompts(), &[], 1).0;
    let some = answers(&prompts(), &[], 2).0;
    assert_eq!(together, in_turn);
    assert_eq!(together, some);
    assert!(together.iter().all(|(_, done)| done.is_some()));
    // The second of the two equal seeds may say one token more, its limit being one higher.
    assert!(together[3].0.starts_with(together[2].0.trim_end_matches('\u{fffd}')), "{together:?}");
    assert_ne!(together[3].0, together[4].0);
}

#[test]
fn an_answer_ends_at_its_limit_or_at_the_end_of_the_context() {
    let long = (vec![40; 40], Sampling::GREEDY);
    let (answers, _) = answers(&[(vec![1, 40, 41], Sampling::GREEDY), long], &[], 4);
    let done = |index: usize| answers[index].1.unwrap();
    assert_eq!((done(0).reason, done(0).tokens), ("length", 20));
    // 40 tokens of prompt leave room for feeding 8 more; the last one drawn needs no place.
    assert_eq!((done(1).reason, done(1).tokens), ("length", 9));
}

#[test]
fn a_client_that_has_gone_costs_no_step() {
    let (answers, metrics) = answers(&prompts()[..2], &[1], 4);
    assert!(answers[0].1.is_some());
    assert!(metrics.render(0).contains("lm_decode_steps_total 20\n"), "{}", metrics.render(0));
    let (_, metrics) = self::answers(&prompts()[..2], &[0, 1], 4);
    assert!(metrics.render(0).contains("lm_decode_steps_total 0\n"));
}

/// Runs one job that asks for ratings; what it is told.
fn rated(prompt: &[u32], answer_tokens_max: usize) -> Vec<Event> {
    let (model, tokenizer) = model();
    let (queue, jobs) = mpsc::channel(1);
    let (events, mut receiver) = mpsc::channel(64);
    let job = Job {
        index: 0,
        prompt: prompt.into(),
        sampling: Sampling::GREEDY,
        answer_tokens_max,
        stops: Vec::new(),
        alternatives: Some(1),
        rates_prompt: true,
        events,
    };
    queue.try_send(Work::Answer(job)).unwrap();
    drop(queue);
    Engine::new(model, tokenizer, jobs, 1, Arc::new(Metrics::default())).run();
    std::iter::from_fn(|| receiver.try_recv().ok().map(|(_, event)| event)).collect()
}

#[test]
fn what_is_said_of_a_prompt_is_what_is_said_when_it_is_drawn() {
    let prompt = [1, 40, 41];
    let drawn = rated(&prompt, 5);
    let Some(Event::Prompt(told)) = drawn.first() else { panic!("{drawn:?}") };
    assert_eq!((told.len(), &told[0]), (3, &(1, None)), "nothing stands before the first token");
    let tokens: Vec<_> = drawn
        .iter()
        .filter_map(|event| match event {
            Event::Text(_, rated) => rated.clone(),
            Event::Prompt(_) | Event::Done(_) | Event::Failed(_) => None,
        })
        .collect();
    assert_eq!(tokens.len(), 5);
    assert!(tokens.iter().all(|token| token.likeliest[0] == (token.token, token.logprob)));
    // The same tokens, given as a prompt, are rated to the last bit as when they were drawn.
    let whole: Vec<u32> = prompt.iter().copied().chain(tokens.iter().map(|t| t.token)).collect();
    let again = rated(&whole, 0);
    let Some(Event::Prompt(told)) = again.first() else { panic!("{again:?}") };
    let told: Vec<_> = told.iter().skip(prompt.len()).map(|told| told.1.clone().unwrap()).collect();
    assert_eq!(told, tokens);
    assert_eq!(again.last(), Some(&Event::Done(Done { reason: "length", tokens: 0 })));
}

#[test]
fn vectors_have_length_one_and_do_not_depend_on_company() {
    let vectors = |texts: &[&[u32]]| {
        let (model, tokenizer) = model();
        let (queue, jobs) = mpsc::channel(texts.len());
        let (vectors, mut receiver) = mpsc::channel(texts.len());
        for (index, tokens) in texts.iter().enumerate() {
            let (tokens, vectors) = (tokens.to_vec(), vectors.clone());
            queue.try_send(Work::Embed(Embedding { index, tokens, vectors })).unwrap();
        }
        drop((queue, vectors));
        Engine::new(model, tokenizer, jobs, 4, Arc::new(Metrics::default())).run();
        std::iter::from_fn(|| receiver.try_recv().ok().map(|(_, vector)| vector))
            .collect::<Vec<_>>()
    };
    let together = vectors(&[&[1, 40], &[1, 90, 91, 92]]);
    assert_eq!(together[1..], vectors(&[&[1, 90, 91, 92]]));
    assert_ne!(together[0], together[1]);
    for vector in &together {
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!(vector.len() == 16 && (length - 1.0).abs() < 1e-5, "{length}");
    }
}
