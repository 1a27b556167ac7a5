//! The gateway's view of the platform: keys, models, replicas, and where usage goes.

use std::{any::Any, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use gateway::{
    Allowance, AnswerPlace, BalanceConfig, BoxFuture, Caller, Charge, Checks, Directory,
    EndpointLoad, Front, GatewayConfig, Meter, MeterConfig, Metrics, ModelCard, Recorder, Refusal,
    Replica, ReplicaLoad, RolledAnswer, Rollup, Route, SinkError, TenantRow, UsageSink,
};
use server::{
    AnswerPath, CallFigure, CallRefused, CallRoute, Calling, CarriedCapability, KeptAnswer,
    Platform, SeenLoad, SeenReplica,
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
};
use units::{DurationMicros, Id, kinds};

use super::{admission, batches, captures, guardrails::Guardrails, upstreams::Remotes};

/// What is told of the context when the model does not say.
const CONTEXT_TOKENS_MAX: u64 = 4_096;

/// The platform as directory and sink.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) platform: Arc<Platform>,
    remotes: Remotes,
    guardrails: Arc<Guardrails>,
    /// Takes what is captured of calls; a directory that answers no calls has none.
    recorder: Option<Arc<Recorder>>,
}

impl Wire {
    fn new(platform: &Arc<Platform>, remotes: &Remotes, recorder: Option<Arc<Recorder>>) -> Self {
        let (platform, remotes) = (Arc::clone(platform), remotes.clone());
        Self { platform, remotes, guardrails: Arc::default(), recorder }
    }
}

/// A capability token that is charged for what is called with it.
#[derive(Debug)]
struct Carried {
    platform: Arc<Platform>,
    token: CarriedCapability,
}

impl Charge for Carried {
    fn finished(&self, prompt_tokens: u64, completion_tokens: u64) {
        self.platform.spend(&self.token, prompt_tokens, completion_tokens);
    }
}

/// Opens the spool and prepares what the log misses of it.
pub(super) async fn open(
    platform: &Arc<Platform>,
    data: &Path,
    remotes: &Remotes,
    answers_kept: Duration,
) -> anyhow::Result<Meter> {
    let mut salt_seed = [0; 32];
    getrandom::fill(&mut salt_seed).context("the system has no randomness to give")?;
    let config = MeterConfig::new(data.join("gateway"), platform.fresh_id()?, salt_seed);
    let config = MeterConfig { answers_kept, ..config };
    let wire = Wire::new(platform, remotes, None);
    let sink: Arc<dyn UsageSink> = Arc::new(wire.clone());
    let metrics = Arc::new(Metrics::default());
    let meter = tokio::task::spawn_blocking(move || Meter::open(config, &wire, sink, metrics))
        .await?
        .context("cannot open the gateway's usage spool")?;
    let flusher = meter.clone();
    platform.set_usage_flush(Box::new(move || {
        let meter = flusher.clone();
        Box::pin(async move {
            if let Err(error) = meter.flush().await {
                tracing::warn!(%error, "usage could not be delivered now");
            }
        })
    }));
    let own = meter.clone();
    platform.set_local_held(Box::new(move |account, is_money, prices, epoch| {
        admission::held(&own, account, is_money, (prices, epoch))
    }));
    let kept = meter.clone();
    platform.set_answer_finder(Box::new(move |id| Box::pin(find(kept.clone(), id))));
    let loads = Arc::clone(meter.metrics());
    platform.add_load_source(Box::new(move || loads.loads().into_iter().map(load_of).collect()));
    let (metrics, remotes) = (Arc::clone(meter.metrics()), remotes.clone());
    platform.set_gateway_metrics(Box::new(move || {
        let mut text = metrics.render();
        text.push_str(&gateway::render_remotes(&remotes.all()));
        text
    }));
    let metrics = Arc::clone(meter.metrics());
    platform
        .set_call_figures(Box::new(move || metrics.tenants().into_iter().map(figure).collect()));
    Ok(meter)
}

/// A row of the gateway's figures; the zero project stands for a key of wider scope.
fn figure(row: TenantRow) -> CallFigure {
    let TenantRow { project, key, endpoint, model, sums } = row;
    CallFigure {
        project: Some(project).filter(|project| *project.as_bytes() != [0; 16]),
        key,
        endpoint,
        model,
        requests: sums.requests,
        errors: sums.errors,
        refused: sums.refused,
        redacted: sums.redacted,
        reported: sums.reported,
        prompt_tokens: sums.prompt_tokens,
        completion_tokens: sums.completion_tokens,
        duration_us: sums.duration_us,
        streams: sums.streams,
        first_token_us: sums.first_token_us,
    }
}

/// What the gateway does beside answering: delivers what was used, and looks after its upstreams.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    platform: &Arc<Platform>,
    meter: &Meter,
    remotes: &Remotes,
) {
    let meter = meter.clone();
    tasks.spawn(async move { meter.run().await });
    tasks.spawn(remotes.clone().run(Arc::clone(platform)));
    tasks.spawn(remotes.clone().check());
}

/// What a gateway has in flight for an endpoint, as the platform knows it.
fn load_of(
    (endpoint, load): (Id<kinds::Endpoint>, EndpointLoad),
) -> (Id<kinds::Endpoint>, SeenLoad) {
    let micros = u64::try_from(load.waited.as_micros()).unwrap_or(u64::MAX);
    let replica = |(address, one): (Arc<str>, ReplicaLoad)| {
        let ReplicaLoad { in_flight, sent, failed } = one;
        (address.as_ref().to_owned(), SeenReplica { in_flight, sent, failed })
    };
    let seen = SeenLoad {
        tokens: load.tokens,
        token_micros: load.token_micros,
        requests: load.requests,
        waiting: load.waiting,
        waited: DurationMicros(micros),
        replicas: load.replicas.into_iter().map(replica).collect(),
    };
    (endpoint, seen)
}

/// What the gateway has kept of an answer.
async fn find(meter: Meter, id: String) -> Result<Option<KeptAnswer>, String> {
    let found = tokio::task::spawn_blocking(move || meter.answer(&id)).await;
    let found = found.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    Ok(found.map(|place| match place {
        AnswerPlace::Open { key, endpoint } => KeptAnswer { key, endpoint, rolled: None },
        AnswerPlace::Rolled(found) => {
            let path = found.path.iter().map(|hash| hash.0).collect();
            let (key, endpoint) = (found.key, found.endpoint);
            let RolledAnswer { gateway, sequence, leaf, index, .. } = *found;
            let rolled = Some(AnswerPath { gateway, sequence, leaf, index, path });
            KeptAnswer { key, endpoint, rolled }
        }
    }))
}

/// The listener: the OpenAI-compatible routes, and the platform's own beside them; and when work on batches has ended.
pub(super) fn front(
    tasks: &mut JoinSet<()>,
    stopped: &watch::Receiver<bool>,
    (platform, remotes, meter, recorder): (&Arc<Platform>, &Remotes, &Meter, Arc<Recorder>),
    others: axum::Router,
) -> anyhow::Result<(Front, oneshot::Receiver<()>)> {
    let balance = BalanceConfig { seed: u64::from(std::process::id()), ..Default::default() };
    let config = GatewayConfig { balance, ..Default::default() };
    let wire = Wire::new(platform, remotes, Some(recorder));
    let front = Front::new(config, Arc::new(wire.clone()), meter.clone(), others);
    let ended = batches::keep(tasks, stopped, &front, wire)?;
    Ok((front, ended))
}

pub(super) fn to_refusal(refused: CallRefused) -> Refusal {
    match refused {
        CallRefused::InvalidKey => Refusal::InvalidKey,
        CallRefused::Forbidden => Refusal::Forbidden,
        CallRefused::ModelNotFound => Refusal::ModelNotFound,
        CallRefused::BudgetExhausted(which) => Refusal::BudgetExhausted(which),
        CallRefused::NoReplica => Refusal::NoReplica,
    }
}

impl Wire {
    /// Somebody who calls, as the gateway knows them.
    pub(super) fn caller_of(&self, calling: Calling) -> Caller {
        let Calling { key, project, standing, carried } = calling;
        let standing = admission::standing(&standing);
        // The endpoint's project pays; a key of wider scope belongs to no project of its own.
        let project = project.unwrap_or(Id::from_bytes([0; 16]));
        let charge = carried.map(|token| {
            let platform = Arc::clone(&self.platform);
            Arc::new(Carried { platform, token }) as Arc<dyn Charge>
        });
        Caller { key, project, standing, charge }
    }

    /// A route as the gateway knows it; an upstream that cannot be spoken to is not on it.
    fn route_of(&self, found: CallRoute, model: &str) -> Route {
        let places = found.replicas.into_iter().zip(found.sites).zip(found.weights);
        let services = places.map(|((address, site), weight)| Replica {
            weight,
            ..Replica::new(address, Some(site))
        });
        let upstreams = found.upstreams.into_iter().filter_map(|one| {
            let remote = self.remotes.get(one.id)?;
            let replica = Replica::remote(&remote, Some(one.site), one.weight);
            let model = one.model.map(Into::into).or(replica.model);
            Some(Replica { model, ..replica })
        });
        let replicas = services.chain(upstreams).collect();
        let canaries = found.canaries.into_iter();
        let fallbacks = found.fallbacks.into_iter();
        Route {
            endpoint: found.endpoint,
            upstream_model: model.to_owned(),
            replicas,
            canaries: canaries
                .map(|(percent, route)| (percent, self.route_of(route, model)))
                .collect(),
            fallbacks: fallbacks.map(|route| self.route_of(route, model)).collect(),
        }
    }

    /// A token tells of no model that it does not open; one that only has no replica now it may name.
    fn may_know(&self, caller: &Caller, token: &CarriedCapability, model: &str) -> bool {
        match self.platform.call_route(caller.key, Some(token), model) {
            Ok(_) | Err(CallRefused::NoReplica | CallRefused::BudgetExhausted(_)) => true,
            Err(CallRefused::InvalidKey | CallRefused::Forbidden | CallRefused::ModelNotFound) => {
                false
            }
        }
    }
}

/// The capability token that somebody calls with.
fn token_of(caller: &Caller) -> Option<&CarriedCapability> {
    let charge: Option<&dyn Any> = caller.charge.as_deref().map(|charge| charge as &dyn Any);
    charge.and_then(|charge| charge.downcast_ref::<Carried>()).map(|carried| &carried.token)
}

impl Directory for Wire {
    fn authenticate(&self, bearer: &str) -> Result<Caller, Refusal> {
        self.platform.caller(bearer).map(|calling| self.caller_of(calling)).map_err(to_refusal)
    }

    fn models(&self, caller: &Caller) -> Vec<ModelCard> {
        let token = token_of(caller);
        let models = self.platform.callable_models(caller.key).into_iter();
        models
            .filter(|model| token.is_none_or(|token| self.may_know(caller, token, &model.name)))
            .map(|model| ModelCard {
                id: model.name,
                created_unix_s: model.created_unix_s,
                owned_by: model.owner,
                context_tokens_max: CONTEXT_TOKENS_MAX,
                fine_tuned: model.fine_tuned,
            })
            .collect()
    }

    fn route(&self, caller: &Caller, model: &str) -> Result<Route, Refusal> {
        let found =
            self.platform.call_route(caller.key, token_of(caller), model).map_err(to_refusal)?;
        Ok(self.route_of(found, model))
    }

    fn checks(&self, route: &Route) -> Result<Option<Arc<Checks>>, Refusal> {
        let ready =
            route.endpoints().into_iter().filter_map(|one| self.guardrails.of(&self.platform, one));
        Ok(Checks::together(ready.collect()))
    }

    fn checker(&self, upstream: Id<kinds::Upstream>) -> Option<Arc<gateway::Remote>> {
        self.remotes.get(upstream)
    }

    fn capture(&self, caller: &Caller, route: &Route) -> Option<gateway::Capture> {
        captures::wanted(&self.platform, self.recorder.as_ref()?, (caller.project, route))
    }

    fn wakes(&self, caller: &Caller, model: &str) -> Option<Id<kinds::Endpoint>> {
        self.platform.call_wakes(caller.key, token_of(caller), model)
    }

    fn allowance(
        &self,
        gateway: Id<kinds::Gateway>,
        key: Id<kinds::Key>,
        endpoint: Id<kinds::Endpoint>,
    ) -> Allowance {
        admission::allowance(&self.platform.call_allowance(gateway, key, endpoint))
    }

    fn recorded(&self, gateway: Id<kinds::Gateway>) -> u64 {
        self.platform.recorded_rollups(gateway)
    }
}

impl UsageSink for Wire {
    fn record(&self, rollup: Rollup) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let usage = server::TokenUsage {
                gateway: rollup.gateway,
                sequence: rollup.sequence,
                key: rollup.key,
                endpoint: rollup.endpoint,
                minute_unix_s: rollup.minute_unix,
                requests: rollup.requests,
                errors: rollup.errors,
                prompt_tokens: rollup.prompt_tokens,
                completion_tokens: rollup.completion_tokens,
                estimated: rollup.estimated,
                answers: rollup.answers.map(|answers| (answers.count, answers.root)),
            };
            self.platform
                .record_tokens(&usage)
                .await
                .map_err(|error| SinkError { detail: error.to_string() })
        })
    }
}
