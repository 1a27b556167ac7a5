//! The model card, written from facts of the run alone.

use super::{TrainConfig, TrainReport};

/// `README.md` of a trained model, with the metadata block Hugging Face reads.
pub(super) fn render(config: &TrainConfig, report: &TrainReport) -> String {
    let TrainReport { parameters, steps, tokens, flop, flop_method, loss_train, .. } = report;
    let TrainReport { model_sha256, dataset_sha256, vector_unit, threads, .. } = report;
    let seconds = report.elapsed_ms as f64 / 1_000.0;
    let heldout =
        report.loss_heldout.map_or("not measured".to_owned(), |loss| format!("{loss:.4}"));
    let energy = report.energy_mj.map_or("not measured (RAPL not readable)".to_owned(), |energy| {
        format!("{:.1} Wh, measured by RAPL over the whole processor", energy as f64 / 3.6e6)
    });
    let cpu = report
        .cpu_ms
        .map_or("not measured".to_owned(), |cpu| format!("{:.1} s", cpu as f64 / 1_000.0));
    let TrainConfig { name, licence, seed, learning_rate, batch_samples, .. } = config;
    format!(
        "---\nlicense: {licence}\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- mistral\n\
         - cocarde\n---\n\n# {name}\n\n\
         A decoder of the Mistral architecture with {parameters} parameters, trained by `cocarde lm train` on the \
         completions of one dataset. It knows that dataset's task and nothing else.\n\n\
         ## Prompt format\n\n`<s>[INST]question[/INST]answer</s>`, as `chat_template` in \
         `tokenizer_config.json` writes it. The model was not trained with system messages.\n\n\
         ## Facts\n\n| fact | value |\n|---|---|\n\
         | SHA-256 of model.safetensors | `{model_sha256}` |\n\
         | SHA-256 of the training samples | `{dataset_sha256}` |\n\
         | seed | {seed} |\n| steps | {steps} |\n| samples per step | {batch_samples} |\n\
         | learning rate | {learning_rate} |\n| input tokens | {tokens} |\n\
         | compute | {flop} FLOP ({flop_method}) |\n\
         | wall time | {seconds:.1} s on {threads} threads ({vector_unit}) |\n| CPU time | {cpu} |\n\
         | energy | {energy} |\n| training loss | {loss_train:.4} |\n| held-out loss | {heldout} |\n"
    )
}
