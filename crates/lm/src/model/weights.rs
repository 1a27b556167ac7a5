//! Reading and writing weights in the safetensors format, single or sharded.
//!
//! Reading must name the file and the tensor in every refusal; writing must be the same bytes for the
//! same weights.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use safetensors::{
    Dtype, SafeTensors,
    tensor::{TensorView, serialize},
};

use crate::{
    error::{LmError, Result},
    files,
    model::{
        Model, ModelConfig,
        layout::{Layout, Tensor},
    },
};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

impl Model {
    /// Loads `config.json` and the weights of a Hugging Face model folder.
    ///
    /// F16 and BF16 weights are widened to F32.
    ///
    /// # Errors
    /// Names the file and, where one is concerned, the tensor: missing, wrong shape, unreadable type,
    /// corrupt header, unsupported architecture.
    pub fn load(folder: &Path) -> Result<Self> {
        let config = ModelConfig::load(&folder.join("config.json"))?;
        let (source, files) = files_by_tensor(folder)?;
        let layout = Layout::new(&config);
        let mut by_file: BTreeMap<&Path, Vec<&Tensor>> = BTreeMap::new();
        for tensor in &layout.tensors {
            let file = files.get(&tensor.name).ok_or_else(|| LmError::TensorMissing {
                path: source.clone(),
                tensor: tensor.name.clone(),
            })?;
            by_file.entry(file).or_default().push(tensor);
        }
        let mut weights = vec![0.0; layout.len];
        for (path, tensors) in by_file {
            let bytes = std::fs::read(path).map_err(|error| LmError::io("read", path, error))?;
            let parsed = parse(path, &bytes)?;
            for tensor in tensors {
                fill(path, &parsed, tensor, &mut weights[tensor.span.clone()])?;
            }
        }
        Ok(Self::assemble(config, layout, weights))
    }

    /// Writes `config.json`, `generation_config.json` and `model.safetensors` into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        files::write_json(&folder.join("config.json"), &self.config().to_json())?;
        let config = self.config();
        let generation = serde_json::json!({
            "bos_token_id": config.bos_token_id,
            "eos_token_id": config.eos_token_ids.first(),
            "pad_token_id": config.pad_token_id,
            "do_sample": false,
        });
        files::write_json(&folder.join("generation_config.json"), &generation)?;
        files::write_atomic(&folder.join(SINGLE), &self.to_safetensors()?)
    }

    /// The bytes of `model.safetensors`.
    ///
    /// # Errors
    /// Only when the format's library refuses, which would be a bug.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let path = Path::new(SINGLE);
        let bytes: Vec<u8> = self.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let mut views = Vec::with_capacity(self.layout.tensors.len());
        for tensor in &self.layout.tensors {
            let data = &bytes[tensor.span.start * 4..tensor.span.end * 4];
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), data)
                .map_err(|error| LmError::format(path, "tensor", error))?;
            views.push((tensor.name.as_str(), view));
        }
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        serialize(views, Some(metadata)).map_err(|error| LmError::format(path, "set", error))
    }
}

fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes)
        .map_err(|error| LmError::format(path, "safetensors file", format!("{error:?}")))
}

/// Which file holds which tensor, and the file to blame when one is absent.
fn files_by_tensor(folder: &Path) -> Result<(PathBuf, BTreeMap<String, PathBuf>)> {
    let index = folder.join(INDEX);
    if !index.exists() {
        let single = folder.join(SINGLE);
        let bytes = std::fs::read(&single).map_err(|error| LmError::io("read", &single, error))?;
        let names = parse(&single, &bytes)?.names().into_iter().map(str::to_owned).collect();
        let names: BTreeSet<String> = names;
        let files = names.into_iter().map(|name| (name, single.clone())).collect();
        return Ok((single, files));
    }
    let text = std::fs::read(&index).map_err(|error| LmError::io("read", &index, error))?;
    let wrong = |detail: String| LmError::format(&index, "weight index", detail);
    let root: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let map = root["weight_map"].as_object().ok_or_else(|| wrong("no `weight_map`".to_owned()))?;
    let mut files = BTreeMap::new();
    for (tensor, file) in map {
        let file = file.as_str().unwrap_or_default();
        // A shard is a plain name: an index must not lead out of its folder.
        if file.is_empty() || file.contains(['/', '\\']) || file.starts_with('.') {
            return Err(wrong(format!("`{file}` of tensor `{tensor}` is not a plain file name")));
        }
        files.insert(tensor.clone(), folder.join(file));
    }
    Ok((index, files))
}

fn fill(path: &Path, file: &SafeTensors<'_>, tensor: &Tensor, into: &mut [f32]) -> Result<()> {
    let view = file.tensor(&tensor.name).map_err(|_| LmError::TensorMissing {
        path: path.to_path_buf(),
        tensor: tensor.name.clone(),
    })?;
    if view.shape() != tensor.shape.as_slice() {
        return Err(LmError::TensorShape {
            path: path.to_path_buf(),
            tensor: tensor.name.clone(),
            found: view.shape().to_vec(),
            expected: tensor.shape.clone(),
        });
    }
    let halves = view.data().as_chunks::<2>().0;
    match view.dtype() {
        Dtype::F32 => {
            for (weight, bytes) in into.iter_mut().zip(view.data().as_chunks::<4>().0) {
                *weight = f32::from_le_bytes(*bytes);
            }
        }
        Dtype::BF16 => {
            for (weight, bytes) in into.iter_mut().zip(halves) {
                *weight = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
            }
        }
        Dtype::F16 => {
            for (weight, bytes) in into.iter_mut().zip(halves) {
                *weight = widen_half(u16::from_le_bytes(*bytes));
            }
        }
        other => {
            return Err(LmError::TensorType {
                path: path.to_path_buf(),
                tensor: tensor.name.clone(),
                dtype: format!("{other:?}"),
            });
        }
    }
    Ok(())
}

/// IEEE 754 binary16 to binary32, exact, subnormals and infinities included.
pub(crate) fn widen_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half & 0x3ff);
    match exponent {
        0 => {
            let magnitude = fraction as f32 * 2.0_f32.powi(-24);
            f32::from_bits(magnitude.to_bits() | sign)
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}
