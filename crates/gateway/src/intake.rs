//! The reading of a request's body: whole, within a limit of bytes and of time.

use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Body;

use crate::error::ApiError;
use crate::within::within;

/// How long a body that is too large is still taken and thrown away. Most clients write all of it before
/// they read an answer; one that finds the connection closed never learns why.
const LINGER: Duration = Duration::from_secs(5);
/// Most bytes of it, as a multiple of the limit.
const LINGER_TIMES_MAX: usize = 8;

/// Reads a body.
///
/// # Errors
/// 413 if it is larger than `bytes_max`, 408 if it takes longer than `longest`, 400 if it breaks off.
pub(crate) async fn read<B>(
    mut body: B,
    bytes_max: usize,
    longest: Duration,
) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if told > bytes_max {
        linger(body, bytes_max).await;
        return Err(ApiError::too_large(bytes_max));
    }
    let whole = async {
        let mut first: Option<Bytes> = None;
        let mut held = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(ApiError::invalid(None, "the body broke off: send it again".into()));
            };
            let Ok(data) = frame.into_data() else { continue };
            let length = first.as_ref().map_or(held.len(), Bytes::len);
            if length.saturating_add(data.len()) > bytes_max {
                return Ok(None);
            }
            match first.take() {
                // Mostly all of it comes in one piece, which needs no copy.
                None if held.is_empty() => first = Some(data),
                None => held.extend_from_slice(&data),
                Some(before) => {
                    held.reserve(told.max(before.len().saturating_add(data.len())));
                    held.extend_from_slice(&before);
                    held.extend_from_slice(&data);
                }
            }
        }
        Ok(Some(first.unwrap_or_else(|| Bytes::from(held))))
    };
    match within(longest, whole).await {
        Some(Ok(Some(whole))) => Ok(whole),
        Some(Ok(None)) => {
            linger(body, bytes_max).await;
            Err(ApiError::too_large(bytes_max))
        }
        Some(Err(error)) => Err(error),
        None => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "invalid_request_error",
            "request_timeout",
            "the body came too slowly: send it again".into(),
        )),
    }
}

/// Takes what is left of a body, as long as that is reasonable.
async fn linger<B>(mut body: B, bytes_max: usize)
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let mut left = bytes_max.saturating_mul(LINGER_TIMES_MAX);
    let rest = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(length);
            if left == 0 {
                break;
            }
        }
    };
    within(LINGER, rest).await;
}
