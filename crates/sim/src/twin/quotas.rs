//! What every tenant holds against the quotas above it.

use super::{
    events::Share,
    fleet::Fleet,
    number,
    workload::{Request, TenantIdx, Tenants},
};

/// Quotas with what is held.
#[derive(Debug)]
pub(crate) struct Quotas<'a> {
    fleet: &'a Fleet,
    /// By quota, in thousandths of a GPU.
    held_milli: Vec<u64>,
    /// By tenant: the quotas that bind it.
    binding: Vec<Vec<usize>>,
}

impl<'a> Quotas<'a> {
    pub(crate) fn new(fleet: &'a Fleet, tenants: &Tenants) -> Self {
        let binds = |path: &str, quota: &str| {
            path.strip_prefix(quota).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let of_tenant = |path: &String| {
            let quotas = fleet.quotas.iter().enumerate();
            quotas.filter(|(_, quota)| binds(path, &quota.tenant)).map(|(at, _)| at).collect()
        };
        let binding = tenants.paths().iter().map(of_tenant).collect();
        Self { fleet, held_milli: vec![0; fleet.quotas.len()], binding }
    }

    /// True if no quota forbids a request, taking every GPU that it may get for one of the class.
    pub(crate) fn allows(&self, request: &Request) -> bool {
        let asked = request.gpu_milli_total();
        let binding = self.binding.get(number::index(request.tenant.0));
        binding.into_iter().flatten().all(|position| {
            let quota = self.fleet.quotas.get(*position);
            let held = self.held_milli.get(*position).copied().unwrap_or(0);
            let is_asked = quota.is_some_and(|quota| match quota.class {
                None => true,
                Some(class) => request.gpus > 0 && request.classes.allows(Some(class)),
            });
            let most = quota.map_or(0, |quota| quota.gpus.saturating_mul(1_000));
            !is_asked || held.saturating_add(asked) <= most
        })
    }

    /// A tenant holds more, or less; gives what it exceeds.
    pub(crate) fn change(
        &mut self,
        tenant: TenantIdx,
        shares: &[Share],
        is_more: bool,
    ) -> Option<String> {
        let mut exceeded = None;
        for position in self.binding.get(number::index(tenant.0))? {
            let (Some(quota), Some(held)) =
                (self.fleet.quotas.get(*position), self.held_milli.get_mut(*position))
            else {
                continue;
            };
            let counts = |share: &&Share| {
                let class = self.fleet.kind_of(share.node).and_then(|kind| kind.class);
                quota.class.is_none() || quota.class == class
            };
            let milli: u64 = shares.iter().filter(counts).map(Share::gpu_milli).sum();
            *held = if is_more { held.saturating_add(milli) } else { held.saturating_sub(milli) };
            if is_more && *held > quota.gpus.saturating_mul(1_000) {
                let held = number::thousandths(*held, 3);
                exceeded =
                    Some(format!("`{}` holds {held} GPUs of its {}", quota.tenant, quota.gpus));
            }
        }
        exceeded
    }
}
