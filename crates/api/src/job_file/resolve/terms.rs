//! When, with whom and on which terms a job runs: GPUs that will do, arrays, waiting, preemption.

use units::{DurationMicros, UnixMicros};

use super::Reader;
use crate::{
    job_file::{
        After, ArrayRange, Deferrable, JobFile, PRIORITY_CLASSES, PowerClass, Scalar, Terms, When,
        WorkloadKind,
    },
    quantity_text::{GPU_CHOICES_MAX, GpuRequest, parse_gpus},
    text::Timestamp,
};

/// Most workloads that one waits for.
const AFTER_MAX: usize = 64;
/// Most tasks of an array.
const TASKS_MAX: u32 = 10_000;

impl JobFile {
    /// When, after what and on which terms it runs.
    pub(super) fn terms(&self, reader: &mut Reader) -> Terms {
        let (preemptible, guaranteed) = self.preemption(reader);
        Terms {
            preemptible,
            guaranteed,
            after: self.after(reader),
            array: self.array(reader),
            deferrable: self.deferrable(reader),
            power_class: self.power_class.unwrap_or(PowerClass::Standard),
        }
    }

    /// GPUs that will do, all of one text or each with its number.
    pub(super) fn gpus(&self, reader: &mut Reader) -> GpuRequest {
        let written = self.resources.as_ref().and_then(|resources| resources.gpu.as_ref());
        let texts = written.map_or_else(|| vec!["0".to_owned()], |gpu| gpu.texts());
        let mut all: Option<GpuRequest> = None;
        for text in &texts {
            let Some(read) = reader.take("/resources/gpu", parse_gpus(text)) else { continue };
            match &mut all {
                None => all = Some(read),
                Some(first) => {
                    let whole = read.first.count.is_zero() || first.first.count.is_zero();
                    let part = |gpus: &GpuRequest| (gpus.share_milli, gpus.profile.clone());
                    if whole || part(&read) != part(first) {
                        let message = "asks for another kind of share than the first: write whole \
                                       GPUs everywhere, or the same share";
                        reader.refuse("/resources/gpu", format!("`{text}` {message}"));
                    }
                    first.others.push(read.first);
                    first.others.extend(read.others);
                }
            }
        }
        let all = all.unwrap_or_else(|| {
            if texts.is_empty() {
                reader.refuse("/resources/gpu", "the list is empty: write for example `GB200:4`");
            }
            GpuRequest::default()
        });
        if all.others.len() >= GPU_CHOICES_MAX {
            let message = format!("more than {GPU_CHOICES_MAX} models: remove some");
            reader.refuse("/resources/gpu", message);
        }
        all
    }

    /// A class by name, or a number.
    pub(super) fn priority(&self, reader: &mut Reader) -> i32 {
        let Some(value) = &self.priority else { return 0 };
        if let Scalar::Text(text) = value
            && let Some((_, number)) = PRIORITY_CLASSES.iter().find(|(name, _)| name == text)
        {
            return *number;
        }
        let is_number = |value: &Scalar| match value {
            Scalar::Integer(_) => true,
            Scalar::Text(text) => text.trim().parse::<i64>().is_ok(),
        };
        if !is_number(value) {
            let names: Vec<&str> = PRIORITY_CLASSES.iter().map(|(name, _)| *name).collect();
            let message = format!(
                "`{value}` is not a priority: write `{}`, or a whole number from -1000 to 1000",
                names.join("`, `")
            );
            reader.refuse("/priority", message);
            return 0;
        }
        let number = reader.number("/priority", Some(value), (-1_000, 1_000));
        number.and_then(|number| i32::try_from(number).ok()).unwrap_or(0)
    }

    /// Whether it may be preempted, and how long it runs before.
    fn preemption(&self, reader: &mut Reader) -> (bool, DurationMicros) {
        let usual = match self.kind {
            WorkloadKind::Train
            | WorkloadKind::Batch
            | WorkloadKind::Eval
            | WorkloadKind::Finetune => true,
            WorkloadKind::Dev | WorkloadKind::Service => false,
        };
        let guaranteed = reader.duration("/guaranteed", self.guaranteed.as_ref());
        (self.preemptible.unwrap_or(usual), guaranteed.unwrap_or(DurationMicros::ZERO))
    }

    /// What must have ended first.
    fn after(&self, reader: &mut Reader) -> Vec<After> {
        let entries = self.after.as_ref().map(|after| after.entries()).unwrap_or_default();
        if entries.len() > AFTER_MAX {
            reader.refuse("/after", format!("more than {AFTER_MAX} workloads: remove some"));
        }
        let mut all: Vec<After> = Vec::new();
        for (name, on) in entries.into_iter().take(AFTER_MAX) {
            if let Some(workload) = reader.parse("/after", name) {
                all.push(After { workload, on });
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The numbers of the tasks: `0-99`, `0-99:2`, `0-99%10`.
    fn array(&self, reader: &mut Reader) -> Option<ArrayRange> {
        let text = self.array.as_ref()?.to_string();
        let read = read_array(&text);
        if read.is_none() {
            let message = format!(
                "`{text}` is not an array of 1 to {TASKS_MAX} tasks: write for example `0-99`, \
                 `0-99%10` for at most 10 at once, or `0-98:2` for each second"
            );
            reader.refuse("/array", message);
        }
        if matches!(self.kind, WorkloadKind::Service | WorkloadKind::Dev) {
            reader.refuse("/array", "only work that ends can be an array: use `type: batch`");
        }
        if self.outputs.as_ref().is_some_and(|o| o.model.is_some() || o.dataset.is_some()) {
            reader.refuse("/array", "the tasks of an array register nothing: remove `outputs`");
        }
        read
    }

    /// Until when its start may be put off.
    fn deferrable(&self, reader: &mut Reader) -> Option<Deferrable> {
        let text = self.deferrable.as_ref()?;
        if text.until.is_none() && text.deadline.is_none() {
            let message = "needs `until` or `deadline`, such as `{ until: 12h }`";
            reader.refuse("/deferrable", message);
        }
        let until = when(reader, "/deferrable/until", text.until.as_deref());
        let deadline = when(reader, "/deferrable/deadline", text.deadline.as_deref());
        Some(Deferrable { until, deadline, by: text.by.unwrap_or_default() })
    }
}

fn read_array(text: &str) -> Option<ArrayRange> {
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let text = text.trim();
    let (range, most) = match text.split_once('%') {
        Some((range, most)) => (range, Some(number(most).filter(|most| *most > 0)?)),
        None => (text, None),
    };
    let (range, step) = match range.split_once(':') {
        Some((range, step)) => (range, number(step).filter(|step| *step > 0)?),
        None => (range, 1),
    };
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last) = (number(first)?, number(last)?);
    let steps = last.checked_sub(first)?.checked_div(step)?;
    (steps < TASKS_MAX).then_some(ArrayRange { first, last, step, running_max: most })
}

/// A time in RFC 3339, or a duration after the submission.
fn when(reader: &mut Reader, pointer: &str, text: Option<&str>) -> Option<When> {
    let text = text?;
    if let Ok(duration) = text.parse::<DurationMicros>() {
        return Some(When::In(duration));
    }
    let quoted: Result<Timestamp, _> = serde_json::from_value(text.into());
    match quoted {
        Ok(Timestamp(at)) if at > UnixMicros(0) => Some(When::At(at)),
        _ => {
            let message = "is neither a time nor a duration: write `2026-03-01T08:00:00Z` or `12h`";
            reader.refuse(pointer, format!("`{text}` {message}"));
            None
        }
    }
}
