//! Prices: put in force, get.

use api::{
    nouns::price::{PriceGet, PriceLine, PriceList, PriceSet},
    text::Timestamp,
};
use kernel::{Command, price};

use super::{
    fail::Fail,
    mount::{Call, as_of},
    require_operator, unexpected,
};

/// `POST /api/v1/prices`
pub(crate) async fn set(call: Call<PriceSet>) -> Result<PriceList, Fail> {
    require_operator(&call)?;
    let lines = call.body.lines.iter();
    let lines = lines.map(|line| price::Line { per: line.per, amount: line.amount.0 }).collect();
    let accepted = call.submit(Command::Price(price::Command::Set { lines })).await?;
    call.read(|s| s.prices.last().map(|book| dto(book, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/prices/current`
pub(crate) async fn get(call: Call<PriceGet>) -> Result<PriceList, Fail> {
    call.read(|state| {
        let book = state.prices.last().map(|book| dto(book, as_of(state)));
        book.ok_or_else(|| {
            Fail::not_found("price list", "current").remedy("ask the operator to set prices")
        })
    })
}

fn dto(book: &price::Book, seq: u64) -> PriceList {
    let line = |line: &price::Line| PriceLine { per: line.per, amount_microeuro: line.amount };
    PriceList {
        id: book.id,
        lines: book.lines.iter().map(line).collect(),
        version: book.meta.version,
        seq,
        created_at: Timestamp(book.meta.created_at),
    }
}
