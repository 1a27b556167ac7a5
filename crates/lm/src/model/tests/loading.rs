//! Weights in files: what is written is read back, and every defect is named.

use std::{collections::HashMap, path::Path};

use safetensors::{
    Dtype,
    tensor::{TensorView, serialize},
};

use super::{lively, tiny};
use crate::model::{Model, weights::widen_half};

fn refused(folder: &Path) -> String {
    Model::load(folder).unwrap_err().to_string()
}

/// Name, shape, number format and bytes of a tensor.
type Stored = (String, Vec<usize>, Dtype, Vec<u8>);

/// Rewrites the weights as files named by `file_of`, each tensor through `convert`.
fn rewrite(
    model: &Model,
    folder: &Path,
    file_of: impl Fn(&str) -> Option<&'static str>,
    convert: impl Fn(&[f32]) -> (Dtype, Vec<u8>),
) {
    let mut files: HashMap<&str, Vec<Stored>> = HashMap::new();
    for tensor in &model.layout.tensors {
        if let Some(file) = file_of(&tensor.name) {
            let (dtype, bytes) = convert(&model.weights[tensor.span.clone()]);
            let entry = (tensor.name.clone(), tensor.shape.clone(), dtype, bytes);
            files.entry(file).or_default().push(entry);
        }
    }
    for (file, tensors) in files {
        let views = tensors.iter().map(|(name, shape, dtype, bytes)| {
            (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        std::fs::write(folder.join(file), serialize(views, None).unwrap()).unwrap();
    }
}

fn as_f32(values: &[f32]) -> (Dtype, Vec<u8>) {
    (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

#[test]
fn saved_models_load_with_the_same_weights_and_bytes() {
    for tied in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let model = lively(tiny(tied, Some(3)));
        model.save(folder.path()).unwrap();
        let loaded = Model::load(folder.path()).unwrap();
        assert_eq!(loaded.weights, model.weights);
        assert_eq!(loaded.config(), model.config());
        assert_eq!(loaded.to_safetensors().unwrap(), model.to_safetensors().unwrap());
        let bytes = std::fs::read(folder.path().join("model.safetensors")).unwrap();
        let header = String::from_utf8_lossy(&bytes[8..400]).into_owned();
        assert!(header.contains("\"format\":\"pt\""), "{header}");
        assert_eq!(String::from_utf8_lossy(&bytes).contains("lm_head.weight"), !tied);
    }
}

#[test]
fn shards_and_half_precision_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let model = lively(tiny(true, None));
    model.save(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let file_of = |name: &str| {
        Some(if name.contains("layers.0") { "a.safetensors" } else { "b.safetensors" })
    };
    let narrow = |values: &[f32]| {
        let bytes =
            values.iter().flat_map(|v| ((v.to_bits() >> 16) as u16).to_le_bytes()).collect();
        (Dtype::BF16, bytes)
    };
    rewrite(&model, folder.path(), file_of, narrow);
    let map: HashMap<_, _> =
        model.layout.tensors.iter().map(|t| (t.name.clone(), file_of(&t.name))).collect();
    let index = serde_json::json!({ "weight_map": map }).to_string();
    let index_path = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index_path, &index).unwrap();
    let loaded = Model::load(folder.path()).unwrap();
    let truncated = |w: &f32| f32::from_bits(w.to_bits() & 0xffff_0000);
    assert_eq!(loaded.weights, model.weights.iter().map(truncated).collect::<Vec<_>>());

    std::fs::write(&index_path, index.replace("a.safetensors", "../a.safetensors")).unwrap();
    assert!(refused(folder.path()).contains("not a plain file name"));
    std::fs::write(&index_path, &index).unwrap();
    std::fs::remove_file(folder.path().join("a.safetensors")).unwrap();
    assert!(refused(folder.path()).contains("a.safetensors"));
}

#[test]
fn half_precision_widens_exactly() {
    for (half, expected) in [
        (0x0000, 0.0),
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x7bff, 65_504.0),
        (0x0001, 5.960_464_5e-8),
        (0x03ff, 6.097_555e-5),
        (0x7c00, f32::INFINITY),
        (0x3555, 0.333_251_95),
    ] {
        assert_eq!(widen_half(half), expected, "{half:#x}");
    }
    assert!(widen_half(0x7e00).is_nan() && widen_half(0x8000).is_sign_negative());
}

#[test]
fn defects_are_named_by_file_and_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let (path, model) = (folder.path(), lively(tiny(true, None)));
    assert!(refused(path).contains("config.json"));
    model.save(path).unwrap();
    let weights = path.join("model.safetensors");

    let skip = |name: &str| (!name.contains("layers.1.mlp.up")).then_some("model.safetensors");
    rewrite(&model, path, skip, as_f32);
    let message = refused(path);
    assert!(message.contains("model.layers.1.mlp.up_proj.weight"), "{message}");
    assert!(message.contains("model.safetensors"), "{message}");

    let all = |_: &str| Some("model.safetensors");
    rewrite(&model, path, all, |values| (Dtype::I32, as_f32(values).1));
    assert!(refused(path).contains("stored as I32"));

    let bytes = model.to_safetensors().unwrap();
    for broken in [&bytes[..100], &bytes[..bytes.len() - 1], &[0xff; 64], &[]] {
        std::fs::write(&weights, broken).unwrap();
        assert!(refused(path).contains("not a valid safetensors file"));
    }
    std::fs::write(&weights, &bytes).unwrap();
    let config = model.config().to_json().to_string();
    for (from, to, expected) in [
        ("MistralForCausalLM", "GPT2LMHeadModel", "architecture `GPT2LMHeadModel`"),
        (
            "\"hidden_size\":12",
            "\"hidden_size\":14",
            "has shape [11, 12] where config.json asks for [11, 14]",
        ),
        ("\"hidden_size\":12", "\"hidden_size\":\"x\"", "field `hidden_size` must be a size"),
        ("\"num_key_value_heads\":2", "\"num_key_value_heads\":3", "must divide"),
        ("\"rope_type\":\"default\"", "\"rope_type\":\"yarn\"", "rotary scaling `yarn`"),
    ] {
        assert!(config.contains(from), "{config}");
        std::fs::write(path.join("config.json"), config.replace(from, to)).unwrap();
        let message = refused(path);
        assert!(message.contains(expected), "{message}");
    }
}
