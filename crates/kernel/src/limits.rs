//! The largest size of every collection and text; asserted in `decide`, shown in the API.

use units::DurationMicros;

/// Organisations on one platform.
pub const ORGANISATIONS_MAX: usize = 10_000;
/// Projects on one platform.
pub const PROJECTS_MAX: usize = 100_000;
/// Identity providers on one platform.
pub const PROVIDERS_MAX: usize = 10_000;
/// Identity providers of one organisation, or of the platform.
pub const PROVIDERS_PER_HOME_MAX: usize = 16;
/// Scopes that a provider is asked for.
pub const PROVIDER_SCOPES_MAX: usize = 16;
/// Groups of a provider that mean something here.
pub const PROVIDER_GROUPS_MAX: usize = 64;
/// Bytes of one text of a provider.
pub const PROVIDER_TEXT_BYTES_MAX: usize = 512;
/// Blocks of capability tokens that are revoked while their holders are not.
pub const REVOKED_CAPABILITIES_MAX: usize = 100_000;
/// Users on one platform.
pub const USERS_MAX: usize = 1_000_000;
/// Groups on one platform.
pub const GROUPS_MAX: usize = 100_000;
/// Users of one group.
pub const MEMBERS_MAX: usize = 20_000;
/// Groups that one user is in: each is looked at for each request.
pub const GROUPS_PER_USER_MAX: usize = 64;
/// Service accounts on one platform.
pub const SERVICE_ACCOUNTS_MAX: usize = 200_000;
/// Longest time to the end of a service account: 366 days.
pub const SERVICE_ACCOUNT_LIFETIME_MAX: DurationMicros = DurationMicros(366 * 86_400 * 1_000_000);
/// Custom roles of one organisation.
pub const ROLES_PER_ORGANISATION_MAX: usize = 64;
/// Names in one custom role.
pub const PERMISSIONS_MAX: usize = 256;
/// Roles given on one platform.
pub const BINDINGS_MAX: usize = 2_000_000;
/// Roles given to one user, group or service account: each is looked at for each request.
pub const BINDINGS_PER_PRINCIPAL_MAX: usize = 64;
/// Guardrails of one project.
pub const GUARDRAILS_MAX: usize = 32;
/// Bytes of a guardrail's expression.
pub const GUARDRAIL_PATTERN_BYTES_MAX: usize = 1_024;
/// Characters of a streamed answer that a guardrail may hold back.
pub const GUARDRAIL_WINDOW_CHARS_MAX: u32 = 1_024;
/// Milliseconds that a guardrail may wait for the service that it asks.
pub const CHECKER_MS_MAX: u32 = 30_000;
/// Characters of a streamed answer that may be gathered for such a service.
pub const CHECKER_WINDOW_CHARS_MAX: u32 = 8_192;
/// Consents, in force or over, on one platform.
pub const CONSENTS_MAX: usize = 1_000_000;
/// People whom one consent names.
pub const CONSENT_USERS_MAX: usize = 16;
/// Longest consent: 7 days.
pub const CONSENT_MAX: DurationMicros = DurationMicros(7 * 86_400 * 1_000_000);
/// Longest time for which the secret before a rotation still opens: 7 days.
pub const KEY_OVERLAP_MAX: DurationMicros = DurationMicros(7 * 86_400 * 1_000_000);
/// Models, and countries, that one key is limited to.
pub const KEY_LIMITS_MAX: usize = 64;
/// API keys that are neither revoked nor forgotten.
pub const KEYS_MAX: usize = 200_000;
/// Sites.
pub const SITES_MAX: usize = 1_000;
/// Legal entities; each change of one computes what follows for all.
pub const ENTITIES_MAX: usize = 2_000;
/// Holders of one legal entity.
pub const HOLDERS_MAX: usize = 64;
/// Places where data is kept.
pub const STORAGES_MAX: usize = 10_000;
/// Pieces of evidence.
pub const EVIDENCE_MAX: usize = 10_000;
/// Answers of policy that are remembered; an older one is asked for, and logged, again.
pub const DECISIONS_KEPT: usize = 100_000;
/// Decisions that one roll-up of usage names.
pub const ROUTES_MAX: usize = 256;
/// Nodes.
pub const NODES_MAX: usize = 100_000;
/// Longest grace of a drain: 30 days.
pub const DRAIN_GRACE_MAX: DurationMicros = DurationMicros(30 * 86_400 * 1_000_000);
/// GPUs of one node.
pub const GPUS_PER_NODE_MAX: usize = 64;
/// Cedar policy sources in one scope.
pub const POLICIES_PER_SCOPE_MAX: usize = 16;
/// Bytes of one Cedar policy source.
pub const POLICY_BYTES_MAX: usize = 32 * 1024;
/// Budgets of one organisation, project, user, service account or key.
pub const BUDGETS_PER_OWNER_MAX: usize = 32;
/// Thresholds of one budget.
pub const BUDGET_ALERTS_MAX: usize = 10;
/// Quotas of one project or organisation.
pub const QUOTAS_PER_OWNER_MAX: usize = 64;
/// Largest amount of a quota, in thousandths of a GPU or core: ten million of them.
pub const QUOTA_MILLI_MAX: u64 = 10_000_000_000;
/// Largest weight of a quota.
pub const QUOTA_WEIGHT_MAX: u32 = 1_000_000;
/// Nodes of one reservation: all are named in one entry of at most [`ENTRY_BYTES_MAX`].
pub const RESERVATION_NODES_MAX: usize = 1_500;
/// Rate limits on one platform.
pub const RATE_LIMITS_MAX: usize = 100_000;
/// Most requests or tokens per minute, and requests at once, that a rate limit says.
pub const RATE_PER_MINUTE_MAX: u64 = 100_000_000_000;
/// Largest weight of a rate limit.
pub const RATE_WEIGHT_MAX: u32 = 1_000;
/// Reservations in force or still to come.
pub const RESERVATIONS_MAX: usize = 10_000;
/// Reservations kept in the state, over ones included; older ones are in the log.
pub const RESERVATIONS_KEPT: usize = 20_000;
/// Longest window of a reservation: 366 days.
pub const RESERVATION_WINDOW_MAX: DurationMicros = DurationMicros(366 * 86_400 * 1_000_000);
/// How far ahead a reservation may begin: 5 × 366 days.
pub const RESERVATION_AHEAD_MAX: DurationMicros = DurationMicros(1_830 * 86_400 * 1_000_000);
/// Most of a power budget, in watts: a terawatt.
pub const POWER_W_MAX: u64 = 1_000_000_000_000;
/// Power budgets on one platform: each is looked at for each of them when one is set.
pub const POWER_BUDGETS_MAX: usize = 10_000;
/// Classes of machines with power figures of their own.
pub const POWER_FIGURES_MAX: usize = 64;
/// Most that a machine or a GPU draws, in watts.
pub const MACHINE_W_MAX: u32 = 1_000_000;
/// Power limits that one GPU can be given.
pub const POWER_LIMITS_MAX: usize = 8;
/// Values of one series of carbon or price, which is one entry of at most [`ENTRY_BYTES_MAX`]: 42
/// days of quarters of an hour.
pub const SERIES_VALUES_MAX: usize = 4_096;
/// Largest value of a series, and the least without its sign.
pub const SERIES_VALUE_MAX: u32 = 9_999_999;
/// Courses, closed ones included.
pub const COURSES_MAX: usize = 10_000;
/// Erasures, those that are over included.
pub const ERASURES_MAX: usize = 1_000_000;
/// Versions that one was made from.
pub const PARENTS_MAX: usize = 64;
/// Datasets on one platform.
pub const DATASETS_MAX: usize = 100_000;
/// Models on one platform.
pub const MODELS_MAX: usize = 100_000;
/// Versions of one dataset or model.
pub const VERSIONS_MAX: usize = 10_000;
/// Evaluations of one model version.
pub const EVALUATIONS_MAX: usize = 1_000;
/// Endpoints on one platform.
pub const ENDPOINTS_MAX: usize = 100_000;
/// Upstreams on one platform.
pub const UPSTREAMS_MAX: usize = 10_000;
/// Bytes of one text of an upstream.
pub const UPSTREAM_TEXT_BYTES_MAX: usize = 512;
/// Longest time for an upstream to take a connection: one minute.
pub const UPSTREAM_CONNECT_MS_MAX: u32 = 60_000;
/// Longest time for an upstream's answer, and between two pieces of it: one hour.
pub const UPSTREAM_ANSWER_MS_MAX: u32 = 3_600_000;
/// Upstreams of one endpoint.
pub const BACKENDS_MAX: usize = 64;
/// Largest weight of an upstream in an endpoint.
pub const BACKEND_WEIGHT_MAX: u32 = 1_000;
/// Endpoints that take a part of an endpoint's requests, or all when it has no replica.
pub const DETOURS_MAX: usize = 8;
/// Routes to upstreams that an endpoint remembers after they were closed: the bill of a minute names
/// those that were open in it.
pub const OPENINGS_KEPT: usize = 256;
/// Replicas of one endpoint.
pub const REPLICAS_MAX: u32 = 64;
/// Services of one endpoint that are gone and still named by it: usage of their last minutes may come.
pub const RETIRED_KEPT: usize = 256;
/// Most tokens in flight that can be the target of one replica.
pub const TARGET_TOKENS_MAX: u64 = 1_000_000_000;
/// Workloads that have not ended.
pub const ACTIVE_WORKLOADS_MAX: usize = 1_000_000;
/// Nodes of one gang: a placement names each in one entry of at most [`ENTRY_BYTES_MAX`], with up
/// to five digits and a comma, beside its policy decision.
pub const GANG_NODES_MAX: u32 = 9_000;
/// Nodes that a placement names by id; a larger gang's are named by position.
pub const NODES_BY_ID_MAX: usize = 64;
/// Models of GPU that will do instead of the first.
pub const GPU_ALTERNATIVES_MAX: usize = 8;
/// Tasks of one array.
pub const ARRAY_TASKS_MAX: usize = 10_000;
/// Bytes that the specifications of all tasks of an array may take together.
pub const ARRAY_BYTES_MAX: usize = 64 << 20;
/// Workloads that one waits for.
pub const DEPENDENCIES_MAX: usize = 64;
/// Workloads that wait for one.
pub const DEPENDENTS_MAX: usize = 10_000;
/// Bytes of a workload's script.
pub const SCRIPT_BYTES_MAX: usize = 16 * 1024;
/// Variables of a workload's environment.
pub const ENVIRONMENT_MAX: usize = 256;
/// Bytes of one environment value.
pub const ENVIRONMENT_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Inputs of one workload.
pub const INPUTS_MAX: usize = 32;
/// Retries that a job may ask for.
pub const RETRIES_MAX: u32 = 100;
/// Attempts whose details are kept; older ones are folded into totals.
pub const ATTEMPTS_KEPT: usize = 16;
/// Idempotency keys remembered; the oldest is forgotten first.
pub const IDEMPOTENCY_KEYS_KEPT: usize = 10_000;
/// Bytes of an idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// Bytes of free text such as an exit reason.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Gateways whose last roll-up number is remembered.
pub const GATEWAYS_KEPT: usize = 10_000;
/// Price books kept in the state; older ones are in the log.
pub const PRICE_BOOKS_KEPT: usize = 1_000;
/// Lines of a price list.
pub const PRICE_LINES_MAX: usize = 32;
/// Bytes of one log entry: C2SP tlog-tiles 0.1 length-prefixes entries with 16 bits.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Cuts a text to [`TEXT_BYTES_MAX`] bytes at a character boundary.
#[must_use]
pub fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().to_owned()
}
