//! The text that Prometheus reads.

use expect_test::expect;

use super::*;

#[test]
fn all_series_are_rendered() {
    let metrics = Metrics::default();
    metrics.accepted();
    metrics.rejected(Code::NameTaken);
    metrics.rejected(Code::NameTaken);
    metrics.observe(Duration::from_micros(1_500), StatusCode::OK);
    metrics.observe(Duration::from_secs(9), StatusCode::CONFLICT);
    let text = metrics.render(&Figures::of(&State::default()));
    expect![[r##"
        # HELP cocarde_log_entries Durable entries of the log.
        # TYPE cocarde_log_entries gauge
        cocarde_log_entries 0
        # HELP cocarde_commands_accepted_total Commands accepted over HTTP.
        # TYPE cocarde_commands_accepted_total counter
        cocarde_commands_accepted_total 1
        # HELP cocarde_commands_rejected_total Commands refused, by code.
        # TYPE cocarde_commands_rejected_total counter
        cocarde_commands_rejected_total{code="name-taken"} 2
        # HELP cocarde_http_responses_total Responses, by status.
        # TYPE cocarde_http_responses_total counter
        cocarde_http_responses_total{status="200"} 1
        cocarde_http_responses_total{status="409"} 1
        # HELP cocarde_http_request_duration_seconds Time until a response begins.
        # TYPE cocarde_http_request_duration_seconds histogram
        cocarde_http_request_duration_seconds_bucket{le="0.001"} 0
        cocarde_http_request_duration_seconds_bucket{le="0.002"} 1
        cocarde_http_request_duration_seconds_bucket{le="0.005"} 1
        cocarde_http_request_duration_seconds_bucket{le="0.010"} 1
        cocarde_http_request_duration_seconds_bucket{le="0.025"} 1
        cocarde_http_request_duration_seconds_bucket{le="0.050"} 1
        cocarde_http_request_duration_seconds_bucket{le="0.100"} 1
        cocarde_http_request_duration_seconds_bucket{le="0.250"} 1
        cocarde_http_request_duration_seconds_bucket{le="1.000"} 1
        cocarde_http_request_duration_seconds_bucket{le="5.000"} 1
        cocarde_http_request_duration_seconds_bucket{le="+Inf"} 2
        cocarde_http_request_duration_seconds_sum 9.001500
        cocarde_http_request_duration_seconds_count 2
        # HELP cocarde_workloads Workloads that have not ended, by state.
        # TYPE cocarde_workloads gauge
        cocarde_workloads{state="placed"} 0
        cocarde_workloads{state="queued"} 0
        cocarde_workloads{state="running"} 0
        cocarde_workloads{state="stopping"} 0
        # HELP cocarde_nodes Nodes, by status.
        # TYPE cocarde_nodes gauge
        cocarde_nodes{status="cordoned"} 0
        cocarde_nodes{status="down"} 0
        cocarde_nodes{status="draining"} 0
        cocarde_nodes{status="ready"} 0
        cocarde_nodes{status="suspect"} 0
    "##]]
    .assert_eq(&text);
}

#[test]
fn a_failed_store_is_remembered_until_the_next_success() {
    let metrics = Metrics::default();
    assert!(!metrics.store_failing());
    metrics.rejected(Code::NameTaken);
    assert!(!metrics.store_failing());
    metrics.rejected(Code::StorageFull);
    assert!(metrics.store_failing());
    metrics.accepted();
    assert!(!metrics.store_failing());
}
