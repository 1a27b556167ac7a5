//! Every parameter's gradient against central differences of the reference.

use super::{lively, packed, reference, tiny};
use crate::model::{
    backward,
    forward::{self, Workspace},
};

#[test]
fn every_parameter_of_every_tensor_has_the_right_gradient() {
    for (tied, window) in [(true, None), (false, Some(3))] {
        let model = lively(tiny(tied, window));
        let batch = packed();
        let scale = 1.0 / batch.targets.len() as f32;
        let mut workspace = Workspace::default();
        let mut gradient = vec![0.0; model.layout.len];
        // Twice with one workspace: what a pass leaves behind must not leak into the next.
        for _ in 0..2 {
            gradient.fill(0.0);
            forward::run(&model, &batch, scale, &mut workspace);
            backward::run(&model, &batch, &mut workspace, &mut gradient);
        }
        let mut weights = reference::widen(&model);
        for tensor in &model.layout.tensors {
            let mut largest = 0.0_f64;
            for (index, analytic) in gradient[tensor.span.clone()].iter().enumerate() {
                let mut loss_at = |shift: f64| {
                    let weight = &mut weights.get_mut(&tensor.name).unwrap()[index];
                    let kept = *weight;
                    *weight += shift;
                    let losses = reference::losses(model.config(), &weights, &batch);
                    weights.get_mut(&tensor.name).unwrap()[index] = kept;
                    losses.iter().sum::<f64>() / losses.len() as f64
                };
                let numeric = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5;
                let error = (f64::from(*analytic) - numeric).abs();
                let name = &tensor.name;
                assert!(
                    error < 2e-5 + 1e-4 * numeric.abs(),
                    "{name}[{index}]: {analytic} {numeric}"
                );
                largest = largest.max(numeric.abs());
            }
            assert!(largest > 1e-3, "{} has no gradient to speak of", tensor.name);
        }
    }
}
