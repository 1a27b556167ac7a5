//! The door of an endpoint: places are handed on, waiting ends, and who goes away leaves nothing behind.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use super::super::fair::Tenant;
use super::super::gate::{Gates, Place, TooBusy};

const ENDPOINT: [u8; 16] = [8; 16];

async fn pass(gates: &Arc<Gates>, tenant: u8) -> Result<Place, TooBusy> {
    let (organisation, project) = ([tenant; 16], [tenant; 16]);
    let tenant = Tenant { organisation, organisation_weight: 1, project, project_weight: 1 };
    gates.pass(ENDPOINT, 1, (tenant, 10)).await
}

fn waits_still(pass: Pin<&mut impl Future>) -> bool {
    pass.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[tokio::test]
async fn a_place_is_handed_to_the_next_in_line() {
    let gates = Arc::new(Gates::new(4, Duration::from_secs(60)));
    let first = pass(&gates, 1).await.unwrap();
    let mut second = Box::pin(pass(&gates, 2));
    assert!(waits_still(second.as_mut()), "there is one place");
    drop(first);
    let second = second.await.unwrap();
    drop(second);
    pass(&gates, 3).await.unwrap();
}

#[tokio::test]
async fn who_goes_away_while_waiting_or_at_its_turn_leaves_the_place_to_others() {
    let gates = Arc::new(Gates::new(4, Duration::from_secs(60)));
    let first = pass(&gates, 1).await.unwrap();
    let mut gone = Box::pin(pass(&gates, 2));
    let mut late = Box::pin(pass(&gates, 3));
    let mut last = Box::pin(pass(&gates, 4));
    for waiting in [&mut gone, &mut late, &mut last] {
        assert!(waits_still(waiting.as_mut()));
    }
    drop(gone);
    // It is the turn of the second now, whose client goes before it has heard of it.
    drop(first);
    drop(late);
    last.await.unwrap();
    pass(&gates, 5).await.unwrap();
}

#[tokio::test]
async fn waiting_is_bounded_in_time_and_in_number() {
    let gates = Arc::new(Gates::new(1, Duration::from_millis(1)));
    let inside = pass(&gates, 1).await.unwrap();
    assert!(pass(&gates, 2).await.is_err(), "it took too long");
    let gates_long = Arc::new(Gates::new(1, Duration::from_secs(60)));
    let place = pass(&gates_long, 1).await.unwrap();
    let mut waits = Box::pin(pass(&gates_long, 2));
    assert!(waits_still(waits.as_mut()));
    assert!(pass(&gates_long, 3).await.is_err(), "the line is full");
    drop((place, inside));
    waits.await.unwrap();
}

#[tokio::test]
async fn who_takes_what_others_leave_takes_half_and_never_stands_in_line() {
    let gates = Arc::new(Gates::new(4, Duration::from_secs(10)));
    let endpoint = [1; 16];
    let first = gates.pass_if_spare(endpoint, 4).unwrap();
    let _second = gates.pass_if_spare(endpoint, 4).unwrap();
    assert!(gates.pass_if_spare(endpoint, 4).is_err(), "half is for the others");
    let mut others = Vec::new();
    let (organisation, project) = ([3; 16], [3; 16]);
    let tenant = Tenant { organisation, organisation_weight: 1, project, project_weight: 1 };
    for _ in 0..2 {
        others.push(gates.pass(endpoint, 4, (tenant, 1)).await.unwrap());
    }
    drop(first);
    assert!(gates.pass_if_spare(endpoint, 4).is_err());
    drop(others);
    assert!(gates.pass_if_spare(endpoint, 4).is_ok());
    assert!(gates.pass_if_spare([2; 16], 1).is_ok(), "one place is somebody's");
}
