//! A request's body on its way in: whole, within its limits, or refused in words that its sender still reads.

use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as HttpBody;

use crate::error::ApiError;
use crate::within::within;

/// Most of a refused body that is read and dropped.
const DISCARDED_BYTES_MAX: usize = 64 << 20;
/// Longest silence while it is.
const DISCARD_PAUSE: Duration = Duration::from_millis(250);

/// Reads a body.
///
/// # Errors
/// 413 when it is too large, 408 when it comes too slowly, 400 when it breaks off.
pub(crate) async fn read<B>(
    mut body: B,
    bytes_max: usize,
    timeout: Duration,
) -> Result<Bytes, ApiError>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > bytes_max {
        discard(&mut body, timeout).await;
        return Err(ApiError::too_large(bytes_max));
    }
    let collected = Limited::new(&mut body, bytes_max).collect();
    match within(timeout, collected).await {
        Some(Ok(whole)) => Ok(whole.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => {
            discard(&mut body, timeout).await;
            Err(ApiError::too_large(bytes_max))
        }
        Some(Err(_)) => Err(ApiError::invalid(None, "the body broke off: send it again".into())),
        None => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "invalid_request_error",
            "request_timeout",
            "the body came too slowly: send it again".into(),
        )),
    }
}

/// Reads what is left of a body that is refused, within limits, and keeps nothing: a connection that is closed
/// on a client which still sends loses the answer that says why.
pub(crate) async fn discard<B: HttpBody<Data = Bytes> + Unpin>(body: &mut B, timeout: Duration) {
    let reading = async {
        let mut left = DISCARDED_BYTES_MAX;
        // Who pauses has been told to stop, or waits for the answer.
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(DISCARD_PAUSE, body.frame()).await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(length);
            if left == 0 {
                break;
            }
        }
    };
    // Whoever sends too slowly loses the answer.
    let _ = tokio::time::timeout(timeout, reading).await;
}
